/* refold: find the command, parse its options, run it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "processes.h"

static const char *command_name_at(const void *from, int index)
{
    (void)from;
    return cli_commands[index].name;
}

static int unknown_command(const char *name)
{
    const char *near = cli_nearest(name, command_name_at, NULL);
    if (near)
        return cli_usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, near);
    return cli_usage_error(NULL, "unknown command '%s'", name);
}

/* help [COMMAND]; help --man [COMMAND], --completion and --markdown are for packagers. */
static int help(int count, char **words)
{
    const bool man = count > 0 && strcmp(words[0], "--man") == 0;
    if (count > 0 && strcmp(words[0], "--completion") == 0) {
        const char *shell = count > 1 ? words[1] : NULL;
        return cli_help_completion(shell)
                   ? 0
                   : cli_usage_error(NULL, "no completion for '%s': there are bash, zsh and fish",
                                     shell);
    }
    if (count > 0 && strcmp(words[0], "--markdown") == 0) {
        cli_help_markdown();
        return 0;
    }
    const char *name = count > man ? words[man] : NULL;
    const cli_command *command = name ? cli_command_find(name) : NULL;
    if (name && !command)
        return unknown_command(name);
    if (man)
        cli_help_man(command);
    else if (command)
        cli_help_command(command);
    else
        cli_help_overview();
    return 0;
}

static int run_command(const cli_command *command, int count, char **words)
{
    cli_options options;
    cli_session session;
    int code = cli_options_parse(command, count, words, &options);
    if (code)
        return code;
    if (options.help) {
        cli_help_command(command);
        return 0;
    }
    code = cli_session_open(&session, command, &options);
    if (!code && cli_processes_takes_part(&session))
        code = command->run(&session);
    code = cli_processes_leave(&session, code);
    return cli_session_close(&session, code);
}

static int dispatch(int count, char **words)
{
    if (count == 0)
        return cli_usage_error(NULL, "COMMAND is missing");
    if (strcmp(words[0], "--version") == 0) {
        printf("refold %s\n", rf_version());
        return 0;
    }
    if (strcmp(words[0], "help") == 0)
        return help(count - 1, words + 1);
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)
        return help(0, NULL);
    const cli_command *command = cli_command_find(words[0]);
    if (command)
        return run_command(command, count - 1, words + 1);
    if (words[0][0] == '-')
        return cli_usage_error(NULL, "unknown option '%s' before a command", words[0]);
    return unknown_command(words[0]);
}

/* A closed descriptor would be given to the first file opened, and results would land in it. */
static void hold_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/*
 * OpenMP threads that wait for another one spin for milliseconds by default: on cores shared with other programs that made
 * training ten times slower. GCC's runtime reads its limit before main runs, so the program starts itself once more with a
 * short one, unless the user has chosen. Where that fails, it just goes on.
 */
static void limit_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    char self[4096]; /* the link's target, so that the process keeps the program's name */
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0 || setenv("GOMP_SPINCOUNT", "5000", /*overwrite=*/0) != 0)
        return;
    self[length] = 0;
    execv(self, argv);
}

int main(int argc, char **argv)
{
    limit_spinning(argv);
    hold_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is a write error, reported below */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
    int code = dispatch(argc - 1, argv + 1);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0) {
        fprintf(stderr, "refold: error: standard output could not be written: %s\n",
                strerror(errno ? errno : EIO));
        code = CLI_EXIT_FAILED;
    }
    return code;
}
