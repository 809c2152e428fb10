/* Softmax, LogSoftmax and Hardmax but for their formulas: which elements belong together. */
#ifndef RF_OPS_SOFTMAX_ROWS_H
#define RF_OPS_SOFTMAX_ROWS_H

#include "ops/op_util.h"

/* The operator's rule, for one group: n elements, `stride` apart. */
typedef struct rf_softmax {
    void (*forward)(const float *x, float *y, int64_t n, int64_t stride);
    void (*backward)(const float *y, const float *dy, float *dx, int64_t n, int64_t stride);
} rf_softmax;

rf_status rf_softmax_infer(rf_inference *io);
rf_status rf_softmax_forward(rf_step *s);
rf_status rf_softmax_backward(rf_step *s);

/* Of one group: subtracted, it keeps exp from overflowing. */
float rf_softmax_largest(const float *x, int64_t n, int64_t stride);

#endif
