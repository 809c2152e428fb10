/* CastLike: Cast to the dtype of input 1, whose values do not matter. Opset 15. */
#include "ops/cast.h"

static rf_status infer(rf_inference *io)
{
    return rf_infer_set(io, 0, io->in[1].dtype, &io->in[0].shape);
}

const rf_op rf_op_cast_like = {
    .onnx_name = "CastLike",
    .since_opset = 15,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = rf_cast_forward,
    .backward = rf_cast_backward,
};
