/* Equal: y = a == b with NumPy broadcasting. Opset 7. */
#include "ops/comparison.h"

static bool holds(int sign)
{
    return sign == 0;
}

static rf_status forward(rf_step *s)
{
    return rf_compare_forward(s, holds);
}

const rf_op rf_op_equal = {
    .onnx_name = "Equal",
    .since_opset = 7,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = rf_compare_infer,
    .forward = forward,
};
