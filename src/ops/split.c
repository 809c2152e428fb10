/*
 * Split: parts of the input along `axis`; their sizes are attribute or input 1 "split", else equal.
 * Opset 2.
 */
#include "ops/op_util.h"
#include "ops/strided.h"

/*
 * Without sizes: equal parts, and the last one takes what is left (opset 18 allows that it is
 * smaller).
 */
static void equal_parts(int64_t total, int count, int64_t *sizes)
{
    const int64_t size = (total + count - 1) / count;
    for (int i = 0; i < count; i++) {
        const int64_t left = total - i * size;
        sizes[i] = left < 0 ? 0 : left < size ? left : size;
    }
}

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    int64_t sizes[RF_OP_MAX_IO], total = 0;
    int axis, count;
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 0), src->rank, &axis));
    RF_TRY(rf_infer_ints(io, "split", 1, sizes, &count));
    if (count < 0)
        equal_parts(src->dims[axis], count = io->out_count, sizes);
    for (int i = 0; i < count; i++)
        total = sizes[i] < 0 || total < 0 ? -1 : total + sizes[i];
    if (count != io->out_count || total != src->dims[axis])
        return rf_infer_fail(io, RF_ESHAPE,
                             "%d sizes for %d outputs, together %lld; dim %d is %lld", count,
                             io->out_count, (long long)total, axis, (long long)src->dims[axis]);
    for (int i = 0; i < count; i++) {
        rf_shape dst = *src;
        dst.dims[axis] = sizes[i];
        RF_TRY(rf_infer_set(io, i, io->in[0].dtype, &dst));
    }
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 0), s->in[0].rank);
    int64_t at = 0;
    for (int i = 0; i < s->out_count; i++) {
        const int64_t count = s->out[i].dims[axis];
        const rf_view part = rf_view_part(&s->in[0], axis, at, count);
        if (s->out[i].data)
            rf_strided_copy(&part, &s->out[i]);
        at += count;
    }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 0), s->in[0].rank);
    int64_t at = 0;
    for (int i = 0; i < s->out_count && s->diff_in[0].data; i++) {
        const int64_t count = s->out[i].dims[axis];
        const rf_view part = rf_view_part(&s->diff_in[0], axis, at, count);
        if (s->diff_out[i].data)
            rf_strided_copy(&s->diff_out[i], &part);
        else
            rf_view_zero(&part);
        at += count;
    }
    return RF_OK;
}

const rf_op rf_op_split = {
    .onnx_name = "Split",
    .since_opset = 2,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = -1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
