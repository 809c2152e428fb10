/* Where samples come from. A kind of source is one file with one row of the table in dataset.c. */
#ifndef RF_DATA_SOURCE_H
#define RF_DATA_SOURCE_H

#include "data/image.h"
#include "tensor/tensor.h"

typedef struct rf_source rf_source;

/* What a source can do. All but read_part and free are called from several threads at once, each with a context of its own. */
typedef struct rf_source_kind {
    /* Images: decode sample `index`. NULL for arrays. RF_EDATA names the file. */
    rf_status (*image)(const rf_source *source, rf_context *ctx, int64_t index, rf_image *out);
    /* Arrays: borrowed float32 sample of input `input`, as it lies in the file. NULL for images. */
    const float *(*array)(const rf_source *source, int input, int64_t index);
    /* Sources that are read in their own order only: make samples [first, first + count) of an epoch those that `array`
       and the labels know. On the thread that called the library. NULL: any sample, any time. */
    rf_status (*read_part)(rf_source *source, int64_t epoch, int64_t first, int64_t count);
    /* What a message calls sample `index`: its file, or "X.npy, sample 7". */
    void (*describe)(const rf_source *source, int64_t index, char *text, size_t size);
    void (*free)(rf_source *source);
} rf_source_kind;

/* Common head of every source, which embeds it first. */
struct rf_source {
    const rf_source_kind *kind;
    rf_context *ctx;
    int64_t count;                  /* samples, >= 1 */
    int64_t classes;                /* 0: no labels */
    const int64_t *labels;          /* [count] or NULL */
    int input_count;                /* arrays; images have 1 */
    const char *const *input_names; /* [input_count] of npz arrays; NULL: by position */
    const rf_shape
        *sample_shapes; /* [input_count] arrays: shape of one sample, as stored; NULL for images */
};

/* A way to write a data set down. */
typedef struct rf_source_row {
    const char *form;                  /* for messages: "idx:IMAGES,LABELS" */
    bool (*matches)(const char *spec); /* the first row that matches opens it */
    rf_status (*open)(rf_context *ctx, const char *spec, rf_source **out);
} rf_source_row;

extern const rf_source_row rf_source_folder, rf_source_tar, rf_source_idx, rf_source_npy,
    rf_source_npz, rf_source_fashion_mnist;

/* The part of `spec` behind `prefix` ("idx:"), or NULL. */
const char *rf_spec_after(const char *spec, const char *prefix);
/* "A,B" into two new strings; *second_out is NULL without a comma. RF_EARG when A is empty. */
rf_status rf_spec_split(rf_context *ctx, const char *spec, const char *rest, char **first_out,
                        char **second_out);

/* Source over IDX files; labels may be NULL. RF_EDATA names both when their lengths differ. */
rf_status rf_idx_open(rf_context *ctx, const char *images, const char *labels, rf_source **out);

#endif
