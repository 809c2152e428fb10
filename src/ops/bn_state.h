/* What BatchNormalization shares with the step that takes in what stands behind it (ops/bn_activation.c). */
#ifndef RF_OPS_BN_STATE_H
#define RF_OPS_BN_STATE_H

#include "kernels/batch_norm.h"
#include "ops/op.h"

/*
 * What the last forward call left for backward and for re-estimation, and room for coefficients:
 * [channels] each. A step's state begins with it.
 */
typedef struct rf_bn_state {
    int64_t rows, channels; /* a row is one pixel of one sample */
    int64_t all_rows;       /* of all processes, where they share statistics; else rows */
    double epsilon, momentum;
    double *mean, *var; /* that normalized: the batch's or the running ones */
    double *middle;     /* near the mean, in units of what is read: sums count from there */
    double *sum_g, *sum_gx;
    float *scale, *shift; /* forward: y = x * scale + shift; backward: of diff_x */
    float *slope, *center;
} rf_bn_state;

/* Make s->state of `bytes`, which begins with an rf_bn_state; its arrays come behind. */
rf_status rf_bn_prepare(rf_step *s, size_t bytes);
bool rf_bn_uses_batch(const rf_step *s);
rf_bn_src rf_bn_input(const rf_step *s);
/* Statistics of this call, and from them scale and shift. */
rf_status rf_bn_normalizer(rf_step *s);
/* diff_in from sum_g, sum_gx and the gradient g of the normalized tensor, which may lie in diff_in[0]. */
rf_status rf_bn_conclude_backward(rf_step *s, const float *g);

#endif
