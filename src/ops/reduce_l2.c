/*
 * ReduceL2: the root of the sum of x^2 over `axes` (attribute, or input 1 since opset 18); dx = dy
 * x / y, 0 where y is 0. Opset 1.
 */
#include <math.h>

#include "ops/reduction.h"

static void map_row(float *const *p, int64_t n, const void *user)
{
    float *mapped = p[0];
    const float *x = p[1];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        mapped[i] = x[i] * x[i];
}

static void finish_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *sum = p[1];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        y[i] = sqrtf(sum[i]);
}

static void slope_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2], *y = p[3];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f ? dy[i] * x[i] / y[i] : 0.0f;
}

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    const rf_view *both[] = { y, y };
    rf_reduce_mapped(s, map_row, x, y);
    rf_rows(both, 2, finish_row, NULL);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    const rf_view *views[] = { dx, dy, x, y };
    (void)s;
    rf_rows(views, 4, slope_row, NULL);
}

static const rf_reduce rule = { .forward = forward, .backward = backward };

const rf_op rf_op_reduce_l2 = {
    .onnx_name = "ReduceL2",
    .limits = "float32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_OUT(0),
    .rule = &rule,
    .infer = rf_reduce_infer,
    .prepare = rf_reduce_prepare,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
