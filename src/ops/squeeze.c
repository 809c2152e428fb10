/*
 * Squeeze: dims of 1 go away: those in `axes` (attribute before opset 13, input since), or all.
 * Opset 1.
 */
#include "ops/same_memory.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    int64_t axes[2 * RF_MAX_RANK];
    int count, axis;
    bool goes[RF_MAX_RANK] = { false };
    rf_shape dst = { 0 };
    RF_TRY(rf_infer_ints(io, "axes", 1, axes, &count));
    for (int i = 0; i < count; i++) {
        RF_TRY(rf_infer_axis(io, axes[i], src->rank, &axis));
        if (src->dims[axis] != 1)
            return rf_infer_fail(io, RF_ESHAPE, "dim %d is %lld; only dims of 1 can be squeezed",
                                 axis, (long long)src->dims[axis]);
        goes[axis] = true;
    }
    for (int d = 0; d < src->rank; d++)
        if (count < 0 ? src->dims[d] != 1 : !goes[d])
            dst.dims[dst.rank++] = src->dims[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

const rf_op rf_op_squeeze = {
    .onnx_name = "Squeeze",
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
