/*
 * ReduceLogSum: the logarithm of the sum over `axes` (attribute, or input 1 since opset 18); dx =
 * dy / e^y. Opset 1.
 */
#include <math.h>

#include "ops/reduction.h"

static void finish_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *sum = p[1];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        y[i] = logf(sum[i]);
}

static void slope_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *y = p[2];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * expf(-y[i]);
}

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    const rf_view *both[] = { y, y };
    (void)s;
    rf_reduce_sum(x, y, 1.0);
    rf_rows(both, 2, finish_row, NULL);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    const rf_view *views[] = { dx, dy, y };
    (void)s;
    (void)x;
    rf_rows(views, 3, slope_row, NULL);
}

static const rf_reduce rule = { .forward = forward, .backward = backward };

const rf_op rf_op_reduce_log_sum = {
    .onnx_name = "ReduceLogSum",
    .limits = "float32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_OUT(0),
    .rule = &rule,
    .infer = rf_reduce_infer,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
