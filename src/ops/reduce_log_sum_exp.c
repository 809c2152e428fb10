/*
 * ReduceLogSumExp: ln(sum of e^x) over `axes` (attribute, or input 1 since opset 18); dx = dy e^(x
 * - y). Opset 1.
 */
#include <math.h>

#include "ops/reduction.h"

static void map_row(float *const *p, int64_t n, const void *user)
{
    float *mapped = p[0];
    const float *x = p[1], *top = p[2];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        mapped[i] = expf(x[i] - top[i]);
}

static void finish_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *top = p[1], *sum = p[2];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        y[i] = top[i] + logf(sum[i]);
}

static void slope_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2], *y = p[3];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * expf(x[i] - y[i]);
}

/* The largest is taken out first, so that nothing overflows; an infinite one would leave NaN. */
static void bound_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = isinf(p[1][i]) ? 0.0f : p[1][i];
}

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    const rf_view mapped = rf_reduce_scratch(s, x), sum = rf_reduce_result(s, y, 0);
    const rf_view *tops[] = { y, y }, *maps[] = { &mapped, x, y }, *ends[] = { y, y, &sum };
    rf_reduce_max(x, y);
    rf_rows(tops, 2, bound_row, NULL);
    rf_rows(maps, 3, map_row, NULL);
    rf_reduce_sum(&mapped, &sum, 1.0);
    rf_rows(ends, 3, finish_row, NULL);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    const rf_view *views[] = { dx, dy, x, y };
    (void)s;
    rf_rows(views, 4, slope_row, NULL);
}

static const rf_reduce rule = { .forward = forward, .backward = backward };

const rf_op rf_op_reduce_log_sum_exp = {
    .onnx_name = "ReduceLogSumExp",
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
