/* Gathering and scattering by tensors of indices. */
#include <math.h>
#include <string.h>

#include "ops/element.h"
#include "ops/indexing.h"

rf_status rf_infer_index_type(const rf_inference *io, int i)
{
    if (rf_dtype_is_index(io->in[i].dtype))
        return RF_OK;
    return rf_infer_fail(io, RF_EMODEL, "indices are %s, expected int64 or int32",
                         rf_dtype_name(io->in[i].dtype));
}

rf_status rf_step_index(const rf_step *s, int64_t index, int64_t n, int64_t *out)
{
    if (index < -n || index >= n)
        return rf_step_fail(s, RF_EMODEL, "index %lld is outside a dim of %lld", (long long)index,
                            (long long)n);
    *out = index < 0 ? index + n : index;
    return RF_OK;
}

static void row_major(const int64_t *dims, int rank, int64_t *strides)
{
    int64_t step = 1;
    for (int d = rank - 1; d >= 0; d--) {
        strides[d] = step;
        step *= dims[d];
    }
}

/* ------------------------------------------------------------------------ one an element --- */

rf_status rf_infer_element_indices(const rf_inference *io)
{
    char ds[RF_SHAPE_TEXT], is[RF_SHAPE_TEXT];
    const rf_shape *data = &io->in[0].shape, *indices = &io->in[1].shape;
    int axis;
    RF_TRY(rf_infer_index_type(io, 1));
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 0), data->rank, &axis));
    bool fits = data->rank == indices->rank;
    for (int d = 0; fits && d < data->rank; d++)
        fits = d == axis || indices->dims[d] <= data->dims[d];
    if (!fits)
        return rf_infer_fail(io, RF_ESHAPE, "indices %s do not fit data %s along axis %d",
                             rf_shape_text(indices, is), rf_shape_text(data, ds), axis);
    return RF_OK;
}

rf_element_indices rf_element_indices_of(const rf_step *s)
{
    rf_element_indices e = { .rank = s->in[0].rank };
    e.axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 0), e.rank);
    e.length = s->in[0].dims[e.axis];
    memcpy(e.dims, s->in[1].dims, sizeof e.dims);
    row_major(s->in[0].dims, e.rank, e.strides);
    return e;
}

rf_status rf_element_target(const rf_step *s, const rf_element_indices *e, int64_t i, int64_t *out)
{
    int64_t index = 0, at = 0, rest = i;
    RF_TRY(rf_step_index(s, rf_element_i64(s->in[1].dtype, s->in[1].data, i), e->length, &index));
    for (int d = e->rank - 1; d >= 0; d--) {
        at += (d == e->axis ? index : rest % e->dims[d]) * e->strides[d];
        rest /= e->dims[d];
    }
    *out = at;
    return RF_OK;
}

/* -------------------------------------------------------------------------------- tuples --- */

rf_status rf_infer_tuple_indices(const rf_inference *io, int64_t batch_dims)
{
    char ds[RF_SHAPE_TEXT], is[RF_SHAPE_TEXT];
    const rf_shape *data = &io->in[0].shape, *indices = &io->in[1].shape;
    RF_TRY(rf_infer_index_type(io, 1));
    bool fits = data->rank > 0 && indices->rank > 0 && batch_dims >= 0 &&
                batch_dims < indices->rank && batch_dims < data->rank &&
                indices->dims[indices->rank - 1] <= data->rank - batch_dims;
    for (int d = 0; fits && d < batch_dims; d++)
        fits = data->dims[d] == indices->dims[d];
    if (!fits)
        return rf_infer_fail(io, RF_ESHAPE, "indices %s do not point into data %s",
                             rf_shape_text(indices, is), rf_shape_text(data, ds));
    return RF_OK;
}

