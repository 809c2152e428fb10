/* Data sets: samples by index, decoded on demand. One kind of source a file, one table (data/source.h). */
#ifndef RF_DATA_DATASET_H
#define RF_DATA_DATASET_H

#include "data/source.h"
#include "data/transform.h"

struct rf_dataset {
    rf_context *ctx;
    rf_source *source;
    rf_transform transform; /* of images */
    bool nhwc;              /* arrays lie channels last */
    char *spec;
};

/* Images go through the transform; arrays are taken as they are. */
bool rf_dataset_is_images(const rf_dataset *dataset);
/* Shape of one sample as the model sees it, channels first; images: decodes the first one. */
rf_status rf_dataset_sample_shape(const rf_dataset *dataset, int input, rf_shape *out);

/*
 * Sample `index`, input `input`, into dst. Thread-safe: messages and working memory are those of `ctx`, a context of the
 * calling thread. rng: draws the augmentation; NULL: none. RF_EDATA names the file.
 */
rf_status rf_dataset_read(rf_context *ctx, const rf_dataset *dataset, int64_t index, int input,
                          rf_rng *rng, const rf_sample_dst *dst);

#endif
