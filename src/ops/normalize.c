/* Normalizing over some dims: statistics, forward, and the gradients of input, scale and bias. */
#include <math.h>

#include "ops/normalize.h"
#include "ops/reduction.h"

/* A node's work with everything seen in groups. */
typedef struct work {
    rf_normal n;
    rf_view x;           /* data of input 0 */
    rf_view mean, slope; /* in s->saved: x's dims, 1 where averaged */
    float neutral[2];    /* 1 and 0: scale and bias where there are none */
    double factor;       /* 1 / elements of a mean */
} work;

rf_status rf_normal_check_vectors(const rf_inference *io, int64_t length)
{
    char text[RF_SHAPE_TEXT];
    for (int i = 1; i < 3; i++) {
        const rf_shape *v = &io->in[i].shape;
        if (v->rank != 1 || v->dims[0] != length)
            return rf_infer_fail(io, RF_ESHAPE, "%s '%s' is %s, expected [%lld]",
                                 i == 1 ? "scale" : "bias", io->node->inputs[i]->name,
                                 rf_shape_text(v, text), (long long)length);
    }
    return RF_OK;
}

rf_view rf_normal_vector(const rf_view *v, int ones)
{
    rf_view out = *v;
    out.rank = 1 + ones;
    for (int d = 1; d < out.rank; d++) {
        out.dims[d] = 1;
        out.strides[d] = 1;
    }
    return out;
}

/* Dim `axis` becomes [groups, dim / groups]. */
static rf_view split(const rf_view *v, int axis, int64_t groups)
{
    rf_view out = *v;
    out.rank = v->rank + 1;
    for (int d = v->rank; d > axis; d--) {
        out.dims[d] = v->dims[d - 1];
        out.strides[d] = v->strides[d - 1];
    }
    out.dims[axis] = groups;
    out.dims[axis + 1] = v->dims[axis] / groups;
    out.strides[axis + 1] = v->strides[axis];
    out.strides[axis] = v->strides[axis] * out.dims[axis + 1];
    return out;
}

rf_view rf_normal_grouped_vector(const rf_view *v, int64_t groups, int ones)
{
    const rf_view vector = rf_normal_vector(v, ones);
    return split(&vector, 0, groups);
}

static rf_view seen(const rf_normal *n, const rf_view *v)
{
    return n->groups ? split(v, 1, n->groups) : *v;
}

/* One number for each mean, dense, at `data`. */
static rf_view statistics(const work *w, void *data)
{
    rf_shape shape = rf_view_shape(&w->x);
    rf_view v;
    for (int d = 0; d < shape.rank; d++)
        if (w->n.averaged[d])
            shape.dims[d] = 1;
    rf_view_init(&v, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    v.data = data;
    return v;
}

static rf_view number(float *value)
{
    return (rf_view){ .dtype = RF_DTYPE_F32, .data = value };
}

static void describe(const rf_step *s, work *w)
{
    const rf_normalization *rule = s->op->rule;
    *w = (work){ .neutral = { 1.0f, 0.0f } };
    rule->describe(s, &w->n);
    w->x = seen(&w->n, &s->in[0]);
    w->mean = statistics(w, s->saved);
    w->slope = statistics(w, (float *)s->saved + (s->saved ? rf_view_count(&w->mean) : 0));
    w->factor = (double)rf_view_count(&w->mean) / fmax(1.0, (double)rf_view_count(&w->x));
    if (!w->n.scale.data)
        w->n.scale = number(&w->neutral[0]);
    if (!w->n.bias.data)
        w->n.bias = number(&w->neutral[1]);
}

/* Scratch: an array like x, then two numbers for each mean. Saved: mean and slope. */
rf_status rf_normal_prepare(rf_step *s)
{
    work w;
    describe(s, &w);
    const size_t means = (size_t)rf_view_count(&w.mean);
    s->saved_bytes = 2 * means * sizeof(float);
    s->scratch_bytes = ((size_t)rf_view_count(&w.x) + 2 * means) * sizeof(float);
    return RF_OK;
}

static rf_view scratch_like_x(const rf_step *s, const work *w)
{
    rf_view v = w->x;
    v.data = s->scratch;
    return v;
}

/* -------------------------------------------------------------------------- forward --- */

/* p: squared distance, x, mean */
static void distance_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = (p[1][i] - p[2][i]) * (p[1][i] - p[2][i]);
}

