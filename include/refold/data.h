/** Data sets: images and arrays on disk, and samples that a function of yours hands out. */
#ifndef REFOLD_DATA_H
#define REFOLD_DATA_H

#include <refold/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rf_dataset rf_dataset;

/**
 * How a sample becomes the model's input. Images: decode -> (training, re-estimation) augment the raw pixels ->
 * resize -> crop -> scale -> (x - mean) / std. Arrays (npy, npz) are taken as they are. Presets:
 *     imagenet       resize 256, crop 224, mean 0.485 0.456 0.406, std 0.229 0.224 0.225
 *     cifar10        mean 0.4914 0.4822 0.4465, std 0.2470 0.2435 0.2616
 *     fashion-mnist  mean 0.2860, std 0.3530
 * Source: torchvision's reference training and its users' practice; check against what the network was trained with.
 */
typedef struct rf_dataset_options {
    /* "imagenet", "cifar10", "fashion-mnist", "none", or NULL = none; sets the fields below
       that are left at 0 */
    const char *preset;
    int64_t resize; /* shorter side in pixels; 0: as it is */
    int64_t crop;   /* centre crop, pixels a side; 0: none */
    float scale;    /* of a raw value 0..255; 0: 1/255 */
    int mean_count; /* 0, 1 or the number of channels */
    float mean[4];  /* after scale, channel order RGB(A) or gray */
    int std_count;
    float std[4]; /* > 0 */
    /* "flip,crop:4", "none" or NULL; crop:P pads P black pixels and cuts the old size at random */
    const char *augment;
    /* what the model takes; 0: any. Gray <-> RGB is converted; a size that does not fit is an error */
    int64_t channels, height, width;
    bool input_nhwc; /* arrays lie [n, ..., c]; default [n, c, ...] */
    /* with input_nhwc: arrays that only fit channels, height, width in this order lie so */
    bool input_nchw_where_it_fits;
} rf_dataset_options;
#define RF_DATASET_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Open a data set by its specification:
 *     DIR                      class folders of JPEG or PNG files; classes in byte order of their names
 *     FILE.tar                 the same as a tar (.tar.gz as well)
 *     idx:IMAGES,LABELS        IDX files as MNIST has them, gzip or not
 *     npy:X.npy[,Y.npy]        X float32 [n, ...] as the model takes it, Y int64 [n]
 *     npz:FILE                 arrays x (or one a model input, by name) and, optionally, y
 *     fashion-mnist[:train|test]  Debian's dataset-fashion-mnist; default train
 * @return RF_OK, RF_EARG (specification, options), RF_EIO, RF_EDATA (names file and byte), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_dataset_open(rf_context *ctx, const char *spec,
                                             const rf_dataset_options *options, rf_dataset **out);

/** Samples of your own: memory, another loader, a camera. */
typedef struct rf_data_source {
    int64_t samples; /* of an epoch, >= 1 */
    int input_count; /* >= 1 */
    /* [input_count] float32; dims[0] is the batch, and not looked at; the others are known.
       name NULL: by position. channels_last: the samples lie so, in all inputs or in none,
       while dims are as always */
    const rf_port *inputs;
    bool has_labels;
    int64_t classes; /* 0: not known */
    /**
     * Write samples first to first + count - 1 of epoch `epoch`. Called on the thread that called the library, a batch at
     * a time, in order from 0 on, as far as the step needs them; order and augmentation are the source's own. A training
     * that resumes begins where it was; of several processes each asks for its own samples.
     * @param inputs  [input_count] of [count, ...] each
     * @param labels  [count]; NULL without
     * @return RF_OK, or what the step shall fail with
     */
    rf_status (*read)(void *user, int64_t epoch, int64_t first, int64_t count, float *const *inputs,
                      int64_t *labels);
    void *user;
} rf_data_source;

/** A data set of samples that a function of yours hands out; names and ports are copied. @return RF_OK, RF_EARG, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_dataset_from_source(rf_context *ctx, const rf_data_source *source,
                                                    rf_dataset **out);
/** Labelled random samples (normal numbers from the context's seed) in the shape that a graph takes: for benchmarks.
 *  @return RF_OK, RF_ESHAPE (the graph leaves more than the batch open), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_dataset_random(const rf_graph *graph, int64_t samples,
                                               rf_dataset **out);
RF_API void rf_dataset_free(rf_dataset *dataset);
/** Number of samples. */
RF_API int64_t rf_dataset_count(const rf_dataset *dataset);
RF_API bool rf_dataset_has_labels(const rf_dataset *dataset);
/** Number of classes: class folders, or the largest label and 1; 0 without labels. */
RF_API int64_t rf_dataset_classes(const rf_dataset *dataset);

#ifdef __cplusplus
}
#endif
#endif
