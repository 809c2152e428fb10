/* Files that appear together or not at all: written into a temporary folder beside their place, then moved. */
#include "export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static char *join(rf_context *ctx, const char *dir, const char *name)
{
    const size_t bytes = strlen(dir) + strlen(name) + 2;
    char *path = rf_alloc(ctx, bytes);
    if (path)
        snprintf(path, bytes, "%s/%s", dir, name);
    return path;
}

rf_status rf_staging_init(rf_staging *staging, rf_context *ctx, const char *dir)
{
    *staging = (rf_staging){ .ctx = ctx, .dir = dir };
    staging->made_dir = !rf_file_exists(dir);
    rf_status st = rf_file_make_folder(ctx, dir);
    if (st) {
        staging->made_dir = false;
        return st;
    }
    staging->folder = join(ctx, dir, ".export-XXXXXX");
    if (!staging->folder)
        return RF_ENOMEM;
    if (!mkdtemp(staging->folder)) {
        st = rf_fail(ctx, RF_EIO, "cannot write into folder '%s': %s", dir, strerror(errno));
        rf_free(ctx, staging->folder);
        staging->folder = NULL;
        return st;
    }
    return RF_OK;
}

rf_status rf_staging_add(rf_staging *staging, const char *name, const char **path_out)
{
    struct rf_staged *file = &staging->files[staging->count++];
    file->temporary = join(staging->ctx, staging->folder, name);
    file->final = join(staging->ctx, staging->dir, name);
    if (!file->temporary || !file->final)
        return RF_ENOMEM;
    *path_out = file->temporary;
    return RF_OK;
}

/* A rename lasts through a power cut only once its folder is on the disk. */
static void sync_folder(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* Take back what a failed publish has moved already. */
static void withdraw(rf_staging *staging, int count)
{
    for (int i = 0; i < count; i++)
        unlink(staging->files[i].final);
}

rf_status rf_staging_publish(rf_staging *staging)
{
    for (int i = 0; i < staging->count; i++) {
        struct rf_staged *file = &staging->files[i];
        if (!rename(file->temporary, file->final))
            continue;
        const rf_status st = rf_fail(staging->ctx, RF_EIO, "cannot move '%s' to '%s': %s",
                                     file->temporary, file->final, strerror(errno));
        withdraw(staging, i);
        return st;
    }
    staging->made_dir = false;
    sync_folder(staging->dir);
    return RF_OK;
}

void rf_staging_release(rf_staging *staging)
{
    if (!staging->ctx) /* never begun */
        return;
    for (int i = 0; i < staging->count; i++) {
        if (staging->files[i].temporary)
            unlink(staging->files[i].temporary); /* gone already where it was published */
        rf_free(staging->ctx, staging->files[i].temporary);
        rf_free(staging->ctx, staging->files[i].final);
    }
    if (staging->folder)
        rmdir(staging->folder);
    if (staging->made_dir)
        rmdir(staging->dir);
    rf_free(staging->ctx, staging->folder);
}
