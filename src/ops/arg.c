/* What ArgMax and ArgMin share. */
#include "ops/arg.h"

rf_status rf_arg_infer(rf_inference *io)
{
    const bool keep = rf_attr_int(io->node, "keepdims", 1) != 0;
    const rf_shape *src = &io->in[0].shape;
    rf_shape dst = { 0 };
    int axis;
    RF_TRY(rf_infer_float(io));
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 0), src->rank, &axis));
    if (src->dims[axis] == 0)
        return rf_infer_fail(io, RF_ESHAPE, "dim %d has no elements", axis);
    for (int d = 0; d < src->rank; d++)
        if (d != axis || keep)
            dst.dims[dst.rank++] = d == axis ? 1 : src->dims[d];
    return rf_infer_set(io, 0, RF_DTYPE_I64, &dst);
}

static int64_t best_of(const float *x, int64_t n, int64_t stride, float sign, bool last)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (sign * x[i * stride] > sign * x[best * stride] ||
            (last && x[i * stride] == x[best * stride]))
            best = i;
    return best;
}

rf_status rf_arg_forward(rf_step *s)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 0), s->in[0].rank);
    const rf_arg *rule = s->op->rule;
    const bool last = rf_attr_int(s->node, "select_last_index", 0) != 0;
    const int64_t n = s->in[0].dims[axis];
    int64_t outer, inner;
    rf_view_split(&s->in[0], axis, &outer, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            rf_view_i64(&s->out[0])[o * inner + i] =
                best_of(rf_view_f32(&s->in[0]) + o * n * inner + i, n, inner,
                        rule->smallest ? -1.0f : 1.0f, last);
    return RF_OK;
}
