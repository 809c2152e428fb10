/* FILE.tar: class folders in a tar file, gzip or not; the compressed images stay in memory. */
#include "data/image_list.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

#define MEMBER_LIMIT 268435456 /* bytes */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool matches(const char *spec)
{
    return (ends_with(spec, ".tar") || ends_with(spec, ".tar.gz") || ends_with(spec, ".tgz")) &&
           !rf_file_is_folder(spec);
}

static rf_status fail_archive(rf_image_list *list, struct archive *a)
{
    const char *text = archive_error_string(a);
    return rf_fail(list->source.ctx, RF_EDATA, "'%s' is a damaged tar file: %s, near byte %lld",
                   list->place, text ? text : "it is cut off",
                   (long long)archive_filter_bytes(a, -1));
}

/* The class is the folder directly above the file; NULL when there is none. */
static const char *class_of(rf_arena *arena, const char *path)
{
    const char *end = strrchr(path, '/');
    const char *begin = end;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    if (!begin || begin == end || *begin == '.')
        return NULL;
    return rf_arena_strndup(arena, begin, (size_t)(end - begin));
}

static rf_status read_member(rf_image_list *list, struct archive *a, int64_t size, void **out)
{
    char *bytes = rf_arena_alloc(&list->arena, (size_t)size);
    if (!bytes)
        return RF_ENOMEM;
    if (archive_read_data(a, bytes, (size_t)size) != size)
        return fail_archive(list, a);
    *out = bytes;
    return RF_OK;
}

static rf_status add_member(rf_image_list *list, struct archive *a, struct archive_entry *e)
{
    const char *path = archive_entry_pathname(e);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;
    if (!path || archive_entry_filetype(e) != AE_IFREG || rf_is_hidden_name(name))
        return RF_OK;
    rf_image_file file = { .class_name = class_of(&list->arena, path),
                           .size = (size_t)archive_entry_size(e) };
    if (!file.class_name || !rf_is_image_name(name)) {
        list->skipped++;
        return RF_OK;
    }
    if (archive_entry_size(e) < 0 || archive_entry_size(e) > MEMBER_LIMIT)
        return rf_fail(list->source.ctx, RF_EDATA,
                       "'%s': member '%s' has %lld bytes, expected at most %d", list->place, path,
                       (long long)archive_entry_size(e), MEMBER_LIMIT);
    file.path = rf_arena_strdup(&list->arena, path);
    if (!file.path)
        return RF_ENOMEM;
    void *bytes = NULL;
    RF_TRY(read_member(list, a, archive_entry_size(e), &bytes));
    file.bytes = bytes;
    RF_TRY(rf_image_list_add_class(list, file.class_name));
    return rf_image_list_add(list, &file);
}

static rf_status read_members(rf_image_list *list, struct archive *a)
{
    for (struct archive_entry *e;;) {
        const int result = archive_read_next_header(a, &e);
        if (result == ARCHIVE_EOF)
            return RF_OK;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return fail_archive(list, a);
        RF_TRY(add_member(list, a, e));
    }
}

/*
 * A tar file ends with blocks of zeros. libarchive does not ask for them, so a file cut off between two members would
 * pass for a smaller data set. Compressed files have an end of their own.
 */
static rf_status check_end(rf_image_list *list)
{
    unsigned char block[512] = { 0 };
    FILE *f = fopen(list->place, "rbe");
    bool zero = true;
    if (!f)
        return rf_fail(list->source.ctx, RF_EIO, "cannot open '%s': %s", list->place,
                       strerror(errno));
    const bool gzip = fread(block, 1, 2, f) == 2 && block[0] == 0x1f && block[1] == 0x8b;
    const bool read =
        fseek(f, -(long)sizeof block, SEEK_END) == 0 && fread(block, sizeof block, 1, f) == 1;
    for (size_t i = 0; read && i < sizeof block; i++)
        zero = zero && block[i] == 0;
    fclose(f);
    if (gzip || (read && zero))
        return RF_OK;
    return rf_fail(list->source.ctx, RF_EDATA,
                   "'%s' is a damaged tar file: it is cut off, the zeros that end one are missing",
                   list->place);
}

static rf_status open_archive(rf_image_list *list)
{
    struct archive *a = archive_read_new();
    if (!a)
        return rf_fail(list->source.ctx, RF_ENOMEM, "'%s': out of memory", list->place);
    archive_read_support_filter_gzip(a);
    archive_read_support_format_tar(a);
    rf_status st;
    if (!rf_file_exists(list->place))
        st = rf_fail(list->source.ctx, RF_EIO, "cannot open '%s': no such file", list->place);
    else if (archive_read_open_filename(a, list->place, 1 << 18) != ARCHIVE_OK)
        st = fail_archive(list, a);
    else
        st = read_members(list, a);
    if (st == RF_OK)
        st = check_end(list);
    archive_read_free(a);
    return st;
}

static rf_status open_tar(rf_context *ctx, const char *spec, rf_source **out)
{
    rf_image_list *list = NULL;
    RF_TRY(rf_image_list_new(ctx, spec, /*in_memory=*/true, &list));
    const rf_status st = open_archive(list);
    if (st != RF_OK) {
        rf_image_list_free(list);
        return st;
    }
    return rf_image_list_finish(list, out);
}

const rf_source_row rf_source_tar = { .form = "FILE.tar", .matches = matches, .open = open_tar };
