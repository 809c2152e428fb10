/* The two estimators: AIMET's mean over batches, and the exact statistics of all values together. */
#include "bn/estimator.h"

rf_status rf_estimate_init(rf_estimate *e, rf_arena *arena, int64_t channels)
{
    *e = (rf_estimate){ .channels = channels };
    e->mean = rf_arena_array(arena, (size_t)channels, sizeof *e->mean);
    e->var = rf_arena_array(arena, (size_t)channels, sizeof *e->var);
    return e->mean && e->var ? RF_OK : RF_ENOMEM;
}

/* PyTorch's running variance is the unbiased one, so the mean of batches takes that of each batch. */
static void add_mean(rf_estimate *e, const rf_bn_batch *batch)
{
    const double unbiased = (double)batch->count / (double)(batch->count - 1);

    for (int64_t c = 0; c < e->channels; c++) {
        e->mean[c] += batch->mean[c];
        e->var[c] += batch->var[c] * unbiased;
    }
}

/* Chan, Golub and LeVeque 1979: combine two sets from counts, means and sums of squared deviations. */
static void add_pooled(rf_estimate *e, const rf_bn_batch *batch)
{
    const double old = (double)e->count, more = (double)batch->count, all = old + more;

    for (int64_t c = 0; c < e->channels; c++) {
        const double shift = batch->mean[c] - e->mean[c];
        e->mean[c] += shift * (more / all);
        e->var[c] += batch->var[c] * more + shift * shift * (old * more / all);
    }
}

void rf_estimate_add(rf_estimate *e, rf_estimator estimator, const rf_bn_batch *batch)
{
    if (estimator == RF_ESTIMATOR_POOLED)
        add_pooled(e, batch);
    else
        add_mean(e, batch);
    e->count += batch->count;
    e->batches++;
}

void rf_estimate_result(const rf_estimate *e, rf_estimator estimator, float *mean_out,
                        float *var_out)
{
    const bool pooled = estimator == RF_ESTIMATOR_POOLED;
    const double mean_of = pooled ? 1.0 : (double)e->batches;
    const double var_of = pooled ? (double)(e->count - 1) : (double)e->batches;

    for (int64_t c = 0; c < e->channels; c++) {
        mean_out[c] = (float)(e->mean[c] / mean_of);
        var_out[c] = (float)(e->var[c] / var_of);
    }
}
