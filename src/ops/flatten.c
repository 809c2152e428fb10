/* Flatten: the dims before `axis` become one, and those from it on another. Opset 1. */
#include "ops/same_memory.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    const int64_t axis = rf_attr_int(io->node, "axis", 1);
    rf_shape dst = { .rank = 2, .dims = { 1, 1 } };
    if (axis < -src->rank || axis > src->rank)
        return rf_infer_fail(io, RF_EMODEL, "axis %lld is outside a tensor of %d dims",
                             (long long)axis, src->rank);
    for (int d = 0; d < src->rank; d++)
        dst.dims[d < rf_axis_wrap(axis, src->rank) ? 0 : 1] *= src->dims[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

const rf_op rf_op_flatten = {
    .onnx_name = "Flatten",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
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
