/*
 * Slice: begin, end and step along some axes (attributes before opset 10, inputs since); steps may
 * be negative. Opset 1.
 */
#include <stdint.h>

#include "ops/op_util.h"
#include "ops/strided.h"

/* What is taken of each dim. */
typedef struct cut {
    int64_t begin[RF_MAX_RANK], count[RF_MAX_RANK], step[RF_MAX_RANK];
} cut;

typedef struct lists {
    int64_t starts[2 * RF_MAX_RANK], ends[2 * RF_MAX_RANK], axes[2 * RF_MAX_RANK],
        steps[2 * RF_MAX_RANK];
    int starts_count, ends_count, axes_count, steps_count;
} lists;

static int64_t bounded(int64_t i, int64_t low, int64_t high)
{
    return i < low ? low : i > high ? high : i;
}

/* One dim of n elements; ONNX and NumPy count ends beyond either border as the border. */
static void cut_dim(int64_t n, int64_t start, int64_t end, int64_t step, cut *c, int d)
{
    const int64_t first = start < 0 ? start + n : start, last = end < 0 ? end + n : end;
    c->step[d] = step;
    if (step > 0) {
        c->begin[d] = bounded(first, 0, n);
        const int64_t length = bounded(last, 0, n) - c->begin[d];
        c->count[d] = length <= 0 ? 0 : (length - 1) / step + 1;
    } else {
        c->begin[d] = bounded(first, -1, n - 1);
        const int64_t length = c->begin[d] - bounded(last, -1, n - 1);
        c->count[d] = length <= 0 ? 0 : step < -length ? 1 : (length - 1) / -step + 1;
    }
    if (!c->count[d] || c->count[d] == 1)
        c->step[d] = 1;
    if (!c->count[d])
        c->begin[d] = 0;
}

/* NULL, or what is wrong with the lists. */
static const char *cut_all(const lists *l, int rank, const int64_t *dims, cut *c)
{
    if (l->starts_count < 0 || l->ends_count != l->starts_count)
        return "starts and ends are missing or of different lengths";
    if ((l->axes_count >= 0 && l->axes_count != l->starts_count) ||
        (l->axes_count < 0 && l->starts_count > rank))
        return "axes do not match starts";
    if (l->steps_count >= 0 && l->steps_count != l->starts_count)
        return "steps do not match starts";
    for (int d = 0; d < rank; d++)
        cut_dim(dims[d], 0, dims[d], 1, c, d);
    for (int i = 0; i < l->starts_count; i++) {
        const int64_t axis = l->axes_count < 0 ? i : l->axes[i],
                      step = l->steps_count < 0 ? 1 : l->steps[i];
        if (axis < -rank || axis >= rank)
            return "an axis is outside the tensor";
        if (step == 0 || step == INT64_MIN)
            return "a step is 0 or too large";
        const int d = rf_axis_wrap(axis, rank);
        cut_dim(dims[d], l->starts[i], l->ends[i], step, c, d);
    }
    return NULL;
}

static rf_status infer(rf_inference *io)
{
    lists l;
    cut c;
    rf_shape dst = io->in[0].shape;
    RF_TRY(rf_infer_ints(io, "starts", 1, l.starts, &l.starts_count));
    RF_TRY(rf_infer_ints(io, "ends", 2, l.ends, &l.ends_count));
    RF_TRY(rf_infer_ints(io, "axes", 3, l.axes, &l.axes_count));
    RF_TRY(rf_infer_ints(io, NULL, 4, l.steps, &l.steps_count));
    const char *wrong = cut_all(&l, dst.rank, dst.dims, &c);
    if (wrong)
        return rf_infer_fail(io, RF_EMODEL, "%s", wrong);
    for (int d = 0; d < dst.rank; d++)
        dst.dims[d] = c.count[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

/*
 * The part of v (of the input's dims) that the output shows; strides run backwards for negative
 * steps.
 */
static rf_status part_of(const rf_step *s, const rf_view *v, rf_view *out)
{
    lists l;
    cut c;
    int64_t at = 0;
    RF_TRY(rf_step_ints(s, "starts", 1, l.starts, &l.starts_count));
    RF_TRY(rf_step_ints(s, "ends", 2, l.ends, &l.ends_count));
    RF_TRY(rf_step_ints(s, "axes", 3, l.axes, &l.axes_count));
    RF_TRY(rf_step_ints(s, NULL, 4, l.steps, &l.steps_count));
    const char *wrong = cut_all(&l, v->rank, v->dims, &c);
    if (wrong)
        return rf_step_fail(s, RF_EMODEL, "%s", wrong);
    *out = *v;
    for (int d = 0; d < v->rank; d++) {
        at += c.begin[d] * v->strides[d];
        out->dims[d] = c.count[d];
        out->strides[d] = c.step[d] * v->strides[d];
    }
    out->data = (char *)v->data + at * (int64_t)rf_dtype_bytes(v->dtype);
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    rf_view part;
    RF_TRY(part_of(s, &s->in[0], &part));
    rf_strided_copy(&part, &s->out[0]);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_view part;
    if (!s->diff_in[0].data)
        return RF_OK;
    RF_TRY(part_of(s, &s->diff_in[0], &part));
    rf_view_zero(&s->diff_in[0]);
    if (s->diff_out[0].data)
        rf_strided_copy(&s->diff_out[0], &part);
    return RF_OK;
}

const rf_op rf_op_slice = {
    .onnx_name = "Slice",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
