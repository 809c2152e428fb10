/*
 * OneHot: a dim of `depth` at `axis` that holds values[1] where the index points, values[0]
 * elsewhere; indices beyond the depth point nowhere. Opset 9.
 */
#include <math.h>
#include <string.h>

#include "ops/element.h"
#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *indices = &io->in[0].shape;
    rf_shape dst = { .rank = indices->rank + 1 };
    int axis;
    int64_t size;
    RF_TRY(rf_infer_known(io, 1));
    const rf_tensor *depth = io->in[1].constant;
    if (dst.rank > RF_MAX_RANK)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "the output would have more than %d dims",
                             RF_MAX_RANK);
    if (depth->count != 1 || rf_tensor_get_i64(depth, 0) < 1)
        return rf_infer_fail(io, RF_EMODEL, "depth must be one number of at least 1");
    if (rf_shape_product(&io->in[2].shape) != 2)
        return rf_infer_fail(io, RF_EMODEL, "values must be two numbers");
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", -1), dst.rank, &axis));
    for (int d = 0; d < dst.rank; d++)
        dst.dims[d] = d == axis ? rf_tensor_get_i64(depth, 0) : indices->dims[d - (d > axis)];
    RF_TRY(rf_shape_count(io->ctx, &dst, &size));
    return rf_infer_set(io, 0, io->in[2].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    const rf_view *dst = &s->out[0];
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", -1), dst->rank);
    const size_t bytes = rf_dtype_bytes(dst->dtype);
    const int64_t depth = dst->dims[axis];
    const char *off = s->in[2].data, *on = off + bytes;
    char *to = dst->data;
    int64_t outer, inner;
    rf_view_split(dst, axis, &outer, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < depth; k++)
            for (int64_t i = 0; i < inner; i++, to += bytes) {
                const int64_t index = rf_element_i64(s->in[0].dtype, s->in[0].data, o * inner + i);
                memcpy(to, (index < 0 ? index + depth : index) == k ? on : off, bytes);
            }
    return RF_OK;
}

const rf_op rf_op_one_hot = {
    .onnx_name = "OneHot",
    .since_opset = 9,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
