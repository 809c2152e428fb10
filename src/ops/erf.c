/*
 * Erf: y = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x; dx = dy * 2 / sqrt(pi) * exp(-x^2).
 * Opset 9.
 */
#include <math.h>

#include "ops/elementwise.h"

#define TWO_OVER_SQRT_PI 1.12837917f

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = erff(x[i]);
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * TWO_OVER_SQRT_PI * expf(-x[i] * x[i]);
}

static const rf_unary_rule rule = { .forward = forward_row, .backward = backward_row };

const rf_op rf_op_erf = {
    .onnx_name = "Erf",
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
