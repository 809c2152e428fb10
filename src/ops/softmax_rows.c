/* What Softmax, LogSoftmax and Hardmax share. */
#include "ops/softmax_rows.h"

#define OPSET_OF_ONE_AXIS 13

static int64_t read_axis(const rf_node *n, int64_t opset)
{
    return rf_attr_int(n, "axis", opset < OPSET_OF_ONE_AXIS ? 1 : -1);
}

rf_status rf_softmax_infer(rf_inference *io)
{
    int axis;
    RF_TRY(rf_infer_float(io));
    RF_TRY(rf_infer_axis(io, read_axis(io->node, io->opset), io->in[0].shape.rank, &axis));
    return rf_infer_same(io);
}

float rf_softmax_largest(const float *x, int64_t n, int64_t stride)
{
    float best = x[0];
    for (int64_t i = 1; i < n; i++)
        best = x[i * stride] > best ? x[i * stride] : best;
    return best;
}

/*
 * A plain tensor as [outer][length][inner]: each group of `length` elements, `inner` apart, is
 * normalized by itself. Before opset 13 a group is everything from `axis` (default 1) on; since
 * then it runs along `axis` (default -1) only.
 */
typedef struct groups {
    int64_t outer, length, inner;
} groups;

static groups groups_of(const rf_step *s)
{
    const rf_view *v = &s->out[0];
    const int axis = rf_axis_wrap(read_axis(s->node, s->opset), v->rank);
    groups r = { .length = v->dims[axis] };
    rf_view_split(v, axis, &r.outer, &r.inner);
    if (s->opset < OPSET_OF_ONE_AXIS) {
        r.length *= r.inner;
        r.inner = 1;
    }
    return r;
}

static int64_t group_start(const groups *r, int64_t g)
{
    return g / r->inner * r->length * r->inner + g % r->inner;
}

rf_status rf_softmax_forward(rf_step *s)
{
    const rf_softmax *rule = s->op->rule;
    const groups r = groups_of(s);
    const float *x = rf_view_f32(&s->in[0]);
    float *y = rf_view_f32(&s->out[0]);
#pragma omp parallel for schedule(static) if (r.outer * r.length * r.inner >= 8192)
    for (int64_t g = 0; g < r.outer * r.inner; g++) {
        const int64_t at = group_start(&r, g);
        rule->forward(x + at, y + at, r.length, r.inner);
    }
    return RF_OK;
}

rf_status rf_softmax_backward(rf_step *s)
{
    const rf_softmax *rule = s->op->rule;
    const groups r = groups_of(s);
    const float *y = rf_view_f32(&s->out[0]), *dy = rf_view_f32(&s->diff_out[0]);
    float *dx = rf_view_f32(&s->diff_in[0]);
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
#pragma omp parallel for schedule(static) if (r.outer * r.length * r.inner >= 8192)
    for (int64_t g = 0; g < r.outer * r.inner; g++) {
        const int64_t at = group_start(&r, g);
        rule->backward(y + at, dy + at, dx + at, r.length, r.inner);
    }
    return RF_OK;
}
