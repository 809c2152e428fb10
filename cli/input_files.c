/* The files that a command reads: no output, log or checkpoint may land on one of them. */
#include "input_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"

static bool is_same(const struct stat *file, const char *path)
{
    struct stat other;
    return path && stat(path, &other) == 0 && other.st_dev == file->st_dev &&
           other.st_ino == file->st_ino;
}

/* A specification of data names files itself ("x.tar") or behind a kind ("npy:x.npy,y.npy"). */
static bool is_in_spec(const struct stat *file, const char *spec)
{
    if (!spec || is_same(file, spec))
        return spec != NULL;
    const char *colon = strchr(spec, ':');
    char *list = strdup(colon ? colon + 1 : spec), *rest = list;
    bool found = false;
    for (const char *part; !found && (part = rest ? strsep(&rest, ",") : NULL);)
        found = is_same(file, part);
    free(list);
    return found;
}

/* "X.npy" or "NAME=X.npy"; a name may hold '=' itself. */
static bool is_in_inputs(const struct stat *file, const cli_texts *inputs)
{
    for (int i = 0; i < inputs->count; i++) {
        for (const char *path = inputs->items[i]; path; path = strchr(path, '=')) {
            path += *path == '=';
            if (is_same(file, path))
                return true;
        }
    }
    return false;
}

bool cli_is_input(const cli_session *s, const char *path)
{
    const cli_options *o = s->options;
    struct stat file;
    return stat(path, &file) == 0 &&
           (is_same(&file, o->operand) || is_same(&file, o->second_operand) ||
            is_same(&file, o->config) || is_in_spec(&file, o->data) ||
            is_in_spec(&file, o->validation) || is_in_inputs(&file, &o->inputs) ||
            is_same(&file, o->weights) || is_same(&file, o->model_template) ||
            is_same(&file, o->analysis));
}
