/* Softsign: y = x / (1 + |x|); dx = dy / (1 + |x|)^2. Opset 1. */
#include <math.h>

#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + fabsf(x[i]));
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float d = 1.0f + fabsf(x[i]);
        dx[i] = dy[i] / (d * d);
    }
}

static const rf_unary_rule rule = { .forward = forward_row, .backward = backward_row };

const rf_op rf_op_softsign = {
    .onnx_name = "Softsign",
    .since_opset = 1,
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
