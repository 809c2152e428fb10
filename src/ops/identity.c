/* Identity: y = x. Opset 1. */
#include "ops/same_memory.h"

const rf_op rf_op_identity = {
    .onnx_name = "Identity",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .moves_codes = true,
    .in_place = true,
    .infer = rf_infer_same,
    .forward = rf_same_memory_forward,
    .backward = rf_same_memory_backward,
};
