/* Array data sets for the tests of simulations. */
#ifndef RF_TESTS_SIM_DATA_H
#define RF_TESTS_SIM_DATA_H

#include "temp_folder.h"

/* `x` as the data set of a network with one input; the file lies in `t`. */
static inline rf_dataset *dataset_of(rf_context *ctx, const temp_folder *t, const rf_tensor *x)
{
    char path[512], spec[600];
    rf_dataset *dataset = NULL;
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, x, temp_path(t, "x.npy", path), /*force=*/true));
    snprintf(spec, sizeof spec, "npy:%s", path);
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, NULL, &dataset));
    return dataset;
}

/* Values from -1.5 to 1.5, the same every time. */
static inline rf_tensor *waves(rf_context *ctx, int rank, const int64_t *dims)
{
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, rank, dims, &t));
    for (int64_t i = 0; i < rf_tensor_count(t); i++)
        ((float *)rf_tensor_data(t))[i] = 1.5f * sinf((float)i * 0.37f);
    return t;
}

#endif
