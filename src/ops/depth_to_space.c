/* DepthToSpace: blocks of channels become blocks of pixels. Opset 1. */
#include <string.h>

#include "ops/pixel_blocks.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    const int64_t b = rf_attr_int(io->node, "blocksize", 0);
    const char *mode = rf_attr_string(io->node, "mode", "DCR");
    if (src->rank != 4)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected 4", src->rank);
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
        return rf_infer_fail(io, RF_EMODEL, "mode '%s', expected DCR or CRD", mode);
    if (b < 1 || b > 4096 || src->dims[1] % (b * b) != 0)
        return rf_infer_fail(io, RF_ESHAPE,
                             "%lld channels do not divide into blocks of %lld x %lld",
                             (long long)src->dims[1], (long long)b, (long long)b);
    const rf_shape dst = { .rank = 4,
                           .dims = { src->dims[0], src->dims[1] / (b * b), src->dims[2] * b,
                                     src->dims[3] * b } };
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    rf_view deep, wide;
    rf_pixel_blocks(&s->in[0], &s->out[0], rf_attr_string(s->node, "mode", "DCR")[0] == 'D', &deep,
                    &wide);
    rf_strided_copy(&deep, &wide);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_view deep, wide;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    rf_pixel_blocks(&s->diff_in[0], &s->diff_out[0],
                    rf_attr_string(s->node, "mode", "DCR")[0] == 'D', &deep, &wide);
    rf_strided_copy(&wide, &deep);
    return RF_OK;
}

const rf_op rf_op_depth_to_space = {
    .onnx_name = "DepthToSpace",
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
