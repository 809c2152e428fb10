/* A command's surroundings: context, signals, messages to people and to --log. */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "input_files.h"
#include "json_writer.h"
#include "processes.h"

/* A signal handler can see nothing else: these two are the program's only globals. */
static _Atomic(rf_context *) running;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
    rf_context *ctx = atomic_load(&running);
    if (ctx)
        rf_context_interrupt(ctx);
}

/* The first signal asks, the second one kills: the handler is gone by then. */
static void catch_signals(void)
{
    struct sigaction ask = { .sa_handler = on_signal,
                             .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };
    sigemptyset(&ask.sa_mask);
    sigaction(SIGINT, &ask, NULL);
    sigaction(SIGTERM, &ask, NULL);
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The head that every line of the log has: time, seconds since the start, what it is. */
bool cli_log_begin(cli_session *s, cli_json *j, const char *event)
{
    if (!s || !s->log)
        return false;
    char stamp[32];
    const time_t now = time(NULL);
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    cli_json_object(j, NULL);
    cli_json_text(j, "time", stamp);
    cli_json_real(j, "seconds", cli_seconds() - s->start);
    cli_json_text(j, "command", s->command->name);
    cli_json_text(j, "event", event);
    return true;
}

void cli_log_end(cli_session *s, cli_json *j)
{
    cli_json_end(j);
    errno = 0;
    if ((!cli_json_write(j, s->log) || fflush(s->log) != 0) && !s->log_error)
        s->log_error = errno ? errno : EIO;
    cli_json_release(j);
}

static void log_message(cli_session *s, const char *level, const char *text)
{
    cli_json j = { .compact = true };
    if (!cli_log_begin(s, &j, "message"))
        return;
    cli_json_text(&j, "level", level);
    cli_json_text(&j, "text", text);
    cli_log_end(s, &j);
}

static void log_progress(cli_session *s, const rf_progress *p)
{
    cli_json j = { .compact = true };
    if (!cli_log_begin(s, &j, "progress"))
        return;
    cli_json_text(&j, "task", p->task);
    cli_json_int(&j, "done", p->done);
    cli_json_int(&j, "total", p->total);
    cli_json_text(&j, "unit", p->unit);
    cli_json_int(&j, "epoch", p->epoch);
    cli_json_int(&j, "epochs", p->epochs);
    cli_json_real(&j, "img_per_s", p->img_per_s);
    cli_json_real(&j, "seconds_left", p->seconds_left);
    cli_json_real(&j, "loss", p->loss);
    cli_json_real(&j, "top1", p->top1);
    cli_log_end(s, &j);
}

/* One line for people. `colour` is an SGR number, 0: none. */
static void say(cli_session *s, const char *level, int colour, const char *text)
{
    if (s)
        cli_progress_clear(s);
    if (s && s->colour && colour)
        fprintf(stderr, "refold: \033[%dm%s:\033[0m %s\n", colour, level, text);
    else if (colour)
        fprintf(stderr, "refold: %s: %s\n", level, text);
    else
        fprintf(stderr, "refold: %s\n", text);
    log_message(s, level, text);
}

static void on_log(void *user, rf_log_level level, const char *line)
{
    cli_session *s = user;
    if (!cli_speaks(s))
        return;
    if (level == RF_LOG_ERROR)
        say(s, "error", 31, line);
    else if (level == RF_LOG_WARNING)
        say(s, "warning", 33, line);
    else if (level == RF_LOG_INFO ? !s->options->quiet : s->options->verbose)
        say(s, level == RF_LOG_INFO ? "info" : "debug", 0, line);
    else
        log_message(s, level == RF_LOG_INFO ? "info" : "debug", line);
}

static void on_progress(void *user, const rf_progress *progress)
{
    cli_session *s = user;
    log_progress(s, progress);
    if (!s->options->quiet && cli_speaks(s))
        cli_progress_show(s, progress);
}

static void look_at_terminal(cli_session *s)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    s->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    s->colour = s->terminal && !(no_colour && *no_colour);
}

static rf_compute compute_of(const cli_options *options)
{
    if (options->compute && !strcmp(options->compute, "float"))
        return RF_COMPUTE_FLOAT;
    return options->compute && !strcmp(options->compute, "int8") ? RF_COMPUTE_INT8
                                                                 : RF_COMPUTE_AUTO;
}

