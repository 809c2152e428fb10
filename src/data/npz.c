/* NumPy .npz files, through libarchive. */
#include "data/npz.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tensor/npy.h"

#define DEFLATE_MAX_RATIO 1032 /* what one compressed byte can become */

/* An open zip file. */
typedef struct zip_file {
    rf_npz *npz;
    const char *path;
    struct archive *archive;
    int64_t
        left; /* bytes that may still be unpacked: members that share their compressed bytes must not add up */
} zip_file;

static rf_status fail_zip(const zip_file *z)
{
    const char *text = archive_error_string(z->archive);
    return rf_fail(z->npz->ctx, RF_EDATA, "'%s' is a damaged .npz file: %s", z->path,
                   text ? text : "no reason given");
}

static rf_status parse_member(const zip_file *z, const char *name, size_t name_length,
                              const void *bytes, size_t size)
{
    rf_npz *npz = z->npz;
    const char *label = rf_arena_printf(&npz->arena, "%s: %s", z->path, name);
    rf_npz_item item = { rf_arena_strndup(&npz->arena, name, name_length), NULL };
    if (!label || !item.name)
        return RF_ENOMEM;
    if (rf_npz_find(npz, item.name))
        return rf_fail(npz->ctx, RF_EDATA, "'%s': array '%s' is there twice", z->path, item.name);
    RF_TRY(rf_npy_parse(npz->ctx, label, bytes, size, &item.tensor));
    if (RF_VEC_PUSH(npz->ctx, &npz->items, item) != RF_OK) {
        rf_tensor_free(item.tensor);
        return RF_ENOMEM;
    }
    return rf_map_put(&npz->tensors, item.name, item.tensor);
}

static rf_status read_member(zip_file *z, struct archive_entry *e, const char *name,
                             size_t name_length)
{
    rf_context *ctx = z->npz->ctx;
    const int64_t size = archive_entry_size(e);
    if (!archive_entry_size_is_set(e) || size < 0 || size > z->left)
        return rf_fail(ctx, RF_EDATA,
                       "'%s': array '%s' declares %lld bytes, but a file of this size can hold "
                       "at most %lld more",
                       z->path, name, (long long)size, (long long)z->left);
    z->left -= size;
    void *bytes = rf_alloc(ctx, (size_t)size);
    if (!bytes)
        return RF_ENOMEM;
    const rf_status st = archive_read_data(z->archive, bytes, (size_t)size) == size
                             ? parse_member(z, name, name_length, bytes, (size_t)size)
                             : fail_zip(z);
    rf_free(ctx, bytes);
    return st;
}

static rf_status read_members(zip_file *z)
{
    for (struct archive_entry *e;;) {
        const int result = archive_read_next_header(z->archive, &e);
        if (result == ARCHIVE_EOF)
            return RF_OK;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return fail_zip(z);
        const char *name = archive_entry_pathname(e);
        const size_t length = name ? strlen(name) : 0;
        if (length > 4 && strcmp(name + length - 4, ".npy") == 0)
            RF_TRY(read_member(z, e, name, length - 4));
    }
}

static rf_status open_zip(zip_file *z)
{
    struct stat s;
    if (stat(z->path, &s) != 0)
        return rf_fail(z->npz->ctx, RF_EIO, "cannot open '%s': %s", z->path, strerror(errno));
    z->left = s.st_size > INT64_MAX / DEFLATE_MAX_RATIO ? INT64_MAX : s.st_size * DEFLATE_MAX_RATIO;
    z->archive = archive_read_new();
    if (!z->archive)
        return rf_fail(z->npz->ctx, RF_ENOMEM, "'%s': out of memory", z->path);
    archive_read_support_format_zip_seekable(z->archive); /* by the directory: sizes are known */
    const rf_status st = archive_read_open_filename(z->archive, z->path, 1 << 18) == ARCHIVE_OK
                             ? read_members(z)
                             : fail_zip(z);
    archive_read_free(z->archive);
    return st;
}

rf_status rf_npz_read(rf_context *ctx, const char *path, rf_npz *out)
{
    rf_npz npz = { .ctx = ctx };
    rf_arena_init(&npz.arena, ctx);
    rf_map_init(&npz.tensors, ctx);
    zip_file z = { .npz = &npz, .path = path };
    const rf_status st = open_zip(&z);
    if (st == RF_OK)
        *out = npz;
    else
        rf_npz_release(&npz);
    return st;
}

void rf_npz_release(rf_npz *npz)
{
    for (size_t i = 0; i < npz->items.count; i++)
        rf_tensor_free(npz->items.items[i].tensor);
    RF_VEC_RELEASE(npz->ctx, &npz->items);
    rf_map_release(&npz->tensors);
    rf_arena_release(&npz->arena);
}

const rf_tensor *rf_npz_find(const rf_npz *npz, const char *name)
{
    return rf_map_find(&npz->tensors, name);
}
