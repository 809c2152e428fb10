/* Which input of the model is fed by which array of the data set, and how a sample lies in a batch. */
#ifndef RF_DATA_LOADER_INPUTS_H
#define RF_DATA_LOADER_INPUTS_H

#include "data/loader.h"

typedef struct rf_loader_input {
    int index;                          /* of the data set */
    rf_shape shape;                     /* of one sample, channels first */
    int64_t strides[RF_MAX_RANK], size; /* elements; size of one sample */
} rf_loader_input;

/* One for each input of the model, rf_free. RF_EDATA tells both shapes when they differ. */
rf_status rf_loader_match_inputs(rf_context *ctx, const rf_dataset *dataset,
                                 const rf_loader_options *options, rf_loader_input **out,
                                 int *count_out);

#endif
