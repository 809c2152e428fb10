/* Image files below class folders, as a source: what image folders and tar files have in common. */
#ifndef RF_DATA_IMAGE_LIST_H
#define RF_DATA_IMAGE_LIST_H

#include "base/arena.h"
#include "base/vec.h"
#include "data/source.h"

typedef struct rf_image_file {
    const char *class_name;
    const char *path;  /* of a file, or of a tar member */
    const void *bytes; /* the compressed image; NULL: read the file at `path` */
    size_t size;
} rf_image_file;

typedef struct rf_image_list {
    rf_source source;
    rf_arena arena;    /* names, classes, bytes */
    const char *place; /* the folder or the tar file */
    bool in_memory;    /* the bytes of every image are here */
    int64_t skipped;   /* files that were no images */
    RF_VEC(rf_image_file) files;
    RF_VEC(const char *) classes; /* may name a class several times until the list is finished */
} rf_image_list;

rf_status rf_image_list_new(rf_context *ctx, const char *place, bool in_memory,
                            rf_image_list **out);
void rf_image_list_free(rf_image_list *list);
/* Strings and bytes must live in the list's arena. */
rf_status rf_image_list_add_class(rf_image_list *list, const char *name);
rf_status rf_image_list_add(rf_image_list *list, const rf_image_file *file);
/* Sort by class and path, give labels, warn about what was skipped. RF_EDATA without images. Takes the list, even on failure. */
rf_status rf_image_list_finish(rf_image_list *list, rf_source **out);

bool rf_is_image_name(const char *name);  /* .jpg, .jpeg or .png in any case */
bool rf_is_hidden_name(const char *name); /* begins with a dot */

#endif
