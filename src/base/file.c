/* Whole files in, atomic files out. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/leftovers.h"
#include "base/status.h"

struct rf_file_writer {
    rf_context *ctx;
    char *path, *temporary;
    int fd;
};

static rf_status fail_errno(rf_context *ctx, const char *verb, const char *path)
{
    return rf_fail(ctx, RF_EIO, "cannot %s '%s': %s", verb, path, strerror(errno));
}

bool rf_file_exists(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0;
}

bool rf_file_is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

rf_status rf_file_make_folder(rf_context *ctx, const char *path)
{
    if (rf_file_is_folder(path) || mkdir(path, 0777) == 0)
        return RF_OK;
    return fail_errno(ctx, "create folder", path);
}

/* Reads until `size` bytes or the end; returns what it got, or -1. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = read(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static rf_status read_open(rf_context *ctx, const char *path, int fd, const rf_file_limit *limit,
                           void **bytes_out, size_t *size_out)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return fail_errno(ctx, "read", path);
    if (!S_ISREG(s.st_mode))
        return rf_fail(ctx, RF_EIO, "cannot read '%s': it is %s, expected a regular file", path,
                       S_ISDIR(s.st_mode) ? "a folder" : "a device or pipe");
    if (limit && s.st_size > limit->bytes)
        return rf_fail(ctx, limit->refusal, "'%s' has %lld bytes, %s at most %lld", path,
                       (long long)s.st_size, limit->what, (long long)limit->bytes);
    char *bytes = rf_alloc(ctx, (size_t)s.st_size + 1);
    if (!bytes)
        return RF_ENOMEM;
    const ssize_t got = read_all(fd, bytes, (size_t)s.st_size);
    if (got != s.st_size) {
        const rf_status st = got < 0 ? fail_errno(ctx, "read", path)
                                     : rf_fail(ctx, RF_EIO, "'%s' ended after %lld of %lld bytes",
                                               path, (long long)got, (long long)s.st_size);
        rf_free(ctx, bytes);
        return st;
    }
    bytes[got] = 0;
    *bytes_out = bytes;
    *size_out = (size_t)got;
    return RF_OK;
}

rf_status rf_file_read(rf_context *ctx, const char *path, void **bytes_out, size_t *size_out)
{
    return rf_file_read_within(ctx, path, NULL, bytes_out, size_out);
}

rf_status rf_file_read_within(rf_context *ctx, const char *path, const rf_file_limit *limit,
                              void **bytes_out, size_t *size_out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(ctx, "open", path);
    const rf_status st = read_open(ctx, path, fd, limit, bytes_out, size_out);
    close(fd);
    return st;
}

static void writer_free(rf_file_writer *w)
{
    rf_free(w->ctx, w->path);
    rf_free(w->ctx, w->temporary);
    rf_free(w->ctx, w);
}

/* The same folder, so that rename stays inside one file system. The lock goes with the process: see leftovers.h. */
static rf_status open_temporary(rf_file_writer *w)
{
    const size_t bytes = strlen(w->path) + sizeof RF_LEFTOVER_MARK + RF_LEFTOVER_RANDOM;
    w->temporary = rf_alloc(w->ctx, bytes);
    if (!w->temporary)
        return RF_ENOMEM;
    rf_leftovers_remove(w->path);
    snprintf(w->temporary, bytes, "%s" RF_LEFTOVER_MARK "XXXXXX", w->path);
    w->fd = mkostemp(w->temporary, O_CLOEXEC);
    if (w->fd < 0)
        return fail_errno(w->ctx, "create a file beside", w->path);
    (void)flock(w->fd, LOCK_EX | LOCK_NB);
    const mode_t mask = umask(0);
    umask(mask);
    (void)!fchmod(w->fd, 0666 & ~mask); /* mkostemp gives 0600 */
    return RF_OK;
}

rf_status rf_file_writer_open(rf_context *ctx, const char *path, bool force, rf_file_writer **out)
{
    if (!force && rf_file_exists(path))
        return rf_fail(ctx, RF_EEXIST,
                       "'%s' exists; choose another name or overwrite it with --force", path);
    if (rf_file_is_folder(path))
        return rf_fail(ctx, RF_EIO, "'%s' is a folder, expected the name of a file", path);
    rf_file_writer *w = rf_calloc(ctx, 1, sizeof *w);
    if (!w)
        return RF_ENOMEM;
    w->ctx = ctx;
    w->fd = -1;
    w->path = rf_strdup(ctx, path);
    const rf_status st = w->path ? open_temporary(w) : RF_ENOMEM;
    if (st != RF_OK) {
        writer_free(w);
        return st;
    }
    *out = w;
    return RF_OK;
}

rf_status rf_file_writer_write(rf_file_writer *w, const void *bytes, size_t size)
{
    const char *rest = bytes;
    while (size > 0) {
        const ssize_t n = write(w->fd, rest, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(w->ctx, "write", w->path);
        rest += n;
        size -= (size_t)n;
    }
    return RF_OK;
}

/* A rename is only durable once its folder is. Some file systems refuse fsync on folders: then so be it. */
static void sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder)
        return;
    memcpy(folder, path, length);
    folder[length] = 0;
    const int fd = open(!slash ? "." : length ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

rf_status rf_file_rename(rf_context *ctx, const char *from, const char *to)
{
    if (rename(from, to) != 0)
        return rf_fail(ctx, RF_EIO, "cannot rename '%s' to '%s': %s", from, to, strerror(errno));
    sync_folder(to);
    return RF_OK;
}

rf_status rf_file_writer_commit(rf_file_writer *w)
{
    rf_context *ctx = w->ctx;
    const bool synced = fsync(w->fd) == 0;
    if (!synced || close(w->fd) != 0 || rename(w->temporary, w->path) != 0) {
        const rf_status st = fail_errno(ctx, "write", w->path);
        if (!synced)
            close(w->fd);
        unlink(w->temporary);
        writer_free(w);
        return st;
    }
    sync_folder(w->path);
    writer_free(w);
    return RF_OK;
}

void rf_file_writer_abort(rf_file_writer *w)
{
    if (!w)
        return;
    close(w->fd);
    unlink(w->temporary);
    writer_free(w);
}

rf_status rf_file_write(rf_context *ctx, const char *path, const void *bytes, size_t size,
                        bool force)
{
    rf_file_writer *w = NULL;
    RF_TRY(rf_file_writer_open(ctx, path, force, &w));
    const rf_status st = rf_file_writer_write(w, bytes, size);
    if (st != RF_OK) {
        rf_file_writer_abort(w);
        return st;
    }
    return rf_file_writer_commit(w);
}
