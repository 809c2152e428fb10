/*
 * Keras models -> graph: HDF5 files with architecture and weights, JSON architectures with weights in HDF5, and
 * the zip files of Keras 3. What is read and how: docs/KERAS.md.
 */
#ifndef RF_FORMATS_KERAS_H
#define RF_FORMATS_KERAS_H

#include "formats/model_file.h"

/* A model in memory. */
typedef struct rf_keras_source {
    const void *bytes; /* .h5, .keras, or JSON */
    size_t size;
    const void *weights; /* HDF5; NULL: within `bytes` */
    size_t weights_size;
    const char *input_shapes; /* as rf_import_options has them; NULL: the file's */
} rf_keras_source;

/* The parts of a source: text of the architecture, HDF5 of the weights. What was unpacked is owned. */
typedef struct rf_keras_parts {
    rf_context *ctx;
    const char *json; /* with a 0 behind it; NULL: there is no architecture */
    size_t json_size;
    const void *h5; /* NULL: there are no weights */
    size_t h5_size;
    bool keras3;
    bool zipped;
    void *owned[2];
} rf_keras_parts;

rf_status rf_keras_decode(rf_context *ctx, const rf_keras_source *source, rf_graph **out);

bool rf_keras_is_file(const char *path);
rf_status rf_keras_read(rf_context *ctx, const char *path, const rf_import_options *options,
                        rf_graph **out);

/* Bytes of the files that make a model: the one at `path`, and the weights that are given or lie beside it. */
typedef struct rf_keras_files {
    rf_context *ctx;
    rf_keras_source source;
    char *weights_path; /* NULL: the weights are in the file itself */
    char *model_path;   /* architecture */
    void *owned[2];
} rf_keras_files;
rf_status rf_keras_load_files(rf_keras_files *files, rf_context *ctx, const char *path,
                              const char *weights);
void rf_keras_release_files(rf_keras_files *files);

/* Take a source apart; released with rf_keras_release_parts, also on failure. */
rf_status rf_keras_part(rf_keras_parts *parts, rf_context *ctx, const rf_keras_source *source);
void rf_keras_release_parts(rf_keras_parts *parts);

/* --- keras_zip.c --- */
bool rf_keras_is_zip(const void *bytes, size_t size);
/* A member, or *out NULL where there is none. Freed with rf_free; one 0 byte behind its end. */
rf_status rf_keras_unzip(rf_context *ctx, const void *bytes, size_t size, const char *member,
                         void **out, size_t *size_out);

/* A copy of the zip file (NULL: a new one) with another config.json and model.weights.h5. *out is freed with rf_free. */
rf_status rf_keras_rezip(rf_context *ctx, const void *bytes, size_t size, const char *json,
                         const void *h5, size_t h5_size, void **out, size_t *size_out);

/* Key of the graph's metadata that tells which file it was read from, for the way back. */
#define RF_KERAS_FILE_KEY "refold.keras_file"
#define RF_KERAS_WEIGHTS_KEY "refold.keras_weights"

#endif
