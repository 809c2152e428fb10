/* Sum: the inputs added up, with NumPy broadcasting. Opset 6. */
#include "ops/variadic.h"

static const rf_variadic rule = { .forward = rf_sum_row };

const rf_op rf_op_sum = {
    .onnx_name = "Sum",
    .limits = "float32",
    .since_opset = 6,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .rule = &rule,
    .infer = rf_sum_infer,
    .forward = rf_variadic_forward,
    .backward = rf_sum_backward,
};
