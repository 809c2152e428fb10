/* What Softmax and LogSoftmax share. */
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

rf_softmax_rows rf_softmax_rows_of(const rf_step *s)
{
    const rf_view *v = &s->out[0];
    const int axis = rf_axis_wrap(read_axis(s->node, s->opset), v->rank);
    rf_softmax_rows r = { .length = v->dims[axis] };
    rf_view_split(v, axis, &r.outer, &r.inner);
    if (s->opset < OPSET_OF_ONE_AXIS) {
        r.length *= r.inner;
        r.inner = 1;
    }
    return r;
}
