/* Statistics of many batches from the statistics of each. */
#ifndef RF_BN_ESTIMATOR_H
#define RF_BN_ESTIMATOR_H

#include "base/arena.h"
#include "ops/params.h"

typedef struct rf_estimate {
    int64_t channels, batches;
    int64_t count; /* values a channel so far (pooled) */
    double *mean,
        *var; /* [channels] sums over batches; pooled: mean and sum of squared deviations so far */
} rf_estimate;

rf_status rf_estimate_init(rf_estimate *e, rf_arena *arena, int64_t channels);
/* batch->count >= 2. The same estimator for every batch and for the result. */
void rf_estimate_add(rf_estimate *e, rf_estimator estimator, const rf_bn_batch *batch);
/* After at least one batch: mean and unbiased variance, [channels] each. */
void rf_estimate_result(const rf_estimate *e, rf_estimator estimator, float *mean_out,
                        float *var_out);

#endif
