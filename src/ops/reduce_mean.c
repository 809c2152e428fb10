/*
 * ReduceMean: the mean over `axes` (attribute, or input 1 since opset 18); dx = dy / their number.
 * Opset 1.
 */
#include "ops/reduction.h"

/* 1 / number of elements in a mean */
static double factor_of(const rf_view *x, const rf_view *y)
{
    const int64_t src = rf_view_count(x), dst = rf_view_count(y);
    return src ? (double)dst / (double)src : 0.0;
}

static void scale_row(float *const *p, int64_t n, const void *user)
{
    const float factor = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] * factor;
}

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    (void)s;
    rf_reduce_sum(x, y, factor_of(x, y));
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    const float factor = (float)factor_of(x, y);
    const rf_view *views[] = { dx, dy };
    (void)s;
    rf_rows(views, 2, scale_row, &factor);
}

static const rf_reduce rule = { .forward = forward, .backward = backward };

const rf_op rf_op_reduce_mean = {
    .onnx_name = "ReduceMean",
    .limits = "float32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .rule = &rule,
    .infer = rf_reduce_infer,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
