/* Where results go: checks before the work. */
#include "output_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "input_files.h"
#include "processes.h"

static int out_of_memory(cli_session *s)
{
    return cli_error(s, CLI_EXIT_FAILED, "out of memory");
}

bool cli_path_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* The folder that holds `path`, in new memory. */
static char *folder_of(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    return length > 0 ? strndup(path, length) : strdup(".");
}

static int check_parent(cli_session *s, const char *path)
{
    char *folder = folder_of(path);
    struct stat info;
    int code = 0;
    if (!folder)
        return out_of_memory(s);
    if (stat(folder, &info) != 0)
        code = cli_error(s, CLI_EXIT_FAILED, "cannot write '%s': folder '%s': %s", path, folder,
                         strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        code =
            cli_error(s, CLI_EXIT_FAILED, "cannot write '%s': '%s' is not a folder", path, folder);
    else if (access(folder, W_OK) != 0)
        code = cli_error(s, CLI_EXIT_FAILED, "cannot write '%s': folder '%s': %s", path, folder,
                         strerror(errno));
    free(folder);
    return code;
}

int cli_output_check_replaceable(cli_session *s, const char *path)
{
    if (!cli_speaks(s))
        return 0;
    const size_t length = strlen(path);
    struct stat info;
    const bool exists = stat(path, &info) == 0;
    if (exists ? S_ISDIR(info.st_mode) : path[length - 1] == '/')
        return cli_error(s, CLI_EXIT_FAILED, "output '%s' is a folder, expected the name of a file",
                         path);
    if (exists && !S_ISREG(info.st_mode))
        return cli_error(s, CLI_EXIT_FAILED,
                         "output '%s' is a device or a pipe, expected the name of a file", path);
    if (exists && cli_is_input(s, path))
        return cli_error(s, CLI_EXIT_FAILED,
                         "output '%s' is an input itself, which is never modified", path);
    return check_parent(s, path);
}

int cli_output_check_file(cli_session *s, const char *path)
{
    if (!cli_speaks(s))
        return 0;
    const int code = cli_output_check_replaceable(s, path);
    if (!code && cli_path_exists(path) && !s->options->force)
        return cli_error(s, CLI_EXIT_FAILED, "output '%s' exists; --force overwrites it", path);
    return code;
}

int cli_output_check_folder(cli_session *s, const char *path)
{
    if (!cli_speaks(s))
        return 0;
    struct stat info;
    if (stat(path, &info) != 0)
        return check_parent(s, path);
    if (!S_ISDIR(info.st_mode))
        return cli_error(s, CLI_EXIT_FAILED, "output '%s' is a file, expected a folder", path);
    if (access(path, W_OK) != 0)
        return cli_error(s, CLI_EXIT_FAILED, "cannot write into folder '%s': %s", path,
                         strerror(errno));
    return 0;
}

int cli_output_check_inside(cli_session *s, const char *folder, const char *stem, const char *name)
{
    if (!cli_speaks(s))
        return 0;
    char *begin = cli_path_join(folder, stem);
    char *path = begin ? malloc(strlen(begin) + strlen(name) + 1) : NULL;
    struct stat info;
    int code = 0;
    if (!path)
        code = out_of_memory(s);
    else if (stat(strcat(strcpy(path, begin), name), &info) == 0 && !S_ISREG(info.st_mode))
        code = cli_error(s, CLI_EXIT_FAILED,
                         "output '%s' is a folder, a device or a pipe; expected to write a file",
                         path);
    else if (cli_is_input(s, path))
        code = cli_error(s, CLI_EXIT_FAILED,
                         "output '%s' is an input itself, which is never modified", path);
    free(begin);
    free(path);
    return code;
}

int cli_output_check_exports(cli_session *s)
{
    static const char *const endings[] = { ".onnx", ".encodings", "_qdq.onnx" };
    const cli_options *o = s->options;
    int code = 0;
    for (size_t i = 0; !code && i < sizeof endings / sizeof *endings; i++)
        code = cli_output_check_inside(s, o->output, o->prefix, endings[i]);
    return code;
}

const char *cli_next_entry(DIR *folder)
{
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
    return NULL;
}

int cli_output_check_new_folder(cli_session *s, const char *path)
{
    if (!cli_speaks(s))
        return 0;
    const int code = cli_output_check_folder(s, path);
    DIR *folder = code ? NULL : opendir(path);
    if (!folder)
        return code;
    const bool empty = !cli_next_entry(folder);
    closedir(folder);
    if (!empty && !s->options->force)
        return cli_error(s, CLI_EXIT_FAILED,
                         "output folder '%s' is not empty; --force overwrites its files", path);
    return check_parent(s, path);
}

char *cli_path_join(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    const char *between = *folder && folder[strlen(folder) - 1] == '/' ? "" : "/";
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s", folder, between, name);
    return path;
}
