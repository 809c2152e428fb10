/* Size: the number of elements of the input. Opset 1. */
#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape scalar = { 0 };
    return rf_infer_set(io, 0, RF_DTYPE_I64, &scalar);
}

static rf_status forward(rf_step *s)
{
    *rf_view_i64(&s->out[0]) = rf_view_count(&s->in[0]);
    return RF_OK;
}

const rf_op rf_op_size = {
    .onnx_name = "Size",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
};
