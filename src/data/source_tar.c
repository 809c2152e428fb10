/* FILE.tar: class folders in a tar file, gzip or not; the compressed images stay in memory. */
#include "data/image_list.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"

#define MEMBER_LIMIT 268435456 /* bytes */
#define DEFLATE_MAX_RATIO 1032 /* what one compressed byte can become */

/* An open tar file. */
typedef struct tar_file {
    rf_image_list *list;
    struct archive *archive;
    int64_t left; /* bytes of members that a file of its size can still hold */
} tar_file;

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

static rf_status fail_archive(const tar_file *t)
{
    const char *text = archive_error_string(t->archive);
    return rf_fail(t->list->source.ctx, RF_EDATA, "'%s' is a damaged tar file: %s, near byte %lld",
                   t->list->place, text ? text : "it is cut off",
                   (long long)archive_filter_bytes(t->archive, -1));
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

/* Memory is only asked for when the file can hold so much: sparse members and claims cost nothing in the file. */
static rf_status check_member(tar_file *t, const char *path, int64_t size)
{
    rf_context *ctx = t->list->source.ctx;
    if (size < 0 || size > MEMBER_LIMIT)
        return rf_fail(ctx, RF_EDATA, "'%s': member '%s' has %lld bytes, expected at most %d",
                       t->list->place, path, (long long)size, MEMBER_LIMIT);
    if (size > t->left)
        return rf_fail(ctx, RF_EDATA,
                       "'%s': member '%s' declares %lld bytes, but a file of this size can hold at "
                       "most %lld more",
                       t->list->place, path, (long long)size, (long long)t->left);
    t->left -= size;
    return RF_OK;
}

static rf_status read_member(tar_file *t, const char *path, int64_t size, void **out)
{
    RF_TRY(check_member(t, path, size));
    char *bytes = rf_arena_alloc(&t->list->arena, (size_t)size);
    if (!bytes)
        return RF_ENOMEM;
    if (archive_read_data(t->archive, bytes, (size_t)size) != size)
        return fail_archive(t);
    *out = bytes;
    return RF_OK;
}

static rf_status add_member(tar_file *t, struct archive_entry *e)
{
    rf_image_list *list = t->list;
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
    file.path = rf_arena_strdup(&list->arena, path);
    if (!file.path)
        return RF_ENOMEM;
    void *bytes = NULL;
    RF_TRY(read_member(t, path, archive_entry_size(e), &bytes));
    file.bytes = bytes;
    RF_TRY(rf_image_list_add_class(list, file.class_name));
    return rf_image_list_add(list, &file);
}

/* libarchive takes off one gzip after the other; each could multiply the work by a thousand. */
static rf_status check_filters(const tar_file *t)
{
    enum { GZIP_AND_FILE = 2 };
    if (archive_filter_count(t->archive) <= GZIP_AND_FILE)
        return RF_OK;
    return rf_fail(t->list->source.ctx, RF_EDATA,
                   "'%s' is compressed more than once; expected a tar file, gzip or not",
                   t->list->place);
}

static rf_status read_members(tar_file *t)
{
    for (struct archive_entry *e;;) {
        const int result = archive_read_next_header(t->archive, &e);
        RF_TRY(check_filters(t));
        if (result == ARCHIVE_EOF)
            return RF_OK;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return fail_archive(t);
        RF_TRY(add_member(t, e));
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
    struct stat s;
    if (stat(list->place, &s) != 0)
        return rf_fail(list->source.ctx, RF_EIO, "cannot open '%s': no such file", list->place);
    tar_file t = { .list = list, .archive = archive_read_new() };
    if (!t.archive)
        return rf_fail(list->source.ctx, RF_ENOMEM, "'%s': out of memory", list->place);
    t.left = s.st_size > INT64_MAX / DEFLATE_MAX_RATIO ? INT64_MAX : s.st_size * DEFLATE_MAX_RATIO;
    archive_read_support_filter_gzip(t.archive);
    archive_read_support_format_tar(t.archive);
    rf_status st = archive_read_open_filename(t.archive, list->place, 1 << 18) == ARCHIVE_OK
                       ? read_members(&t)
                       : fail_archive(&t);
    if (st == RF_OK)
        st = check_end(list);
    archive_read_free(t.archive);
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
