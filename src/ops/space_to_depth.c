/* SpaceToDepth: blocks of pixels become channels. Opset 1. */
#include "ops/pixel_blocks.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    const int64_t b = rf_attr_int(io->node, "blocksize", 0);
    if (src->rank != 4)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected 4", src->rank);
    if (b < 1 || b > 4096 || src->dims[2] % b != 0 || src->dims[3] % b != 0)
        return rf_infer_fail(
            io, RF_ESHAPE, "%lld x %lld pixels do not divide into blocks of %lld x %lld",
            (long long)src->dims[2], (long long)src->dims[3], (long long)b, (long long)b);
    const rf_shape dst = { .rank = 4,
                           .dims = { src->dims[0], src->dims[1] * b * b, src->dims[2] / b,
                                     src->dims[3] / b } };
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    rf_view deep, wide;
    rf_pixel_blocks(&s->out[0], &s->in[0], true, &deep, &wide);
    rf_strided_copy(&wide, &deep);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_view deep, wide;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    rf_pixel_blocks(&s->diff_out[0], &s->diff_in[0], true, &deep, &wide);
    rf_strided_copy(&deep, &wide);
    return RF_OK;
}

const rf_op rf_op_space_to_depth = {
    .onnx_name = "SpaceToDepth",
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
    .backward = backward,
};
