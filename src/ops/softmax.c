/* Softmax: y = exp(x) / sum exp(x); dx = y (dy - sum of dy y). Opset 1. */
#include <math.h>

#include "ops/softmax_rows.h"
#include "ops/strided.h"

static float largest(const float *x, int64_t n, int64_t stride)
{
    float best = x[0];
    for (int64_t i = 1; i < n; i++)
        best = x[i * stride] > best ? x[i * stride] : best;
    return best;
}

static void forward_group(const float *x, float *y, int64_t n, int64_t stride)
{
    const float top = largest(x, n, stride); /* keeps exp from overflowing */
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        y[i * stride] = expf(x[i * stride] - top);
        sum += (double)y[i * stride];
    }
    const float factor = (float)(1.0 / sum);
    for (int64_t i = 0; i < n; i++)
        y[i * stride] *= factor;
}

static rf_status forward(rf_step *s)
{
    const rf_softmax_rows r = rf_softmax_rows_of(s);
    const float *x = rf_view_f32(&s->in[0]);
    float *y = rf_view_f32(&s->out[0]);
#pragma omp parallel for schedule(static) if (r.outer * r.length * r.inner >= 8192)
    for (int64_t g = 0; g < r.outer * r.inner; g++) {
        const int64_t at = g / r.inner * r.length * r.inner + g % r.inner;
        forward_group(x + at, y + at, r.length, r.inner);
    }
    return RF_OK;
}

static void backward_group(const float *y, const float *dy, float *dx, int64_t n, int64_t stride)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i * stride] * (double)y[i * stride];
    for (int64_t i = 0; i < n; i++)
        dx[i * stride] = y[i * stride] * (dy[i * stride] - (float)sum);
}

static rf_status backward(rf_step *s)
{
    const rf_softmax_rows r = rf_softmax_rows_of(s);
    const float *y = rf_view_f32(&s->out[0]), *dy = rf_view_f32(&s->diff_out[0]);
    float *dx = rf_view_f32(&s->diff_in[0]);
    if (dx && !dy)
        rf_view_zero(&s->diff_in[0]);
    if (!dx || !dy)
        return RF_OK;
#pragma omp parallel for schedule(static) if (r.outer * r.length * r.inner >= 8192)
    for (int64_t g = 0; g < r.outer * r.inner; g++) {
        const int64_t at = g / r.inner * r.length * r.inner + g % r.inner;
        backward_group(y + at, dy + at, dx + at, r.length, r.inner);
    }
    return RF_OK;
}

const rf_op rf_op_softmax = {
    .onnx_name = "Softmax",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = RF_NEEDS_OUT(0),
    .in_place = true,
    .infer = rf_softmax_infer,
    .forward = forward,
    .backward = backward,
};
