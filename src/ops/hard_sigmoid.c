/* HardSigmoid: y = alpha x + beta within [0, 1]; dx = alpha dy where 0 < y < 1. Opset 6. */
#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const float alpha = ((const float *)user)[0], beta = ((const float *)user)[1];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = rf_clamp(alpha * x[i] + beta, 0.0f, 1.0f);
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *y = p[2];
    const float alpha = *(const float *)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f && y[i] < 1.0f ? alpha * dy[i] : 0.0f;
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .numbers = { { "alpha", 0.2f }, { "beta", 0.5f } } };

const rf_op rf_op_hard_sigmoid = {
    .onnx_name = "HardSigmoid",
    .since_opset = 6,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_OUT(0),
    .in_place = true,
    .rule = &rule,
    .infer = rf_unary_infer,
    .forward = rf_unary_rule_forward,
    .backward = rf_unary_rule_backward,
};
