/* Sub: y = a - b with NumPy broadcasting. Opset 7. */
#include "ops/elementwise.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *a = p[1], *b = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] - b[i];
}

RF_MULTIARCH static void diff_b_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = -dy[i];
}

static int64_t integer(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b); /* wraps, as NumPy does */
}

static const rf_binary rule = { .forward = forward_row, .diff_b = diff_b_row, .integer = integer };

const rf_op rf_op_sub = {
    .onnx_name = "Sub",
    .limits = "float32 or integers",
    .since_opset = 7,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .in_place = true,
    .rule = &rule,
    .infer = rf_binary_infer,
    .prepare = rf_binary_prepare,
    .forward = rf_binary_forward,
    .backward = rf_binary_backward,
};
