/*
 * Compress: the slices along `axis` (without it, the elements) whose condition is true. How many
 * there are is known at run time only, unless the condition is constant. Opset 9.
 */
#include <string.h>

#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    rf_shape dst = { .rank = 1 };
    int axis = 0;
    int64_t kept = 0;
    RF_TRY(rf_infer_known(io, 1));
    const rf_tensor *condition = io->in[1].constant;
    if (condition->dtype != RF_DTYPE_BOOL || condition->shape.rank != 1)
        return rf_infer_fail(io, RF_EMODEL, "the condition must be a list of bool");
    if (rf_node_attr(io->node, "axis")) {
        RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 0), src->rank, &axis));
        dst = *src;
    }
    const int64_t most = rf_node_attr(io->node, "axis") ? src->dims[axis] : rf_shape_product(src);
    for (int64_t i = 0; i < condition->count; i++)
        kept += rf_tensor_get_i64(condition, i) != 0;
    if (condition->count > most)
        return rf_infer_fail(io, RF_ESHAPE, "%lld conditions for %lld slices",
                             (long long)condition->count, (long long)most);
    dst.dims[axis] = kept;
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    const bool whole = !rf_node_attr(s->node, "axis");
    const unsigned char *condition = s->in[1].data;
    int64_t outer = 1, inner = 1, length = rf_view_count(&s->in[0]);
    if (!whole) {
        const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 0), s->in[0].rank);
        length = s->in[0].dims[axis];
        rf_view_split(&s->in[0], axis, &outer, &inner);
    }
    const size_t bytes = (size_t)inner * rf_dtype_bytes(s->in[0].dtype);
    const char *from = s->in[0].data;
    char *to = s->out[0].data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < s->in[1].dims[0]; i++)
            if (condition[i]) {
                memcpy(to, from + (size_t)(o * length + i) * bytes, bytes);
                to += bytes;
            }
    return RF_OK;
}

const rf_op rf_op_compress = {
    .onnx_name = "Compress",
    .limits = "a condition made at run time: in inference only",
    .since_opset = 9,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
