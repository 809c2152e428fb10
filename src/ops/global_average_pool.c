/* GlobalAveragePool: y[n, c, 1...] = mean of x[n, c, ...] over all spatial axes. Opset 1. */
#include "kernels/pool.h"
#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    char text[RF_SHAPE_TEXT];
    rf_shape out = io->in[0].shape;
    RF_TRY(rf_infer_float(io));
    if (out.rank < 3)
        return rf_infer_fail(io, RF_ESHAPE, "input is %s, expected [n, channels, ...]",
                             rf_shape_text(&out, text));
    for (int i = 0; i < out.rank; i++)
        if (out.dims[i] < 1)
            return rf_infer_fail(io, RF_ESHAPE, "input is %s, expected dims of at least 1",
                                 rf_shape_text(&out, text));
    for (int i = 2; i < out.rank; i++)
        out.dims[i] = 1;
    return rf_infer_set(io, 0, RF_DTYPE_F32, &out);
}

/* Pixels of one image. */
static int64_t rows(const rf_step *s)
{
    return rf_view_count(&s->in[0]) / (s->in[0].dims[0] * s->in[0].dims[1]);
}

static rf_status forward(rf_step *s)
{
    const int64_t *dims = s->in[0].dims;
    rf_global_average_forward(dims[0], rows(s), dims[1], rf_view_f32(&s->in[0]),
                              rf_view_f32(&s->out[0]));
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const int64_t *dims = s->in[0].dims;
    if (rf_step_has_gradient(s, 0))
        rf_global_average_backward(dims[0], rows(s), dims[1], rf_view_f32(&s->diff_out[0]),
                                   rf_view_f32(&s->diff_in[0]));
    return RF_OK;
}

const rf_op rf_op_global_average_pool = {
    .onnx_name = "GlobalAveragePool",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
