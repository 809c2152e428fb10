/*
 * PRelu: y = x for x > 0, else slope x; slope (trainable) broadcasts to x. dslope = sum of dy x
 * where x <= 0. Opset 7.
 */
#include "ops/elementwise.h"

static rf_status infer(rf_inference *io)
{
    rf_shape shape;
    char text[2][RF_SHAPE_TEXT];
    const rf_shape *x = &io->in[0].shape, *slope = &io->in[1].shape;
    RF_TRY(rf_infer_float(io));
    if (rf_shape_broadcast(io->ctx, x, slope, &shape) != RF_OK || !rf_shape_equal(&shape, x))
        return rf_infer_fail(io, RF_ESHAPE, "slope %s does not broadcast to the input %s",
                             rf_shape_text(slope, text[0]), rf_shape_text(x, text[1]));
    return rf_infer_set(io, 0, io->in[0].dtype, x);
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1], *slope = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : slope[i] * x[i];
}

RF_MULTIARCH static void diff_x_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1], *x = p[2], *slope = p[3];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = x[i] > 0.0f ? dy[i] : slope[i] * dy[i];
}

RF_MULTIARCH static void diff_slope_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = x[i] > 0.0f ? 0.0f : x[i] * dy[i];
}

static const rf_binary rule = { .forward = forward_row,
                                .diff_a = diff_x_row,
                                .diff_b = diff_slope_row };

const rf_op rf_op_prelu = {
    .onnx_name = "PRelu",
    .since_opset = 7,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .roles = { RF_ROLE_NONE, RF_ROLE_WEIGHT },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .rule = &rule,
    .infer = infer,
    .prepare = rf_binary_prepare,
    .forward = rf_binary_forward,
    .backward = rf_binary_backward,
};
