/* The folder that `run` works in: private names inside it, a lock on it, and what becomes of it. */
#include "work_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "json_writer.h"
#include "option_json.h"
#include "output_path.h"
#include "processes.h"
#include "report_input.h"

#define SUFFIX ".partial"
#define CHECKPOINT "checkpoint.safetensors"
#define OPTIONS "options.json"

/* Not for the output: what only a run that is under way needs. */
static bool is_private(const char *name)
{
    return strncmp(name, CHECKPOINT, sizeof CHECKPOINT - 1) == 0 || strcmp(name, OPTIONS) == 0;
}

static int out_of_memory(cli_session *s)
{
    return cli_error(s, CLI_EXIT_FAILED, "out of memory");
}

/* --- entries --- */

static bool always(const char *name)
{
    (void)name;
    return true;
}

static void remove_files(const char *path, bool (*which)(const char *name))
{
    DIR *folder = opendir(path);
    const char *name;
    while ((name = cli_next_entry(folder))) {
        if (which(name))
            (void)unlinkat(dirfd(folder), name, 0);
    }
    if (folder)
        closedir(folder);
}

static bool has_checkpoint(const char *path)
{
    static const char *const names[] = { CHECKPOINT, CHECKPOINT ".1" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *file = cli_path_join(path, names[i]);
        const bool found = file && cli_path_exists(file);
        free(file);
        if (found)
            return true;
    }
    return false;
}

/* Both are folders of plain files. */
static int move_files(cli_session *s, const char *from, const char *to)
{
    int code = 0;
    DIR *folder = opendir(from);
    if (!folder)
        return cli_error(s, CLI_EXIT_FAILED, "cannot read folder '%s': %s", from, strerror(errno));
    const char *name;
    while (!code && (name = cli_next_entry(folder))) {
        if (is_private(name))
            continue;
        char *source = cli_path_join(from, name), *target = cli_path_join(to, name);
        if (!source || !target)
            code = out_of_memory(s);
        else if (rename(source, target) != 0)
            code = cli_error(s, CLI_EXIT_FAILED, "cannot write '%s': %s", target, strerror(errno));
        free(source);
        free(target);
    }
    closedir(folder);
    return code;
}

/* --- what the run was asked for --- */

/* Everything that the result depends on: a checkpoint warns of other threads by itself. */
static void describe(const cli_session *s, cli_json *j)
{
    cli_options o = *s->options;
    o.resume = false;
    o.threads = 0;
    o.checkpoint_every = 0;
    cli_json_document(j, "run");
    cli_json_text(j, "model", o.operand);
    cli_json_options(j, "options", s->command, &o);
    cli_json_end(j);
}

static int write_options(cli_session *s, const char *path, const cli_json *j)
{
    FILE *file = fopen(path, "we");
    bool ok = file && cli_json_write(j, file);
    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0
              : cli_error(s, CLI_EXIT_FAILED, "cannot write '%s': %s", path,
                          strerror(errno ? errno : EIO));
}

/* The file holds the text and its newline. */
static bool holds(const char *path, const cli_json *j)
{
    FILE *file = fopen(path, "re");
    char *found = malloc(j->length + 2);
    const size_t size = file && found ? fread(found, 1, j->length + 2, file) : 0;
    const bool same = size > 0 && size - 1 == j->length && memcmp(found, j->text, j->length) == 0;
    if (file)
        fclose(file);
    free(found);
    return same;
}

static int settle_options(cli_session *s, const char *folder, bool continues)
{
    cli_json j = { 0 };
    char *path = cli_path_join(folder, OPTIONS);
    int code = 0;
    describe(s, &j);
    if (!path || j.failed)
        code = out_of_memory(s);
    else if (!continues)
        code = write_options(s, path, &j);
    else if (!holds(path, &j))
        code = cli_error(s, CLI_EXIT_FAILED,
                         "'%s' holds a run with other options, which '%s' tells; give the same, or "
                         "start anew with --force",
                         folder, path);
    free(path);
    cli_json_release(&j);
    return code;
}

/* --- the folder --- */

/* `path` without slashes at its end, and `suffix`, in new memory. */
static char *beside(const char *path, const char *suffix)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    char *made = malloc(length + strlen(suffix) + 1);
    if (made) {
        memcpy(made, path, length);
        strcpy(made + length, suffix);
    }
    return made;
}

/* A rank other than 0: nobody keeps what it writes, and the output's folder may not exist here. */
static int begin_unseen(cli_session *s, cli_work_folder *w)
{
    const char *root = getenv("TMPDIR");
    w->path = beside(root ? root : "/tmp/refold", SUFFIX "-XXXXXX");
    w->lock = -1;
    if (!w->path)
        return out_of_memory(s);
    if (mkdtemp(w->path))
        return 0;
    const int code =
        cli_error(s, CLI_EXIT_FAILED, "cannot make folder '%s': %s", w->path, strerror(errno));
    free(w->path);
    w->path = NULL;
    return code;
}

