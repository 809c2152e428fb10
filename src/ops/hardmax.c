/* Hardmax: 1 where the first largest of each group is, else 0; no gradient. Opset 1. */
#include "ops/softmax_rows.h"

static void forward(const float *x, float *y, int64_t n, int64_t stride)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = x[i * stride] > x[best * stride] ? i : best;
    for (int64_t i = 0; i < n; i++)
        y[i * stride] = i == best ? 1.0f : 0.0f;
}

static const rf_softmax rule = { .forward = forward };

const rf_op rf_op_hardmax = {
    .onnx_name = "Hardmax",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .in_place = true,
    .rule = &rule,
    .infer = rf_softmax_infer,
    .forward = rf_softmax_forward,
};
