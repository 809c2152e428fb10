/* Whole files in, atomic files out. */
#ifndef RF_BASE_FILE_H
#define RF_BASE_FILE_H

#include "base/context.h"

/* Read a regular file. *bytes_out is freed with rf_free and has one 0 byte behind its end. RF_EIO names path and cause. */
rf_status rf_file_read(rf_context *ctx, const char *path, void **bytes_out, size_t *size_out);

/* What a kind of file may have: beyond it, `refusal` before a byte is read. */
typedef struct rf_file_limit {
    int64_t bytes;
    rf_status refusal;
    const char *what; /* "an encodings file has" */
} rf_file_limit;
rf_status rf_file_read_within(rf_context *ctx, const char *path, const rf_file_limit *limit,
                              void **bytes_out, size_t *size_out);

/* An output that appears whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder. */
typedef struct rf_file_writer rf_file_writer;
/* RF_EEXIST unless `force` when path exists. */
rf_status rf_file_writer_open(rf_context *ctx, const char *path, bool force, rf_file_writer **out);
rf_status rf_file_writer_write(rf_file_writer *writer, const void *bytes, size_t size);
rf_status rf_file_writer_commit(
    rf_file_writer *writer);                       /* frees the writer, whatever comes of it */
void rf_file_writer_abort(rf_file_writer *writer); /* removes the temporary file; accepts NULL */

/* All three in one. */
rf_status rf_file_write(rf_context *ctx, const char *path, const void *bytes, size_t size,
                        bool force);

/* Within one folder, which is synced. RF_EIO. */
rf_status rf_file_rename(rf_context *ctx, const char *from, const char *to);

bool rf_file_exists(const char *path);
bool rf_file_is_folder(const char *path);
/* Create one folder if it is missing (parents must exist). RF_EIO. */
rf_status rf_file_make_folder(rf_context *ctx, const char *path);

#endif
