/*
 * ReduceSumSquare: the sum of x^2 over `axes` (attribute, or input 1 since opset 18); dx = 2 dy x.
 * Opset 1.
 */
#include "ops/reduction.h"

static void map_row(float *const *p, int64_t n, const void *user)
{
    float *mapped = p[0];
    const float *x = p[1];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        mapped[i] = x[i] * x[i];
}

static void slope_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        dx[i] = 2.0f * dy[i] * x[i];
}

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    rf_reduce_mapped(s, map_row, x, y);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    const rf_view *views[] = { dx, dy, x };
    (void)s;
    (void)y;
    rf_rows(views, 3, slope_row, NULL);
}

static const rf_reduce rule = { .forward = forward, .backward = backward };

const rf_op rf_op_reduce_sum_square = {
    .onnx_name = "ReduceSumSquare",
    .limits = "float32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .rule = &rule,
    .infer = rf_reduce_infer,
    .prepare = rf_reduce_prepare,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