rf_tuple_indices rf_tuple_indices_of(const rf_step *s, int64_t batch_dims)
{
    const rf_view *data = &s->in[0], *indices = &s->in[1];
    int64_t strides[RF_MAX_RANK];
    rf_tuple_indices t = { .length = indices->dims[indices->rank - 1], .per_batch = 1, .slice = 1 };
    row_major(data->dims, data->rank, strides);
    for (int d = (int)batch_dims; d + 1 < indices->rank; d++)
        t.per_batch *= indices->dims[d];
    t.tuples = t.per_batch;
    for (int d = 0; d < batch_dims; d++)
        t.tuples *= indices->dims[d];
    t.batch = batch_dims ? strides[batch_dims - 1] : 0;
    for (int64_t k = 0; k < t.length; k++) {
        t.dims[k] = data->dims[batch_dims + k];
        t.strides[k] = strides[batch_dims + k];
    }
    for (int64_t d = batch_dims + t.length; d < data->rank; d++)
        t.slice *= data->dims[d];
    return t;
}

rf_status rf_tuple_target(const rf_step *s, const rf_tuple_indices *t, int64_t place, int64_t *out)
{
    int64_t at = place / t->per_batch * t->batch;
    for (int64_t k = 0; k < t->length; k++) {
        int64_t index = 0;
        RF_TRY(rf_step_index(s,
                             rf_element_i64(s->in[1].dtype, s->in[1].data, place * t->length + k),
                             t->dims[k], &index));
        at += index * t->strides[k];
    }
    *out = at;
    return RF_OK;
}

/* ------------------------------------------------------------------------------ scattering --- */

rf_scatter_rule rf_scatter_rule_of(const rf_node *n)
{
    static const char *const names[] = { [RF_SCATTER_NONE] = "none",
                                         [RF_SCATTER_ADD] = "add",
                                         [RF_SCATTER_MUL] = "mul",
                                         [RF_SCATTER_MAX] = "max",
                                         [RF_SCATTER_MIN] = "min" };
    const char *name = rf_attr_string(n, "reduction", "none");
    for (int i = 0; i < RF_SCATTER_UNKNOWN; i++)
        if (!strcmp(name, names[i]))
            return (rf_scatter_rule)i;
    return RF_SCATTER_UNKNOWN;
}

rf_status rf_infer_scatter(rf_inference *io)
{
    if (io->in[0].dtype != io->in[2].dtype)
        return rf_infer_fail(io, RF_EMODEL, "data are %s, updates %s; they must be alike",
                             rf_dtype_name(io->in[0].dtype), rf_dtype_name(io->in[2].dtype));
    if (rf_scatter_rule_of(io->node) == RF_SCATTER_UNKNOWN)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "reduction '%s' is unknown",
                             rf_attr_string(io->node, "reduction", ""));
    return rf_infer_set(io, 0, io->in[0].dtype, &io->in[0].shape);
}

rf_status rf_scatter_prepare(rf_step *s)
{
    if (s->mode == RF_MODE_TRAIN && rf_scatter_rule_of(s->node) > RF_SCATTER_ADD)
        return rf_step_fail(s, RF_EUNSUPPORTED, "reduction '%s' has no gradient here",
                            rf_attr_string(s->node, "reduction", "none"));
    return RF_OK;
}

static double meet_f64(rf_scatter_rule rule, double a, double b)
{
    switch (rule) {
    case RF_SCATTER_ADD:
        return a + b;
    case RF_SCATTER_MUL:
        return a * b;
    case RF_SCATTER_MAX:
        return a > b || isnan(a) ? a : b;
    case RF_SCATTER_MIN:
        return a < b || isnan(a) ? a : b;
    default:
        return b;
    }
}

static int64_t meet_i64(rf_scatter_rule rule, int64_t a, int64_t b)
{
    switch (rule) {
    case RF_SCATTER_ADD: /* wraps, as NumPy does */
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case RF_SCATTER_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case RF_SCATTER_MAX:
        return a > b ? a : b;
    case RF_SCATTER_MIN:
        return a < b ? a : b;
    default:
        return b;
    }
}

void rf_scatter_put(rf_scatter_rule rule, rf_dtype dtype, void *dst, int64_t at, const void *src,
                    int64_t from)
{
    if (rf_dtype_is_float(dtype))
        rf_element_set_f64(
            dtype, dst, at,
            meet_f64(rule, rf_element_f64(dtype, dst, at), rf_element_f64(dtype, src, from)));
    else
        rf_element_set_i64(
            dtype, dst, at,
            meet_i64(rule, rf_element_i64(dtype, dst, at), rf_element_i64(dtype, src, from)));
}
