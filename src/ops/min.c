/* Min: the smallest of the inputs, element by element, with NumPy broadcasting. Opset 6. */
#include "ops/variadic.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *a = p[1], *b = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = b[i] < a[i] || b[i] != b[i] ? b[i] : a[i]; /* NaN wins */
}

static int64_t integer(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

static const rf_variadic rule = { .forward = forward_row, .integer = integer };

const rf_op rf_op_min = {
    .onnx_name = "Min",
    .limits = "float32 or integers",
    .since_opset = 6,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_EVERY_IN | RF_NEEDS_OUT(0),
    .rule = &rule,
    .infer = rf_variadic_infer,
    .prepare = rf_extremum_prepare,
    .forward = rf_variadic_forward,
    .backward = rf_extremum_backward,
};