static int open_log(cli_session *s)
{
    const char *path = s->options->log;
    if (path && cli_speaks(s) && !(s->log = fopen(path, "ae")))
        return cli_error(s, CLI_EXIT_FAILED, "--log '%s': %s", path, strerror(errno));
    return 0;
}

int cli_session_open(cli_session *s, const cli_command *command, const cli_options *options)
{
    *s = (cli_session){ .command = command, .options = options, .start = cli_seconds() };
    look_at_terminal(s);
    catch_signals();
    if (options->quiet && options->verbose)
        return cli_usage_error(command, "--quiet and --verbose exclude each other");
    if (options->log && cli_is_input(s, options->log))
        return cli_error(s, CLI_EXIT_FAILED,
                         "--log '%s' is an input itself, which is never modified", options->log);
    if (options->log && options->output && strcmp(options->log, options->output) == 0)
        return cli_usage_error(command, "--log and --output are both '%s'", options->log);
    const rf_context_options context = { .compute = compute_of(options),
                                         .threads = (int)options->threads,
                                         .seed = (uint64_t)options->seed,
                                         .log = on_log,
                                         .log_user = s,
                                         .progress = on_progress,
                                         .progress_user = s };
    const rf_status st = rf_context_new(&context, &s->ctx);
    if (st)
        return cli_error(s, rf_status_exit_code(st), "%s", rf_status_text(st));
    atomic_store(&running, s->ctx);
    if (interrupted)
        rf_context_interrupt(s->ctx);
    const int code = cli_processes_join(s);
    return code ? code : open_log(s);
}

/* A log that lost lines makes a command that did everything else fail, and is told once, at its end. */
static int close_log(cli_session *s, int code)
{
    FILE *log = s->log;
    s->log = NULL;
    if (log && fclose(log) != 0 && !s->log_error)
        s->log_error = errno ? errno : EIO;
    return s->log_error && code == 0
               ? cli_error(s, CLI_EXIT_FAILED, "--log '%s': %s; lines are missing", s->options->log,
                           strerror(s->log_error))
               : code;
}

int cli_session_close(cli_session *s, int code)
{
    cli_progress_clear(s);
    code = close_log(s, code);
    atomic_store(&running, NULL);
    rf_context_free(s->ctx);
    *s = (cli_session){ 0 };
    return code;
}

/* Gives the code. Among several processes a fault of one is told by that one, with its rank. */
static int report(cli_session *s, int exit_code, const char *text)
{
    char line[1100];
    const bool named = !s || cli_processes_share(s, exit_code) || strncmp(text, "rank ", 5) == 0;
    if (s && !cli_processes_may_report(s, exit_code))
        return exit_code;
    snprintf(line, sizeof line, "rank %d: %s", named ? 0 : rf_distributed_rank(s->ctx), text);
    say(s, "error", 31, named ? text : line);
    return exit_code;
}

int cli_fail(cli_session *s, rf_status status)
{
    const char *text = rf_context_message(s->ctx);
    return report(s, rf_status_exit_code(status), *text ? text : rf_status_text(status));
}

/* Format into `buffer`; a message that is too long loses its end. */
#define FORMAT(buffer, format)                                                                     \
    char buffer[1024];                                                                             \
    do {                                                                                           \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        vsnprintf(buffer, sizeof buffer, format, args_);                                           \
        va_end(args_);                                                                             \
    } while (0)

int cli_error(cli_session *s, int exit_code, const char *format, ...)
{
    FORMAT(text, format);
    return report(s, exit_code, text);
}

int cli_usage_error(const cli_command *command, const char *format, ...)
{
    FORMAT(text, format);
    const size_t length = strlen(text);
    const char *see = length && text[length - 1] == '?' ? " See" : "; see";
    if (command)
        fprintf(stderr, "refold %s: error: %s%s 'refold %s --help'\n", command->name, text, see,
                command->name);
    else
        fprintf(stderr, "refold: error: %s%s 'refold help'\n", text, see);
    return CLI_EXIT_USAGE;
}

void cli_note(cli_session *s, const char *format, ...)
{
    FORMAT(text, format);
    if (!cli_speaks(s))
        return;
    if (s->options->quiet)
        log_message(s, "info", text);
    else
        say(s, "info", 0, text);
}

void cli_warn(cli_session *s, const char *format, ...)
{
    FORMAT(text, format);
    if (cli_speaks(s))
        say(s, "warning", 33, text);
}
