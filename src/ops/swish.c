/*
 * Swish: y = x s, s = sigmoid(alpha x); dx = dy s (1 + alpha x (1 - s)). Opset 24, and spelt out
 * before.
 */
#include "ops/elementwise.h"
#include "ops/vector_exp.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const float alpha = ((const float *)user)[0];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + rf_vector_exp(-alpha * x[i]));
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    const float alpha = ((const float *)user)[0];
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + rf_vector_exp(-alpha * x[i]));
        dx[i] = dy[i] * s * (1.0f + alpha * x[i] * (1.0f - s));
    }
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .numbers = { { "alpha", 1.0f } } };

const rf_op rf_op_swish = {
    .onnx_name = "Swish",
    .since_opset = 24,
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