/* p: slope, variance */
static void slope_row(float *const *p, int64_t n, const void *user)
{
    const rf_normal *normal = user;
    for (int64_t i = 0; i < n; i++) {
        const double variance = (double)p[1][i];
        p[0][i] = (float)(normal->on_deviation ? 1.0 / (sqrt(variance) + normal->epsilon)
                                               : 1.0 / sqrt(variance + normal->epsilon));
    }
}

/* p: y, x, mean, slope, scale, bias */
RF_MULTIARCH static void normalize_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1], *mean = p[2], *slope = p[3], *scale = p[4], *bias = p[5];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - mean[i]) * slope[i] * scale[i] + bias[i];
}

rf_status rf_normal_forward(rf_step *s)
{
    work w;
    describe(s, &w);
    const rf_view distance = scratch_like_x(s, &w), y = seen(&w.n, &s->out[0]);
    const rf_view *distances[] = { &distance, &w.x, &w.mean }, *slopes[] = { &w.slope, &w.slope };
    const rf_view *all[] = { &y, &w.x, &w.mean, &w.slope, &w.n.scale, &w.n.bias };
    rf_reduce_sum(&w.x, &w.mean, w.factor);
    rf_rows(distances, 3, distance_row, NULL);
    rf_reduce_sum(&distance, &w.slope, w.factor);
    rf_rows(slopes, 2, slope_row, &w.n);
    rf_rows(all, 6, normalize_row, NULL);
    return RF_OK;
}

/* ------------------------------------------------------------------------- backward --- */

/* p: dy z, dy, x, mean, slope, scale: z = (x - mean) slope, times scale */
static void product_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] * (p[2][i] - p[3][i]) * p[4][i] * p[5][i];
}

/* p: g, dy, scale */
static void scaled_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] * p[2][i];
}

/* p: dx, dy, x, mean, slope, scale, mean of g, mean of g z */
RF_MULTIARCH static void diff_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2], *mean = p[3], *slope = p[4], *scale = p[5];
    const float *mean_g = p[6], *mean_gz = p[7];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float z = (x[i] - mean[i]) * slope[i];
        dx[i] = slope[i] * (dy[i] * scale[i] - mean_g[i] - z * mean_gz[i]);
    }
}

/* With z = (x - mean) slope and g = dy scale: dx = slope (g - mean(g) - z mean(g z)). */
static void input_backward(const rf_step *s, work *w, const rf_view *dy)
{
    float *behind = (float *)s->scratch + rf_view_count(&w->x);
    const rf_view temp = scratch_like_x(s, w), dx = seen(&w->n, &s->diff_in[0]);
    const rf_view mean_g = statistics(w, behind);
    const rf_view mean_gz = statistics(w, behind + rf_view_count(&w->mean));
    const rf_view *g[] = { &temp, dy, &w->n.scale };
    const rf_view *gz[] = { &temp, dy, &w->x, &w->mean, &w->slope, &w->n.scale };
    const rf_view *all[] = { &dx, dy, &w->x, &w->mean, &w->slope, &w->n.scale, &mean_g, &mean_gz };
    rf_rows(g, 3, scaled_row, NULL);
    rf_reduce_sum(&temp, &mean_g, w->factor);
    rf_rows(gz, 6, product_row, NULL);
    rf_reduce_sum(&temp, &mean_gz, w->factor);
    rf_rows(all, 8, diff_row, NULL);
}

rf_status rf_normal_backward(rf_step *s)
{
    work w;
    describe(s, &w);
    float one = 1.0f;
    const rf_view dy = seen(&w.n, &s->diff_out[0]), temp = scratch_like_x(s, &w);
    const rf_view unscaled = number(&one);
    const rf_view *products[] = { &temp, &dy, &w.x, &w.mean, &w.slope, &unscaled };
    for (int i = 1; i < s->out_count; i++)
        if (s->diff_out[i].data)
            return rf_step_fail(s, RF_EUNSUPPORTED,
                                "output %d is trained through, which has no gradient", i);
    if (s->in_count > 1 && rf_step_has_gradient(s, 1)) {
        rf_rows(products, 6, product_row, NULL);
        rf_reduce_sum(&temp, &w.n.diff_scale, 1.0);
    }
    if (s->in_count > 2 && rf_step_has_gradient(s, 2))
        rf_reduce_sum(&dy, &w.n.diff_bias, 1.0);
    if (rf_step_has_gradient(s, 0))
        input_backward(s, &w, &dy);
    return RF_OK;
}
