/* GlobalMaxPool: the largest of each channel; equal ones share the gradient. Opset 1. */
#include "ops/reduction.h"

static rf_status infer(rf_inference *io)
{
    rf_shape dst = io->in[0].shape;
    RF_TRY(rf_infer_float(io));
    if (dst.rank < 3)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected at least 3", dst.rank);
    for (int d = 2; d < dst.rank; d++)
        dst.dims[d] = 1;
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

static rf_status forward(rf_step *s)
{
    rf_reduce_max(&s->in[0], &s->out[0]);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        rf_reduce_extremum_backward(&s->in[0], &s->out[0], &s->diff_out[0], s->scratch,
                                    &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_global_max_pool = {
    .onnx_name = "GlobalMaxPool",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_OUT(0),
    .infer = infer,
    .prepare = rf_reduce_extremum_prepare,
    .forward = forward,
    .backward = backward,
};