static int lock(cli_session *s, cli_work_folder *w)
{
    if (mkdir(w->path, 0777) != 0 && errno != EEXIST)
        return cli_error(s, CLI_EXIT_FAILED, "cannot make folder '%s': %s", w->path,
                         strerror(errno));
    w->lock = open(w->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (w->lock < 0)
        return cli_error(s, CLI_EXIT_FAILED, "cannot work in '%s': %s", w->path, strerror(errno));
    if (flock(w->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return 0;
    close(w->lock);
    w->lock = -1;
    return cli_error(s, CLI_EXIT_FAILED, "another run is working in '%s'", w->path);
}

/* The folder may hold what an earlier run left. */
static int take_over(cli_session *s, const cli_work_folder *w)
{
    const cli_options *o = s->options;
    const bool found = has_checkpoint(w->path), continues = found && o->resume;
    if (found && !o->resume && !o->force)
        return cli_error(
            s, CLI_EXIT_FAILED,
            "'%s' holds a run that was cut short; --resume continues it, --force starts "
            "anew",
            w->path);
    if (!continues)
        remove_files(w->path, always);
    return settle_options(s, w->path, continues);
}

static void discard(const char *path)
{
    remove_files(path, always);
    (void)rmdir(path);
}

static void forget(cli_work_folder *w)
{
    if (w->lock >= 0)
        close(w->lock);
    free(w->path);
    free(w->checkpoint);
    *w = (cli_work_folder){ .lock = -1 };
}

int cli_work_begin(cli_session *s, cli_work_folder *out)
{
    const cli_options *o = s->options;
    cli_work_folder w = { .lock = -1 };
    int code = 0;
    if (cli_speaks(s)) {
        w.path = beside(o->output, SUFFIX);
        code = w.path ? lock(s, &w) : out_of_memory(s);
        if (!code)
            code = take_over(s, &w);
    } else {
        code = begin_unseen(s, &w);
    }
    if (!code) {
        w.checkpoint = o->checkpoint ? strdup(o->checkpoint) : cli_path_join(w.path, CHECKPOINT);
        code = w.checkpoint ? 0 : out_of_memory(s);
    }
    if (!code) {
        *out = w;
        return 0;
    }
    if (w.lock >= 0 && !has_checkpoint(w.path))
        discard(w.path);
    forget(&w);
    return code;
}

/* --- into a folder that is there already --- */

/* What lies in `from` and not in `to` lies in both then. False: folders among it, or no links on this file system. */
static bool link_others(const char *from, const char *to)
{
    DIR *source = opendir(from), *target = opendir(to);
    bool all = source && target;
    const char *name;
    while (all && (name = cli_next_entry(source)))
        all = linkat(dirfd(source), name, dirfd(target), name, 0) == 0 || errno == EEXIST;
    if (source)
        closedir(source);
    if (target)
        closedir(target);
    return all;
}

static bool is_link(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/*
 * The two folders change names in one step: who looks sees the old files or the new ones, whenever the program is killed.
 * Files of the user's own that lie among the old ones are in both folders by then. The old folder is locked, so that no
 * other run takes it for one that it may work in before it is gone.
 */
static bool exchange(const char *path, const char *output)
{
    remove_files(output, is_private); /* of a run that was killed when it was done */
    if (is_link(output) || !link_others(output, path))
        return false;
    const int old = open(output, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const bool locked = old >= 0 && flock(old, LOCK_EX | LOCK_NB) == 0;
    const bool done = locked && renameat2(AT_FDCWD, path, AT_FDCWD, output, RENAME_EXCHANGE) == 0;
    if (done) {
        remove_files(output, is_private);
        discard(path);
    }
    if (old >= 0)
        close(old);
    return done;
}

/* Where the system cannot exchange them, file by file. */
static int replace(cli_session *s, const char *path, const char *output)
{
    if (exchange(path, output))
        return 0;
    const int code = move_files(s, path, output);
    if (!code)
        discard(path);
    return code;
}

static void sync_parent(const char *path)
{
    char *parent = beside(path, "/..");
    const int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd); /* some file systems refuse it on folders: then so be it */
        close(fd);
    }
    free(parent);
}

int cli_work_commit(cli_session *s, cli_work_folder *w)
{
    const char *output = s->options->output;
    const bool renamed = cli_speaks(s) && rename(w->path, output) == 0;
    const int cause = errno;
    int code = 0;
    if (!cli_speaks(s))
        discard(w->path);
    else if (renamed)
        remove_files(output, is_private);
    else if (cause == ENOTEMPTY || cause == EEXIST || (cause == ENOTDIR && cli_is_folder(output)))
        code = replace(s, w->path, output);
    else
        code = cli_error(s, CLI_EXIT_FAILED, "cannot rename '%s' to '%s': %s", w->path, output,
                         strerror(cause));
    if (!code && cli_speaks(s))
        sync_parent(output);
    if (!code)
        forget(w);
    return code;
}

void cli_work_end(cli_session *s, cli_work_folder *w)
{
    if (!w->path)
        return;
    if (!cli_speaks(s) || !has_checkpoint(w->path))
        discard(w->path);
    else
        cli_note(s, "what was trained is in '%s'; --resume continues from there", w->path);
    forget(w);
}
