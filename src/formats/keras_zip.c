/* The zip files of Keras 3, through libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "base/status.h"
#include "formats/keras.h"

/* Keras stores without compression; what expands beyond this is no model. */
#define EXPANSION_LIMIT 16
#define EXPANSION_FLOOR (1 << 20)

enum { MEMBER_LIMIT = 65536 };

bool rf_keras_is_zip(const void *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\x03\x04", 4) == 0;
}

static rf_status fail_zip(rf_context *ctx, struct archive *a)
{
    const char *text = archive_error_string(a);
    return rf_fail(ctx, RF_EMODEL, "a damaged .keras file: %s",
                   text ? text : "its members cannot be read");
}

static rf_status read_data(rf_context *ctx, struct archive *a, const char *member, size_t limit,
                           void **out, size_t *size_out)
{
    RF_VEC(char) data = { 0 };
    for (;;) {
        char block[16384];
        const la_ssize_t got = archive_read_data(a, block, sizeof block);
        rf_status st = RF_OK;
        if (got < 0)
            st = fail_zip(ctx, a);
        else if ((size_t)got > limit - data.count)
            st = rf_fail(ctx, RF_EMODEL, "a damaged .keras file: member '%s' is too large", member);
        for (la_ssize_t i = 0; i < got && !st; i++)
            st = RF_VEC_PUSH(ctx, &data, block[i]);
        if (!st && got > 0)
            continue;
        if (!st)
            st = RF_VEC_PUSH(ctx, &data, '\0');
        if (st) {
            RF_VEC_RELEASE(ctx, &data);
            return st;
        }
        *out = data.items;
        *size_out = data.count - 1;
        return RF_OK;
    }
}

static rf_status find_member(rf_context *ctx, struct archive *a, const char *member, size_t limit,
                             void **out, size_t *size_out)
{
    for (int i = 0; i < MEMBER_LIMIT; i++) {
        struct archive_entry *e;
        const int result = archive_read_next_header(a, &e);
        if (result == ARCHIVE_EOF)
            return RF_OK;
        if (result < ARCHIVE_WARN)
            return fail_zip(ctx, a);
        const char *name = archive_entry_pathname(e);
        if (name && strcmp(name, member) == 0)
            return read_data(ctx, a, member, limit, out, size_out);
    }
    return RF_OK;
}

rf_status rf_keras_unzip(rf_context *ctx, const void *bytes, size_t size, const char *member,
                         void **out, size_t *size_out)
{
    struct archive *a = archive_read_new();
    rf_status st = RF_OK;
    *out = NULL;
    *size_out = 0;
    if (!a)
        return rf_fail(ctx, RF_ENOMEM, "out of memory");
    archive_read_support_format_zip(a);
    if (archive_read_open_memory(a, bytes, size) != ARCHIVE_OK)
        st = fail_zip(ctx, a);
    else
        st = find_member(ctx, a, member, size * EXPANSION_LIMIT + EXPANSION_FLOOR, out, size_out);
    archive_read_free(a);
    return st;
}

/* --- writing --- */

static bool write_member(struct archive *a, const char *name, const void *bytes, size_t size)
{
    struct archive_entry *e = archive_entry_new();
    if (!e)
        return false;
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)size);
    archive_entry_set_mtime(e, 315532800, 0); /* 1980: the same model gives the same bytes */
    const bool done = archive_write_header(a, e) == ARCHIVE_OK &&
                      archive_write_data(a, bytes, size) == (la_ssize_t)size;
    archive_entry_free(e);
    return done;
}

static bool write_members(struct archive *a, const char *json, const void *metadata,
                          size_t metadata_size, const void *h5, size_t h5_size)
{
    return archive_write_zip_set_compression_store(a) == ARCHIVE_OK &&
           (!metadata || write_member(a, "metadata.json", metadata, metadata_size)) &&
           write_member(a, "config.json", json, strlen(json)) &&
           write_member(a, "model.weights.h5", h5, h5_size) && archive_write_close(a) == ARCHIVE_OK;
}

rf_status rf_keras_rezip(rf_context *ctx, const void *bytes, size_t size, const char *json,
                         const void *h5, size_t h5_size, void **out, size_t *size_out)
{
    void *metadata = NULL;
    size_t metadata_size = 0, used = 0;
    if (bytes)
        RF_TRY(rf_keras_unzip(ctx, bytes, size, "metadata.json", &metadata, &metadata_size));
    const size_t room = h5_size + strlen(json) + metadata_size + 65536;
    char *buffer = rf_alloc(ctx, room);
    struct archive *a = archive_write_new();
    rf_status st = buffer && a ? RF_OK : RF_ENOMEM;
    if (!st && (archive_write_set_format_zip(a) != ARCHIVE_OK ||
                archive_write_open_memory(a, buffer, room, &used) != ARCHIVE_OK ||
                !write_members(a, json, metadata, metadata_size, h5, h5_size)))
        st = rf_fail(ctx, RF_EIO, "the .keras file cannot be written");
    archive_write_free(a);
    rf_free(ctx, metadata);
    if (st) {
        rf_free(ctx, buffer);
        return st;
    }
    *out = buffer;
    *size_out = used;
    return RF_OK;
}
