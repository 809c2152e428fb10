/* Encodings files of AIMET, versions 0.4.0 to 1.0.0, read into one form. Source: AIMET's encoding specification. */
#ifndef RF_SIM_ENCODINGS_FILE_H
#define RF_SIM_ENCODINGS_FILE_H

#include "base/arena.h"
#include "base/vec.h"
#include "quant/qparams.h"

/* What a file says about one tensor. */
typedef struct rf_encodings_entry {
    const char *tensor;
    bool is_param;
    bool is_float; /* dtype float: not on an integer grid; nothing below is set */
    int bitwidth;
    bool symmetric;
    bool has_ends; /* min and max; else they follow from scale and offset */
    bool has_grid; /* scale and offset; else they follow from min and max */
    int64_t count; /* channels, or 1 */
    rf_encoding *encodings;
} rf_encodings_entry;

typedef struct rf_encodings_file {
    rf_arena arena;
    RF_VEC(rf_encodings_entry) entries; /* in the order of the file, activations first */
} rf_encodings_file;

/* RF_EMODEL names file, tensor and key. On success release with rf_encodings_file_release. */
rf_status rf_encodings_file_read(rf_context *ctx, const char *path, rf_encodings_file *out);
void rf_encodings_file_release(rf_encodings_file *file);

#endif
