/* HardSigmoid: y = alpha x + beta within [0, 1]; dx = alpha dy where 0 < y < 1. Opset 6. */
#include "ops/elementwise.h"

typedef struct params {
    float alpha, beta;
} params;

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const params *a = user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = rf_clamp(a->alpha * x[i] + a->beta, 0.0f, 1.0f);
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *y = p[2];
    const params *a = user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f && y[i] < 1.0f ? a->alpha * dy[i] : 0.0f;
}

static params read_params(const rf_step *s)
{
    return (params){ .alpha = rf_attr_float(s->node, "alpha", 0.2f),
                     .beta = rf_attr_float(s->node, "beta", 0.5f) };
}

static rf_status forward(rf_step *s)
{
    const params a = read_params(s);
    return rf_unary_forward(s, forward_row, &a);
}

static rf_status backward(rf_step *s)
{
    const params a = read_params(s);
    return rf_unary_backward(s, backward_row, &a);
}

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
    .infer = rf_unary_infer,
    .forward = forward,
    .backward = backward,
};
