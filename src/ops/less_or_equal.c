/* LessOrEqual: y = a <= b with NumPy broadcasting. Opset 12. */
#include "ops/comparison.h"

static const rf_comparison rule = { .less = true, .equal = true };

const rf_op rf_op_less_or_equal = {
    .onnx_name = "LessOrEqual",
    .since_opset = 12,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .rule = &rule,
    .infer = rf_compare_infer,
    .forward = rf_compare_forward,
};
