/*
 * Celu: y = x for x > 0, else alpha (exp(x / alpha) - 1); dx = dy, or exp(x / alpha) dy. Opset 12.
 */
#include <math.h>

#include "ops/elementwise.h"

static rf_status infer(rf_inference *io)
{
    if (rf_attr_float(io->node, "alpha", 1.0f) == 0.0f)
        return rf_infer_fail(io, RF_EMODEL, "alpha is 0, which divides");
    return rf_unary_infer(io);
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const float alpha = ((const float *)user)[0];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : alpha * expm1f(x[i] / alpha);
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    const float alpha = ((const float *)user)[0];
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dy[i] : dy[i] * expf(x[i] / alpha);
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .numbers = { { "alpha", 1.0f } } };

const rf_op rf_op_celu = {
    .onnx_name = "Celu",
    .since_opset = 12,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .rule = &rule,
    .infer = infer,
    .forward = rf_unary_rule_forward,
    .backward = rf_unary_rule_backward,
};
