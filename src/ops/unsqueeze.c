/*
 * Unsqueeze: dims of 1 at `axes` of the output (attribute before opset 13, input since). Opset 1.
 */
#include "ops/same_memory.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    int64_t axes[2 * RF_MAX_RANK];
    int count, axis, from = 0;
    bool comes[RF_MAX_RANK] = { false };
    rf_shape dst = { 0 };
    RF_TRY(rf_infer_ints(io, "axes", 1, axes, &count));
    dst.rank = src->rank + count;
    if (count < 0 || dst.rank > RF_MAX_RANK)
        return rf_infer_fail(io, count < 0 ? RF_EMODEL : RF_EUNSUPPORTED, "%s",
                             count < 0 ? "axes are missing"
                                       : "the output would have more than 8 dims");
    for (int i = 0; i < count; i++) {
        RF_TRY(rf_infer_axis(io, axes[i], dst.rank, &axis));
        if (comes[axis])
            return rf_infer_fail(io, RF_EMODEL, "axis %d is listed twice", axis);
        comes[axis] = true;
    }
    for (int d = 0; d < dst.rank; d++)
        dst.dims[d] = comes[d] ? 1 : src->dims[from++];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

const rf_op rf_op_unsqueeze = {
    .onnx_name = "Unsqueeze",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .moves_codes = true,
    .in_place = true,
    .infer = infer,
    .forward = rf_same_memory_forward,
    .backward = rf_same_memory_backward,
};
