/*
 * What the processes of a job exchange in a training step: gradients, in buckets that leave while backward still runs;
 * running statistics; and the counts of the loss. A process alone exchanges nothing.
 */
#ifndef RF_TRAIN_EXCHANGE_H
#define RF_TRAIN_EXCHANGE_H

#include "base/group.h"
#include "exec/plan.h"
#include "train/loss.h"
#include "train/optimizer.h"

/* Parameters [first, end) of the optimizer, from the last to the first, whose gradients travel together. */
typedef struct rf_bucket {
    int first, end;
    int64_t begin, count; /* floats */
    int missing;          /* gradients that are not there yet, in this step */
} rf_bucket;

typedef struct rf_exchange {
    rf_context *ctx;
    const rf_optimizer *optimizer;
    bool active;     /* there are other processes */
    bool statistics; /* running statistics differ between processes, and are averaged */
    int64_t *place;  /* [slots] where a slot's floats begin; -1: it does not travel */
    float *floats;   /* gradients, then statistics */
    int64_t float_count, statistics_begin;
    RF_VEC(rf_bucket) buckets;
    size_t
        begun; /* buckets under way in this step: they leave in their order, the same on all ranks */
    int expected; /* slot whose gradient probably comes next */
    bool stop;    /* some process was asked to stop: all do */
} rf_exchange;

/* plan: of a full batch; it says which parameters get gradients. */
rf_status rf_exchange_init(rf_exchange *x, const rf_optimizer *optimizer, const rf_plan *plan,
                           bool statistics);
void rf_exchange_release(rf_exchange *x);
/* Before backward. plan NULL: there is no sample for this process. */
void rf_exchange_begin(rf_exchange *x, rf_plan *plan);
/*
 * After backward: all gradients are sums over processes, *sums are those of the whole batch, and running statistics the
 * mean of all, weighted by samples: here `count` of `total`.
 */
rf_status rf_exchange_end(rf_exchange *x, const rf_plan *plan, int64_t count, int64_t total,
                          rf_loss_sums *sums);
/* Gradient of slot i for its update; NULL: it has none. */
const float *rf_exchange_diff(const rf_exchange *x, const rf_plan *plan, int i);
/* Values and moments as rank 0 has them, to all. */
rf_status rf_exchange_state(rf_context *ctx, rf_optimizer *optimizer);

#endif
