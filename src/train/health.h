/* What tells that a training goes wrong: parameters, gradients and outputs that are no numbers, ranges that explode. */
#ifndef RF_TRAIN_HEALTH_H
#define RF_TRAIN_HEALTH_H

#include "exec/plan.h"
#include "ops/params.h"
#include "sim/sim.h"

/* A range so many times as wide as the widest one before training has exploded: docs/NUMERICS.md, 10. */
#define RF_EXPLOSION 65536.0F

typedef struct rf_health {
    rf_context *ctx;
    const rf_graph *g;
    const rf_sim *sim; /* NULL: a plain graph, which has no ranges */
    const rf_params *params;
    float widest; /* range of all when training began; 0: there was none */
} rf_health;

void rf_health_init(rf_health *h, const rf_graph *g, const rf_sim *sim, const rf_params *params);
/* The first layer with a parameter that is not finite; NULL: all are. */
const char *rf_health_bad_layer(const rf_health *h);
/* The first node whose output, as far as it is still there, is not finite; the last one of all where none is. */
const char *rf_health_bad_node(const rf_health *h, const rf_plan *plan);
/* RF_ENUMERIC names the tensor, its layer and the step; `advice` ends the message. */
rf_status rf_health_check_ranges(const rf_health *h, int64_t step, const char *advice);
/* The gradient of parameter `index` at this step. RF_ENUMERIC names its layer. */
rf_status rf_health_check_gradient(const rf_health *h, size_t index, const float *diff,
                                   int64_t step, const char *advice);

#endif
