/* Softmax: y = exp(x) / sum exp(x); dx = y (dy - sum of dy y). Opset 1. */
#include <math.h>

#include "ops/softmax_rows.h"

static void forward(const float *x, float *y, int64_t n, int64_t stride)
{
    const float top = rf_softmax_largest(x, n, stride);
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        y[i * stride] = expf(x[i * stride] - top);
        sum += (double)y[i * stride];
    }
    const float factor = (float)(1.0 / sum);
    for (int64_t i = 0; i < n; i++)
        y[i * stride] *= factor;
}

static void backward(const float *y, const float *dy, float *dx, int64_t n, int64_t stride)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i * stride] * (double)y[i * stride];
    for (int64_t i = 0; i < n; i++)
        dx[i * stride] = y[i * stride] * (dy[i * stride] - (float)sum);
}

static const rf_softmax rule = { .forward = forward, .backward = backward };

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
    .rule = &rule,
    .infer = rf_softmax_infer,
    .forward = rf_softmax_forward,
    .backward = rf_softmax_backward,
};
