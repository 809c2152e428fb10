/*
 * Batches, prepared ahead by threads. The order and the augmentation depend on (seed, epoch, position) only, never on
 * the number of threads.
 */
#ifndef RF_DATA_LOADER_H
#define RF_DATA_LOADER_H

#include "data/dataset.h"

/*
 * Which part of an epoch is read here when several processes share it. size 0 or 1: all. Samples: a slice of every batch,
 * slices differing by one sample at most. Batches: every size-th one, beginning with batch first + rank. All: everything,
 * whoever reads it as well.
 */
typedef enum rf_share_of { RF_SHARE_OF_SAMPLES, RF_SHARE_OF_BATCHES, RF_SHARE_OF_ALL } rf_share_of;
typedef struct rf_share {
    int rank, size;
    rf_share_of of;
} rf_share;

typedef struct rf_loader_options {
    int64_t batch; /* >= 1 */
    int64_t limit; /* samples an epoch at most; 0: all. Unshuffled: the first ones */
    bool shuffle, augment;
    bool drop_last;  /* leave out a last short batch */
    int threads;     /* prefetching threads; 0: the context's */
    int input_count; /* of the model; 0: whatever the data set has */
    const char *const
        *input_names; /* [input_count] the model's, to find npz arrays; NULL: by position */
    /* [input_count] channels first, without the batch, -1: any; checked against the data. NULL: as the data is. */
    const rf_shape *sample_shapes;
    rf_share share;
    bool channels_last; /* lay samples of rank 2 and more out as [spatial..., c], as views do */
} rf_loader_options;

typedef struct rf_loader rf_loader;

/* One batch; pointers live until the next call of rf_loader_next. total 0: the epoch is over. */
typedef struct rf_batch {
    int64_t count;              /* samples here; may be 0 where samples are shared */
    int64_t total;              /* samples of all processes together */
    int64_t first;              /* position in the batch of the first one here */
    const float *const *inputs; /* [input_count] [count, sample...] dense */
    const int64_t *labels;      /* [count]; NULL without */
    double waited;              /* seconds this call waited for data */
} rf_batch;

rf_status rf_loader_new(rf_context *ctx, const rf_dataset *dataset,
                        const rf_loader_options *options, rf_loader **out);
void rf_loader_free(rf_loader *loader);
int64_t rf_loader_batches(const rf_loader *loader); /* an epoch, of all processes */
const rf_shape *rf_loader_sample_shape(const rf_loader *loader, int input); /* nothing open */
/* Between two epochs, and not to or from shares of samples, whose batches are smaller. */
void rf_loader_set_share(rf_loader *loader, rf_share_of of);
/* Begin epoch `epoch` (any number; it seeds the order) at batch `first`. */
rf_status rf_loader_start(rf_loader *loader, int64_t epoch, int64_t first);
rf_status rf_loader_next(rf_loader *loader, rf_batch *out);

#endif
