/*
 * Selu: y = gamma x for x > 0, else gamma alpha (e^x - 1); dx = gamma dy, or gamma alpha e^x dy.
 * Opset 6.
 */
#include <math.h>

#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const float alpha = ((const float *)user)[0], gamma = ((const float *)user)[1];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = gamma * (x[i] > 0.0f ? x[i] : alpha * expm1f(x[i]));
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    const float alpha = ((const float *)user)[0], gamma = ((const float *)user)[1];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = gamma * dy[i] * (x[i] > 0.0f ? 1.0f : alpha * expf(x[i]));
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .numbers = { { "alpha", 1.67326319f },
                                                 { "gamma", 1.05070102f } } };

const rf_op rf_op_selu = {
    .onnx_name = "Selu",
    .since_opset = 6,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .rule = &rule,
    .infer = rf_unary_infer,
    .forward = rf_unary_rule_forward,
    .backward = rf_unary_rule_backward,
};
