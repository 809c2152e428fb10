/* What many operators share: error messages, axes, integer lists, broadcast views, state. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/element.h"
#include "ops/op_util.h"
#include "ops/strided.h"

#define DETAIL_BYTES 512 /* longest message behind the node's name */

static rf_status fail_at(rf_context *ctx, const rf_node *node, rf_status status, const char *detail)
{
    return rf_fail(ctx, status, "%s '%s': %s", node->op_type, node->name, detail);
}

rf_status rf_infer_fail(const rf_inference *io, rf_status status, const char *format, ...)
{
    char detail[DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return fail_at(io->ctx, io->node, status, detail);
}

rf_status rf_step_fail(const rf_step *s, rf_status status, const char *format, ...)
{
    char detail[DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return fail_at(s->ctx, s->node, status, detail);
}

rf_status rf_infer_axis(const rf_inference *io, int64_t axis, int rank, int *out)
{
    if (axis < -(int64_t)rank || axis >= rank)
        return rf_infer_fail(io, RF_EMODEL, "axis %lld is outside a tensor of %d dims",
                             (long long)axis, rank);
    *out = rf_axis_wrap(axis, rank);
    return RF_OK;
}

int rf_axis_wrap(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

rf_status rf_infer_set(rf_inference *io, int i, rf_dtype dtype, const rf_shape *shape)
{
    assert(i < io->out_count);
    io->out[i].dtype = dtype;
    io->out[i].shape = *shape;
    return RF_OK;
}

rf_status rf_infer_same(rf_inference *io)
{
    for (int i = 0; i < io->out_count; i++)
        RF_TRY(rf_infer_set(io, i, io->in[0].dtype, &io->in[0].shape));
    return RF_OK;
}

rf_status rf_infer_float_at(const rf_inference *io, int i)
{
    if (io->in[i].present && io->in[i].dtype != RF_DTYPE_F32)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "input %d '%s' is %s; refold computes it in float32", i,
                             io->node->inputs[i]->name, rf_dtype_name(io->in[i].dtype));
    return RF_OK;
}

rf_status rf_infer_float(const rf_inference *io)
{
    for (int i = 0; i < io->in_count; i++)
        RF_TRY(rf_infer_float_at(io, i));
    return RF_OK;
}

rf_status rf_infer_known(rf_inference *io, int i)
{
    if (i < 0 || i >= io->in_count || !io->in[i].present || io->in[i].constant)
        return RF_OK;
    io->depends_on_data = true;
    return rf_infer_fail(io, RF_EUNSUPPORTED,
                         "input %d '%s' changes at run time; refold needs it as a constant", i,
                         io->node->inputs[i]->name);
}

/*
 * Copy the attribute's or else the constant's integers. *status says what is wrong; NULL text:
 * nothing.
 */
static rf_status read_ints(const rf_node *node, const char *attr, const rf_tensor *t,
                           int64_t *values, int *count_out, const char **wrong)
{
    int64_t count = 0;
    const int64_t *ints = attr ? rf_attr_ints(node, attr, &count) : NULL;
    *wrong = NULL;
    *count_out = -1;
    if (!ints && attr && rf_node_attr(node, attr) && rf_node_attr(node, attr)->type == RF_ATTR_INTS)
        count = 0; /* an empty list is a list */
    else if (!ints && !t)
        return RF_OK;
    if (t && !ints) {
        if (!rf_dtype_is_index(t->dtype)) {
            *wrong = "is not an integer tensor";
            return RF_EMODEL;
        }
        count = t->count;
    }
    if (count > 2 * RF_MAX_RANK) {
        *wrong = "has more than 16 values";
        return RF_EUNSUPPORTED;
    }
    for (int64_t i = 0; i < count; i++)
        values[i] = ints ? ints[i] : rf_tensor_get_i64(t, i);
    *count_out = (int)count;
    return RF_OK;
}

rf_status rf_infer_ints(rf_inference *io, const char *attr, int input, int64_t *values,
                        int *count_out)
{
    const bool given = input >= 0 && input < io->in_count && io->in[input].present;
    const char *wrong;
    *count_out = -1;
    RF_TRY(rf_infer_known(io, input));
    const rf_tensor *t = given ? io->in[input].constant : NULL;
    const rf_status st = read_ints(io->node, attr, t, values, count_out, &wrong);
    if (st != RF_OK)
        return rf_infer_fail(io, st, "'%s' %s", given ? io->node->inputs[input]->name : attr,
                             wrong);
    return RF_OK;
}

rf_status rf_step_ints(const rf_step *s, const char *attr, int input, int64_t *values,
                       int *count_out)
{
    const char *wrong;
    const rf_tensor *t = input >= 0 && input < s->in_count ? s->in_constant[input] : NULL;
    const rf_status st = read_ints(s->node, attr, t, values, count_out, &wrong);
    if (st != RF_OK)
        return rf_step_fail(s, st, "'%s' %s", t ? s->node->inputs[input]->name : attr, wrong);
    return RF_OK;
}

float rf_constant_f32(const rf_tensor *t, float fallback)
{
    if (!t || t->count == 0)
        return fallback;
    return t->dtype == RF_DTYPE_F32 ? rf_tensor_f32(t)[0] : (float)rf_tensor_get_i64(t, 0);
}

void rf_broadcast_view(const rf_view *v, const rf_view *dst, rf_view *out)
{
    const int shift = dst->rank - v->rank;
    assert(shift >= 0);
    const rf_view from = *v; /* out may be v */
    *out = from;
    out->rank = dst->rank;
    for (int d = 0; d < dst->rank; d++) {
        const bool repeated = d < shift || from.dims[d - shift] == 1;
        assert(repeated || from.dims[d - shift] == dst->dims[d]);
        out->dims[d] = dst->dims[d];
        out->strides[d] = repeated ? 0 : from.strides[d - shift];
    }
}

bool rf_step_has_gradient(const rf_step *s, int i)
{
    const bool wanted = s->diff_in[i].data, arrives = s->diff_out[0].data;
    if (wanted && !arrives)
        rf_view_zero(&s->diff_in[i]);
    return wanted && arrives;
}

rf_status rf_step_new_state(rf_step *s, size_t bytes, void **out)
{
    assert(!s->state);
    s->state = rf_calloc(s->ctx, 1, bytes);
    if (!s->state)
        return RF_ENOMEM;
    *out = s->state;
    return RF_OK;
}

void rf_step_free_state(rf_step *s)
{
    rf_free(s->ctx, s->state);
    s->state = NULL;
}
