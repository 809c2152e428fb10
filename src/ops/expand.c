/* Expand: the input stretched to what it and the given shape broadcast to. Opset 8. */
#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    int64_t dims[2 * RF_MAX_RANK], size;
    int count;
    rf_shape dst;
    RF_TRY(rf_infer_ints(io, NULL, 1, dims, &count));
    if (count < 0 || count > RF_MAX_RANK)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "shape of %d dims; refold has at most %d", count,
                             RF_MAX_RANK);
    const rf_shape wanted = rf_shape_of(count, dims);
    RF_TRY(rf_shape_count(io->ctx, &wanted, &size));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[0].shape, &wanted, &dst));
    RF_TRY(rf_shape_count(io->ctx, &dst, &size));
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    rf_strided_copy(&s->in[0], &s->out[0]);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        rf_sum_to(&s->diff_out[0], &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_expand = {
    .onnx_name = "Expand",
    .since_opset = 8,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
