/* Data sets: samples by index, decoded on demand. One source kind a file (folder, tar, idx, npy, npz), one table. */
#ifndef RF_DATA_DATASET_H
#define RF_DATA_DATASET_H

#include "base/arena.h"
#include "base/status.h"
#include "tensor/shape.h"

/* A decoded image: interleaved 8-bit samples. */
typedef struct rf_image {
    int64_t height, width, channels; /* channels 1 or 3 */
    uint8_t *pixels;                 /* [height, width, channels], rf_free */
} rf_image;

typedef struct rf_source rf_source;

/* What a kind of source can do. Functions are called from several threads at once. */
typedef struct rf_source_kind {
    const char *name;
    /* Images: decode sample `index`. NULL for arrays. RF_EDATA names the file. */
    rf_status (*image)(const rf_source *source, int64_t index, rf_image *out);
    /* Arrays: borrowed float32 sample of input `input`, in the data set's layout. NULL for images. */
    const float *(*array)(const rf_source *source, int input, int64_t index);
    void (*free)(rf_source *source);
} rf_source_kind;

/* Common head of every source; a kind embeds it first. */
struct rf_source {
    const rf_source_kind *kind;
    rf_context *ctx;
    int64_t count;          /* samples */
    int64_t classes;        /* 0: no labels */
    const int64_t *labels;  /* [count] or NULL */
    int input_count;        /* arrays; images have 1 */
    const char **input_names; /* arrays of npz by name; NULL entries: by position */
    rf_shape *sample_shapes; /* [input_count] arrays: shape of one sample, as stored */
};

/* Preprocessing with every default filled in. */
typedef struct rf_transform {
    int64_t resize, crop;
    float scale, mean[4], std[4];
    bool flip;
    int64_t crop_padding; /* augmentation crop:P; 0 none */
    int64_t channels, height, width; /* wanted; 0 any */
} rf_transform;

struct rf_dataset {
    rf_context *ctx;
    rf_source *source;
    rf_transform transform;
    bool augments;   /* flip or crop_padding is set */
    bool nhwc;       /* arrays lie channels last */
    char *spec;
};

/* Shape of one sample as the model sees it, channels first; images: decodes the first one. */
rf_status rf_dataset_sample_shape(const rf_dataset *dataset, int input, rf_shape *out);
/* Presets by name: data/preset.c. */

/*
 * Sample `index`, input `input`, as float32 with the given strides for (c, h, w) of an image or row-major dims of an array.
 * augment: draw flip and crop from rf_rng(seed, stream). Thread-safe. RF_EDATA names the file.
 */
typedef struct rf_sample_dst {
    float *data;
    rf_shape shape;               /* of one sample, channels first */
    int64_t strides[RF_MAX_RANK]; /* elements */
} rf_sample_dst;
rf_status rf_dataset_read(const rf_dataset *dataset, int64_t index, int input, bool augment, uint64_t seed, uint64_t stream,
                          const rf_sample_dst *dst);

#endif
