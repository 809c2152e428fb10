/* Shape: the dims of the input, from `start` to `end` (opset 15). Opset 1. */
#include "ops/op_util.h"

static int bounded(int64_t i, int rank)
{
    const int64_t wrapped = i < 0 ? i + rank : i;
    return (int)(wrapped < 0 ? 0 : wrapped > rank ? rank : wrapped);
}

static rf_status infer(rf_inference *io)
{
    const int rank = io->in[0].shape.rank;
    const int start = bounded(rf_attr_int(io->node, "start", 0), rank);
    const int end = bounded(rf_attr_int(io->node, "end", rank), rank);
    const rf_shape dst = { .rank = 1, .dims = { end > start ? end - start : 0 } };
    return rf_infer_set(io, 0, RF_DTYPE_I64, &dst);
}

static rf_status forward(rf_step *s)
{
    const int start = bounded(rf_attr_int(s->node, "start", 0), s->in[0].rank);
    for (int64_t i = 0; i < s->out[0].dims[0]; i++)
        rf_view_i64(&s->out[0])[i] = s->in[0].dims[start + i];
    return RF_OK;
}

const rf_op rf_op_shape = {
    .onnx_name = "Shape",
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
