/* Pow: y = a^b with NumPy broadcasting; db counts only where a > 0. Opset 7. */
#include <math.h>

#include "ops/elementwise.h"

/* Since opset 12 the exponent may be of another dtype than the base. */
static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_infer_float(io));
    return rf_binary_infer(io);
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *a = p[1], *b = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = powf(a[i], b[i]);
}

RF_MULTIARCH static void diff_a_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1], *a = p[2], *b = p[3];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = b[i] == 0.0f ? 0.0f : dy[i] * b[i] * powf(a[i], b[i] - 1.0f);
}

RF_MULTIARCH static void diff_b_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1], *a = p[2], *b = p[3];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = a[i] > 0.0f ? dy[i] * powf(a[i], b[i]) * logf(a[i]) : 0.0f;
}

static const rf_binary rule = { .forward = forward_row,
                                .diff_a = diff_a_row,
                                .diff_b = diff_b_row };

const rf_op rf_op_pow = {
    .onnx_name = "Pow",
    .since_opset = 7,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .rule = &rule,
    .infer = infer,
    .prepare = rf_binary_prepare,
    .forward = rf_binary_forward,
    .backward = rf_binary_backward,
};
