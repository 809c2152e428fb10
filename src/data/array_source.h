/* Arrays in memory as a source: what npy: and npz: have in common. */
#ifndef RF_DATA_ARRAY_SOURCE_H
#define RF_DATA_ARRAY_SOURCE_H

#include "base/arena.h"
#include "data/source.h"

typedef struct rf_array_source rf_array_source;

rf_status rf_array_source_new(rf_context *ctx, const char *place, int input_count,
                              rf_array_source **out);
void rf_array_source_free(rf_array_source *source);
/* The next input, float32 [n, ...]; `name` NULL: by position. RF_EDATA names the array. */
rf_status rf_array_source_take(rf_array_source *source, const char *name, rf_tensor *tensor);
/* Integers [n] or [n, 1], from 0. RF_EDATA names `name`; after the inputs. */
rf_status rf_array_source_set_labels(rf_array_source *source, const char *name,
                                     const rf_tensor *labels);
rf_source *rf_array_source_base(rf_array_source *source);

#endif
