/* Image files below class folders: sorting, labels, decoding on demand. */
#include "data/image_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

static const rf_image_list *as_list(const rf_source *source)
{
    return (const rf_image_list *)source;
}

static void describe(const rf_source *source, int64_t index, char *text, size_t size)
{
    const rf_image_list *list = as_list(source);
    const char *path = list->files.items[index].path;
    if (list->in_memory)
        snprintf(text, size, "%s: %s", list->place, path);
    else
        snprintf(text, size, "%s", path);
}

static rf_status image(const rf_source *source, rf_context *ctx, int64_t index, rf_image *out)
{
    const rf_image_file *file = &as_list(source)->files.items[index];
    char name[512];
    describe(source, index, name, sizeof name);
    if (file->bytes)
        return rf_image_decode(ctx, name, file->bytes, file->size, out);
    void *bytes = NULL;
    size_t size = 0;
    const rf_status read = rf_file_read(ctx, file->path, &bytes, &size);
    if (read)
        return read == RF_EIO ? RF_EDATA : read; /* it was listed: the data is at fault */
    const rf_status st = rf_image_decode(ctx, name, bytes, size, out);
    rf_free(ctx, bytes);
    return st;
}

static void free_list(rf_source *source)
{
    rf_image_list_free((rf_image_list *)source);
}

static const rf_source_kind kind = { .image = image, .describe = describe, .free = free_list };

rf_status rf_image_list_new(rf_context *ctx, const char *place, bool in_memory, rf_image_list **out)
{
    rf_image_list *list = rf_calloc(ctx, 1, sizeof *list);
    if (!list)
        return RF_ENOMEM;
    list->source = (rf_source){ .kind = &kind, .ctx = ctx, .input_count = 1 };
    list->in_memory = in_memory;
    rf_arena_init(&list->arena, ctx);
    list->place = rf_arena_strdup(&list->arena, place);
    if (!list->place) {
        rf_image_list_free(list);
        return RF_ENOMEM;
    }
    *out = list;
    return RF_OK;
}

void rf_image_list_free(rf_image_list *list)
{
    if (!list)
        return;
    rf_context *ctx = list->source.ctx;
    RF_VEC_RELEASE(ctx, &list->files);
    RF_VEC_RELEASE(ctx, &list->classes);
    rf_arena_release(&list->arena);
    rf_free(ctx, list);
}

rf_status rf_image_list_add_class(rf_image_list *list, const char *name)
{
    return RF_VEC_PUSH(list->source.ctx, &list->classes, name);
}

rf_status rf_image_list_add(rf_image_list *list, const rf_image_file *file)
{
    return RF_VEC_PUSH(list->source.ctx, &list->files, *file);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_files(const void *a, const void *b)
{
    const rf_image_file *x = a, *y = b;
    const int by_class = strcmp(x->class_name, y->class_name);
    return by_class ? by_class : strcmp(x->path, y->path);
}

static void sort_classes(rf_image_list *list)
{
    const char **names = list->classes.items;
    size_t kept = 0;
    qsort(names, list->classes.count, sizeof *names, compare_names);
    for (size_t i = 0; i < list->classes.count; i++)
        if (i == 0 || strcmp(names[i], names[kept - 1]) != 0)
            names[kept++] = names[i];
    list->classes.count = kept;
}

/* Both lists are sorted by class, so one walk finds every label. A class without files still takes its number. */
static rf_status set_labels(rf_image_list *list)
{
    int64_t *labels = rf_arena_array(&list->arena, list->files.count, sizeof *labels);
    if (!labels)
        return RF_ENOMEM;
    size_t file = 0, empty = 0;
    for (size_t c = 0; c < list->classes.count; c++) {
        const size_t first = file;
        while (file < list->files.count &&
               strcmp(list->files.items[file].class_name, list->classes.items[c]) == 0)
            labels[file++] = (int64_t)c;
        empty += file == first;
    }
    if (empty > 0)
        rf_log(list->source.ctx, RF_LOG_WARNING, "'%s': %zu of %zu class folders have no images",
               list->place, empty, list->classes.count);
    list->source.labels = labels;
    list->source.classes = (int64_t)list->classes.count;
    list->source.count = (int64_t)list->files.count;
    return RF_OK;
}

static rf_status finish(rf_image_list *list)
{
    rf_context *ctx = list->source.ctx;
    if (list->classes.count == 0 || list->files.count == 0)
        return rf_fail(ctx, RF_EDATA,
                       "'%s' has %zu class folders with %zu JPEG or PNG files: expected "
                       "CLASS/IMAGE.png",
                       list->place, list->classes.count, list->files.count);
    if (list->skipped > 0)
        rf_log(ctx, RF_LOG_WARNING, "'%s': skipped %lld files that are not CLASS/IMAGE.png or .jpg",
               list->place, (long long)list->skipped);
    sort_classes(list);
    qsort(list->files.items, list->files.count, sizeof *list->files.items, compare_files);
    return set_labels(list);
}

rf_status rf_image_list_finish(rf_image_list *list, rf_source **out)
{
    const rf_status st = finish(list);
    if (st == RF_OK)
        *out = &list->source;
    else
        rf_image_list_free(list);
    return st;
}

bool rf_is_image_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 ||
                   strcasecmp(dot, ".jpeg") == 0);
}

bool rf_is_hidden_name(const char *name)
{
    return name[0] == '.';
}
