/* ArgMax: where the largest along `axis` is; no gradient. Opset 1. */
#include "ops/arg.h"

static const rf_arg rule = { .smallest = false };

const rf_op rf_op_arg_max = {
    .onnx_name = "ArgMax",
    .limits = "float32",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .rule = &rule,
    .infer = rf_arg_infer,
    .forward = rf_arg_forward,
};
