/* From a decoded image to the model's numbers: augment, resize, crop, scale, normalize. */
#ifndef RF_DATA_TRANSFORM_H
#define RF_DATA_TRANSFORM_H

#include "base/rng.h"
#include "data/image.h"
#include "tensor/shape.h"

/* Preprocessing with every default filled in. */
typedef struct rf_transform {
    int64_t resize, crop; /* pixels; 0: none */
    int mean_count, std_count;
    float lut[4][256]; /* [channel][raw value] -> ((float)v * scale - mean) / std */
    bool flip;
    int64_t crop_padding;            /* augmentation crop:P; 0: none */
    int64_t channels, height, width; /* wanted; 0: any */
} rf_transform;

/* Where a sample goes. */
typedef struct rf_sample_dst {
    float *data;
    rf_shape shape;               /* of one sample, channels first */
    int64_t strides[RF_MAX_RANK]; /* elements, one for each dim of shape */
} rf_sample_dst;

/* Check the options and fill in the preset; RF_EARG names the option. */
rf_status rf_transform_init(rf_context *ctx, const rf_dataset_options *options, rf_transform *out);
/* RF_EARG when mean or std do not have one value, or one for each of `channels`. */
rf_status rf_transform_check_channels(rf_context *ctx, const rf_transform *transform,
                                      int64_t channels);
bool rf_transform_augments(const rf_transform *transform);
/* [c, h, w] that `image` would become; channels as wanted, or as mean and std have values, or as they are. */
rf_shape rf_transform_shape(const rf_transform *transform, const rf_image *image);
/*
 * image -> dst, whose shape [c, h, w] decides between gray and RGB. rng: draws the augmentation; NULL: none.
 * Changes the image. RF_EDATA names `name` and both sizes when they differ.
 */
rf_status rf_transform_apply(rf_context *ctx, const rf_transform *transform, const char *name,
                             rf_image *image, rf_rng *rng, const rf_sample_dst *dst);

#endif
