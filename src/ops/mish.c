/*
 * Mish: y = x t, t = tanh(ln(1 + e^x)); dx = dy (t + x s (1 - t^2)), s = sigmoid(x). Opset 18, and
 * spelt out before.
 */
#include "ops/elementwise.h"
#include "ops/vector_exp.h"

/* From here on t is 1 in float32; e^x squared stays finite. */
#define SATURATED 20.0f

/* t = n / (n + 2) with n = e (e + 2), e = e^x: nothing cancels. */
static inline float tanh_softplus(float e)
{
    const float n = e * (e + 2.0f);
    return n / (n + 2.0f);
}

static inline float exp_below(float x)
{
    return rf_vector_exp(x > SATURATED ? SATURATED : x);
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * tanh_softplus(exp_below(x[i]));
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float e = exp_below(x[i]), t = tanh_softplus(e), s = e / (1.0f + e);
        dx[i] = dy[i] * (t + x[i] * s * (1.0f - t * t));
    }
}

static const rf_unary_rule rule = { .forward = forward_row, .backward = backward_row };

const rf_op rf_op_mish = {
    .onnx_name = "Mish",
    .since_opset = 18,
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
