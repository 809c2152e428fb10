/*
 * Shrink: y = x + bias for x < -lambd, x - bias for x > lambd, else 0; dx = dy but there. Opset 9.
 */
#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const float lambd = ((const float *)user)[0], bias = ((const float *)user)[1];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < -lambd ? x[i] + bias : x[i] > lambd ? x[i] - bias : x[i] * 0.0f;
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    const float lambd = ((const float *)user)[0];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = x[i] < -lambd || x[i] > lambd ? dy[i] : 0.0f;
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .numbers = { { "lambd", 0.5f }, { "bias", 0.0f } } };

const rf_op rf_op_shrink = {
    .onnx_name = "Shrink",
    .limits = "float32",
    .since_opset = 9,
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
