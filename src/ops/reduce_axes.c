/* What the Reduce operators share: axes as an attribute (older opsets) or input 1 (newer ones). */
#include "ops/element.h"
#include "ops/reduction.h"
#include "ops/strided.h"

/* removed[d]: dim d of the input is reduced. */
static rf_status mark(const int64_t *axes, int count, bool noop_if_none, int rank, bool *removed)
{
    for (int d = 0; d < rank; d++)
        removed[d] = count <= 0 && !noop_if_none;
    for (int i = 0; i < count; i++) {
        if (axes[i] < -rank || axes[i] >= rank)
            return RF_EMODEL;
        removed[rf_axis_wrap(axes[i], rank)] = true;
    }
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    int64_t axes[2 * RF_MAX_RANK];
    int count;
    bool removed[RF_MAX_RANK];
    const rf_shape *src = &io->in[0].shape;
    const bool keep = rf_attr_int(io->node, "keepdims", 1) != 0;
    const bool noop = rf_attr_int(io->node, "noop_with_empty_axes", 0) != 0;
    rf_shape dst = { 0 };
    RF_TRY(rf_infer_ints(io, "axes", 1, axes, &count));
    if (mark(axes, count, noop, src->rank, removed) != RF_OK)
        return rf_infer_fail(io, RF_EMODEL, "an axis is outside a tensor of %d dims", src->rank);
    for (int d = 0; d < src->rank; d++)
        if (!removed[d] || keep)
            dst.dims[dst.rank++] = removed[d] ? 1 : src->dims[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status refuse_dtype(const rf_inference *io, const char *wanted)
{
    return rf_infer_fail(io, RF_EUNSUPPORTED, "input is %s; refold computes it in %s",
                         rf_dtype_name(io->in[0].dtype), wanted);
}

rf_status rf_reduce_infer(rf_inference *io)
{
    return io->in[0].dtype == RF_DTYPE_F32 ? infer(io) : refuse_dtype(io, "float32");
}

rf_status rf_reduce_infer_integers(rf_inference *io)
{
    const rf_dtype dtype = io->in[0].dtype;
    if (dtype != RF_DTYPE_F32 && !rf_dtype_is_index(dtype))
        return refuse_dtype(io, "float32, int64 or int32");
    return infer(io);
}

/* ------------------------------------------------------------------------- computing --- */

/* The output (or its gradient) with its reduced dims put back as dims of 1. */
static rf_status restore_dims(const rf_step *s, const rf_view *out, rf_view *kept_out)
{
    int64_t axes[2 * RF_MAX_RANK];
    int count, from = 0;
    bool removed[RF_MAX_RANK];
    const int rank = s->in[0].rank;
    RF_TRY(rf_step_ints(s, "axes", 1, axes, &count));
    RF_TRY(mark(axes, count, rf_attr_int(s->node, "noop_with_empty_axes", 0) != 0, rank, removed));
    *kept_out = *out;
    if (out->rank == rank)
        return RF_OK;
    kept_out->rank = rank;
    for (int d = 0; d < rank; d++) {
        kept_out->dims[d] = removed[d] ? 1 : out->dims[from];
        kept_out->strides[d] = removed[d] ? 0 : out->strides[from];
        from += removed[d] ? 0 : 1;
    }
    return RF_OK;
}

typedef struct integers {
    rf_integer_fn fn;
    rf_dtype dtype;
} integers;

/* Rows: x, y (repeated). */
static void integer_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const integers *op = user;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = i * strides[1], so_far = rf_element_i64(op->dtype, data[1], at);
        const int64_t x = rf_element_i64(op->dtype, data[0], i * strides[0]);
        rf_element_set_i64(op->dtype, data[1], at, op->fn(so_far, x));
    }
}

static void reduce_integers(const rf_reduce *rule, const rf_view *x, const rf_view *y)
{
    const integers op = { rule->integer, x->dtype };
    const rf_view *views[] = { x, y };
    rf_loop loop;
    for (int64_t i = 0; i < rf_view_count(y); i++) /* dense, in whatever order */
        rf_element_set_i64(y->dtype, y->data, i, rule->start);
    rf_loop_init(&loop, views, 2);
    rf_loop_range(&loop, 0, loop.count, integer_row, &op);
}

rf_status rf_reduce_forward(rf_step *s)
{
    const rf_reduce *rule = s->op->rule;
    rf_view y;
    RF_TRY(restore_dims(s, &s->out[0], &y));
    if (y.dtype == RF_DTYPE_F32)
        rule->forward(s, &s->in[0], &y);
    else
        reduce_integers(rule, &s->in[0], &y);
    return RF_OK;
}

rf_status rf_reduce_backward(rf_step *s)
{
    const rf_reduce *rule = s->op->rule;
    rf_view y, dy;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    RF_TRY(restore_dims(s, &s->out[0], &y));
    RF_TRY(restore_dims(s, &s->diff_out[0], &dy));
    rule->backward(s, &s->in[0], &y, &dy, &s->diff_in[0]);
    return RF_OK;
}

rf_status rf_reduce_prepare(rf_step *s)
{
    const size_t x = (size_t)rf_view_count(&s->in[0]), y = (size_t)rf_view_count(&s->out[0]);
    if (s->in[0].dtype == RF_DTYPE_F32)
        s->scratch_bytes = (x + 2 * y) * sizeof(float);
    return RF_OK;
}

rf_view rf_reduce_scratch(const rf_step *s, const rf_view *x)
{
    rf_view v = *x;
    v.data = s->scratch;
    return v;
}

rf_view rf_reduce_result(const rf_step *s, const rf_view *y, int i)
{
    rf_view v = *y;
    v.data = (float *)s->scratch + rf_view_count(&s->in[0]) + i * rf_view_count(y);
    return v;
}

void rf_reduce_mapped(const rf_step *s, rf_row_fn map, const rf_view *x, const rf_view *y)
{
    const rf_view mapped = rf_reduce_scratch(s, x), *views[] = { &mapped, x };
    rf_rows(views, 2, map, NULL);
    rf_reduce_sum(&mapped, y, 1.0);
}
