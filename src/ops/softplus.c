/* Softplus: y = ln(1 + e^x); dx = dy * (1 - exp(-y)). Opset 1. */
#include <math.h>

#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = fmaxf(x[i], 0.0f) + log1pf(expf(-fabsf(x[i]))); /* never overflows */
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *y = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = -dy[i] * expm1f(-y[i]);
}

static const rf_unary_rule rule = { .forward = forward_row, .backward = backward_row };

const rf_op rf_op_softplus = {
    .onnx_name = "Softplus",
    .since_opset = 1,
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
