/* Optimizers: one table of rules (sgd.c, adam.c), and the state that they keep for each parameter. */
#ifndef RF_TRAIN_OPTIMIZER_H
#define RF_TRAIN_OPTIMIZER_H

#include "base/status.h"
#include "ops/params.h"

#define RF_MAX_MOMENTS 2

/* One step of one parameter. */
typedef struct rf_update {
    int64_t count;
    int64_t step;         /* of the run, from 1 */
    double learning_rate; /* after the schedule */
    double momentum;
    double weight_decay; /* 0 where the parameter does not decay */
} rf_update;

typedef struct rf_optimizer_rule {
    const char *name;
    int moments; /* arrays of state for each parameter, all starting at 0 */
    /* weights and moments are changed in place; elementwise, so that any cut into pieces gives the same bits. */
    void (*update)(const rf_update *u, float *weights, const float *diff, float *const *moments);
} rf_optimizer_rule;

extern const rf_optimizer_rule rf_rule_sgd, rf_rule_adam;
/* NULL: "sgd". RF_EARG lists the names. */
rf_status rf_optimizer_rule_find(rf_context *ctx, const char *name, const rf_optimizer_rule **out);

typedef struct rf_slot {
    const rf_param *param;
    float *moments
        [RF_MAX_MOMENTS]; /* [count of the value]; NULL where the parameter is not trainable */
} rf_slot;

typedef struct rf_optimizer {
    rf_context *ctx;
    const rf_optimizer_rule *rule;
    int64_t step; /* steps taken */
    int slot_count;
    rf_slot *slots; /* one a parameter, in their order */
} rf_optimizer;

/* Whether the parameter was trainable when the optimizer was made. */
static inline bool rf_slot_learns(const rf_slot *slot)
{
    return slot->moments[0] != NULL;
}

/* params must outlive the optimizer. */
rf_status rf_optimizer_init(rf_optimizer *o, rf_context *ctx, const rf_optimizer_rule *rule,
                            const rf_params *params);
void rf_optimizer_release(rf_optimizer *o);
/* Take one step for slot `index`; diff [count], row-major. Call rf_optimizer_begin once before the slots of a step. */
void rf_optimizer_begin(rf_optimizer *o);
void rf_optimizer_apply(rf_optimizer *o, int index, const rf_update *hyper, const float *diff);

#endif
