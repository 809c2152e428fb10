/* Neg: y = -x. Opset 6. */
#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = -x[i];
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = -dy[i];
}

static int64_t integer(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x); /* the smallest integer has no negative */
}

static const rf_unary_rule rule = { .forward = forward_row,
                                    .backward = backward_row,
                                    .integer = integer };

const rf_op rf_op_neg = {
    .onnx_name = "Neg",
    .limits = "float32 or integers",
    .since_opset = 6,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .in_place = true,
    .rule = &rule,
    .infer = rf_unary_infer_number,
    .forward = rf_unary_rule_forward,
    .backward = rf_unary_rule_backward,
};
