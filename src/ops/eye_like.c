/*
 * EyeLike: ones on the k-th diagonal of a matrix of the input's shape, zeros elsewhere. Opset 9.
 */
#include "ops/cast.h"
#include "ops/element.h"
#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    rf_dtype dtype = io->in[0].dtype;
    if (io->in[0].shape.rank != 2)
        return rf_infer_fail(io, RF_ESHAPE, "the input has %d dims, expected 2",
                             io->in[0].shape.rank);
    if (rf_node_attr(io->node, "dtype"))
        RF_TRY(rf_infer_cast_type(io, rf_attr_int(io->node, "dtype", 0), &dtype));
    return rf_infer_set(io, 0, dtype, &io->in[0].shape);
}

static rf_status forward(rf_step *s)
{
    const rf_view *dst = &s->out[0];
    const int64_t k = rf_attr_int(s->node, "k", 0);
    rf_view_zero(dst);
    for (int64_t i = 0; i < dst->dims[0]; i++)
        if (i + k >= 0 && i + k < dst->dims[1])
            rf_element_set_i64(dst->dtype, dst->data, i * dst->dims[1] + i + k, 1);
    return RF_OK;
}

const rf_op rf_op_eye_like = {
    .onnx_name = "EyeLike",
    .since_opset = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
