/* Abs: y = |x|; dx = dy * sign(x), 0 at 0. Opset 6. */
#include <math.h>

#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = fabsf(x[i]);
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dy[i] : x[i] < 0.0f ? -dy[i] : 0.0f;
}

static int64_t integer(int64_t x)
{
    return x < 0 ? (int64_t)(0 - (uint64_t)x) : x; /* the smallest integer has no negative */
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .integer = integer };

const rf_op rf_op_abs = {
    .onnx_name = "Abs",
    .limits = "float32 or integers",
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
    .infer = rf_unary_infer_number,
    .forward = rf_unary_rule_forward,
    .backward = rf_unary_rule_backward,
};
