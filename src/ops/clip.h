/* Clip's loops, for steps that clip blocks of their own. */
#ifndef RF_OPS_CLIP_H
#define RF_OPS_CLIP_H

#include "ops/elementwise.h"

typedef struct rf_clip_bounds {
    float low, high;
} rf_clip_bounds;

/* rf_row_fn; user is an rf_clip_bounds. p: y, x */
void rf_clip_row(float *const *p, int64_t n, const void *user);
/* p: diff_x, diff_y, y */
void rf_clip_backward_row(float *const *p, int64_t n, const void *user);

#endif
