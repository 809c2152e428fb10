/* Min, Max, Sum and Mean of any number of inputs. */
#include "ops/element.h"
#include "ops/reduction.h"
#include "ops/strided.h"
#include "ops/variadic.h"

rf_status rf_variadic_infer(rf_inference *io)
{
    const rf_dtype dtype = io->in[0].dtype;
    rf_shape dst = io->in[0].shape;
    if (dtype != RF_DTYPE_F32 && !rf_dtype_is_integer(dtype))
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "inputs are %s; refold computes it in float32 or integers",
                             rf_dtype_name(dtype));
    for (int i = 1; i < io->in_count; i++) {
        const rf_shape so_far = dst;
        if (!io->in[i].present)
            return rf_infer_fail(io, RF_EMODEL, "input %d is left out", i);
        if (io->in[i].dtype != dtype)
            return rf_infer_fail(io, RF_EMODEL, "inputs are %s and %s; they must be alike",
                                 rf_dtype_name(dtype), rf_dtype_name(io->in[i].dtype));
        RF_TRY(rf_shape_broadcast(io->ctx, &so_far, &io->in[i].shape, &dst));
    }
    return rf_infer_set(io, 0, dtype, &dst);
}

rf_status rf_sum_infer(rf_inference *io)
{
    RF_TRY(rf_infer_float(io));
    return rf_variadic_infer(io);
}

static void divide_row(float *const *p, int64_t n, const void *user)
{
    const float count = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] / count;
}

rf_status rf_variadic_forward(rf_step *s)
{
    const rf_variadic *rule = s->op->rule;
    const rf_view *dst = &s->out[0], *both[] = { dst, dst };
    const float count = (float)s->in_count;
    rf_strided_copy(&s->in[0], dst);
    for (int i = 1; i < s->in_count; i++) {
        const rf_view *views[] = { dst, dst, &s->in[i] };
        if (dst->dtype == RF_DTYPE_F32)
            rf_rows(views, 3, rule->forward, NULL);
        else
            rf_integer_rows(views, rule->integer);
    }
    if (rule->mean)
        rf_rows(both, 2, divide_row, &count);
    return RF_OK;
}

/* ------------------------------------------------------------------------ gradients --- */

void rf_sum_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *a = p[1], *b = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

rf_status rf_sum_backward(rf_step *s)
{
    const rf_variadic *rule = s->op->rule;
    const double factor = rule->mean ? 1.0 / s->in_count : 1.0;
    for (int i = 0; i < s->in_count; i++)
        if (rf_step_has_gradient(s, i))
            rf_reduce_sum(&s->diff_out[0], &s->diff_in[i], factor);
    return RF_OK;
}

/* Two arrays like the output: how many inputs are the extremum, and one input's share. */
rf_status rf_extremum_prepare(rf_step *s)
{
    if (s->mode == RF_MODE_TRAIN && s->out[0].dtype == RF_DTYPE_F32)
        s->scratch_bytes = 2 * (size_t)rf_view_count(&s->out[0]) * sizeof(float);
    return RF_OK;
}

/* p: count, count, y, x */
static void count_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] + (p[2][i] == p[3][i] ? 1.0f : 0.0f);
}

/* p: share, count, y, x, dy */
static void share_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[2][i] == p[3][i] ? p[4][i] / p[1][i] : 0.0f;
}

rf_status rf_extremum_backward(rf_step *s)
{
    const rf_view *y = &s->out[0], *dy = &s->diff_out[0];
    rf_view count = *y, share = *y;
    count.data = s->scratch;
    share.data = (float *)s->scratch + rf_view_count(y);
    rf_view_zero(&count);
    for (int i = 0; i < s->in_count && dy->data; i++) {
        const rf_view *counted[] = { &count, &count, y, &s->in[i] };
        rf_rows(counted, 4, count_row, NULL);
    }
    for (int i = 0; i < s->in_count; i++) {
        const rf_view *shared[] = { &share, &count, y, &s->in[i], dy };
        if (!rf_step_has_gradient(s, i))
            continue;
        rf_rows(shared, 5, share_row, NULL);
        rf_sum_to(&share, &s->diff_in[i]);
    }
    return RF_OK;
}
