/* LeakyRelu: y = x for x > 0, else alpha x; dx = dy, or alpha dy. Opset 6. */
#include "ops/elementwise.h"

static rf_status infer(rf_inference *io)
{
    if (rf_attr_float(io->node, "alpha", 0.01f) < 0.0f)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "alpha is negative: its gradient cannot be told from the output");
    return rf_unary_infer(io);
}

typedef struct params {
    float alpha;
} params;

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const params *a = user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : a->alpha * x[i];
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *y = p[2];
    const params *a = user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f ? dy[i] : a->alpha * dy[i];
}

static params read_params(const rf_step *s)
{
    return (params){ .alpha = rf_attr_float(s->node, "alpha", 0.01f) };
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

const rf_op rf_op_leaky_relu = {
    .onnx_name = "LeakyRelu",
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
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
