/* The activation and the quantizer that a fused step does behind its own work: from nodes to the numbers of a tail. */
#ifndef RF_OPS_TAIL_STEP_H
#define RF_OPS_TAIL_STEP_H

#include "kernels/tail.h"
#include "ops/clip.h"
#include "ops/op.h"
#include "quant/fakequant.h"

typedef struct rf_tail_step {
    bool clips, quantizes, gated;
    rf_clip_bounds bounds;
    rf_qspec spec;
    float min, max, scale; /* of the quantizer, in this call */
    int32_t offset;
} rf_tail_step;

/* From s->activation and s->quantizer. */
void rf_tail_step_init(const rf_step *s, rf_tail_step *t);
/* The grid of this call, from inputs `range` (min) and `range` + 1 (max); sets s->codes. */
void rf_tail_step_update(rf_step *s, rf_tail_step *t, int range);
/* Whether kernels/tail.h does it: a static grid rounds in another order. */
bool rf_tail_step_has_kernel(const rf_tail_step *t);
rf_tail rf_tail_step_numbers(const rf_tail_step *t);
/* The gradients of the ends, where they are wanted. */
void rf_tail_step_give_range(const rf_step *s, const rf_tail_step *t, int range,
                             const rf_range_sums *total);

#endif
