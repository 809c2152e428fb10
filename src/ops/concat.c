/* Concat: inputs one behind the other along `axis`. Opset 4. */
#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status check_input(const rf_inference *io, int i, int axis)
{
    const rf_shape *first = &io->in[0].shape, *shape = &io->in[i].shape;
    char text[2][RF_SHAPE_TEXT];
    bool fits = io->in[i].dtype == io->in[0].dtype && shape->rank == first->rank;
    for (int d = 0; d < first->rank && fits; d++)
        fits = d == axis || shape->dims[d] == first->dims[d];
    if (fits)
        return RF_OK;
    return rf_infer_fail(io, RF_ESHAPE, "input %d is %s %s, but input 0 is %s %s", i,
                         rf_dtype_name(io->in[i].dtype), rf_shape_text(shape, text[0]),
                         rf_dtype_name(io->in[0].dtype), rf_shape_text(first, text[1]));
}

static rf_status infer(rf_inference *io)
{
    rf_shape dst = io->in[0].shape;
    int64_t count;
    int axis;
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 1), dst.rank, &axis));
    for (int i = 1; i < io->in_count; i++) {
        RF_TRY(check_input(io, i, axis));
        dst.dims[axis] += io->in[i].shape.dims[axis];
    }
    RF_TRY(rf_shape_count(io->ctx, &dst, &count));
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 1), s->out[0].rank);
    int64_t at = 0;
    for (int i = 0; i < s->in_count; i++) {
        const rf_view part = rf_view_part(&s->out[0], axis, at, s->in[i].dims[axis]);
        rf_strided_copy(&s->in[i], &part);
        at += s->in[i].dims[axis];
    }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 1), s->out[0].rank);
    int64_t at = 0;
    for (int i = 0; i < s->in_count; i++) {
        const int64_t count = s->in[i].dims[axis];
        if (rf_step_has_gradient(s, i)) {
            const rf_view part = rf_view_part(&s->diff_out[0], axis, at, count);
            rf_strided_copy(&part, &s->diff_in[i]);
        }
        at += count;
    }
    return RF_OK;
}

const rf_op rf_op_concat = {
    .onnx_name = "Concat",
    .since_opset = 4,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
