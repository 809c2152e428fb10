/*
 * Resampling. Linear and cubic: each output pixel of an axis is a weighted sum of a few input pixels. Axes are independent, so they are done one after the other; backward does them in reverse
 * and hands each pixel's gradient back by the same weights.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "ops/index_map.h"
#include "ops/interpolation.h"
#include "ops/strided.h"

#define PARALLEL_COUNT 32768 /* elements from which threads pay */

/* One axis: out[i] = sum over k of weight[i][k] in[index[i][k]]; around it lie outer and inner. */
typedef struct pass {
    int64_t outer, inner, in, out;
    int taps;
    int64_t *index;
    float *weight;
    bool *outside; /* [out] takes the extrapolation value */
    int dim;
} pass;

typedef struct interpolation {
    int count;
    pass passes[RF_MAX_RANK];
    float extrapolation;
    bool extrapolates;
    size_t half; /* elements of one of the two arrays between passes */
} interpolation;

/* --------------------------------------------------------------------------------- weights --- */

/* Keys' kernel: a smooth curve through its neighbours. */
static double cubic(double a, double x)
{
    const double d = fabs(x);
    if (d < 1.0)
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    return d < 2.0 ? (((d - 5.0) * d + 8.0) * d - 4.0) * a : 0.0;
}

static double kernel(const rf_sampling *s, double x)
{
    return s->mode == RF_SAMPLE_CUBIC ? cubic(s->cubic_a, x) : fmax(0.0, 1.0 - fabs(x));
}

/* With antialias a kernel for a dim that shrinks is stretched over all pixels that it stands for. */
static double stretch_of(const rf_sampling *s, const rf_sampled_dim *d)
{
    return s->antialias && d->scale < 1.0 ? d->scale : 1.0;
}

/* Pixels to the left of the one at or before a coordinate that its kernel reaches. Where the scale leaves no pixel, that would
 * be any number. */
static int reach_of(const rf_sampling *s, const rf_sampled_dim *d)
{
    if (d->out == 0)
        return 0;
    return (int)ceil((s->mode == RF_SAMPLE_CUBIC ? 2.0 : 1.0) / stretch_of(s, d)) - 1;
}

static int taps_of(const rf_sampling *s, const rf_sampled_dim *d)
{
    return 2 * reach_of(s, d) + 2;
}

static void fill_taps(const rf_sampling *s, const rf_sampled_dim *d, double at, pass *p, int64_t i)
{
    const double stretch = stretch_of(s, d), base = floor(at);
    const int reach = reach_of(s, d);
    int64_t *index = p->index + i * p->taps;
    float *weight = p->weight + i * p->taps;
    double sum = 0.0;
    for (int k = 0; k < p->taps; k++) {
        const double x = base + (double)(k - reach);
        const bool inside = x >= 0.0 && x <= (double)(d->in - 1);
        const double w = s->exclude_outside && !inside ? 0.0 : kernel(s, (x - at) * stretch);
        index[k] = x < 0.0 ? 0 : inside ? (int64_t)x : d->in - 1;
        weight[k] = (float)w;
        sum += w;
    }
    for (int k = 0; k < p->taps && sum != 0.0; k++)
        weight[k] = (float)((double)weight[k] / sum);
}

static void fill_pass(const rf_sampling *s, const rf_sampled_dim *d, pass *p)
{
    for (int64_t i = 0; i < d->out; i++) {
        const double at = rf_sampling_at(s, d, i);
        fill_taps(s, d, at, p, i);
        p->outside[i] = rf_sampling_is_outside(s, d, at);
        if (p->outside[i])
            memset(p->weight + i * p->taps, 0, (size_t)p->taps * sizeof *p->weight);
    }
}

/* ------------------------------------------------------------------------------- preparing --- */

static size_t table_bytes(const rf_sampling *s, const rf_sampled_dim *d)
{
    const size_t cells = (size_t)d->out * (size_t)taps_of(s, d);
    return cells * (sizeof(int64_t) + sizeof(float)) + ((size_t)d->out + 7) / 8 * 8 + 8;
}

/* Dims as they lie in memory, outermost first. */
static void memory_order(const rf_step *s, int *order)
{
    const int rank = s->in[0].rank;
    const bool last = rank >= 3 && rf_view_is(&s->in[0], RF_LAYOUT_CHANNELS_LAST) &&
                      rf_view_is(&s->out[0], RF_LAYOUT_CHANNELS_LAST);
    assert(last ||
           (rf_view_is(&s->in[0], RF_LAYOUT_PLAIN) && rf_view_is(&s->out[0], RF_LAYOUT_PLAIN)));
    for (int k = 0; k < rank; k++)
        order[k] = !last || k == 0 ? k : k + 1 < rank ? k + 1 : 1;
}

static void place_tables(pass *p, char **next)
{
    const size_t cells = (size_t)p->out * (size_t)p->taps;
    p->index = (int64_t *)(void *)*next;
    *next += cells * sizeof *p->index;
    p->weight = (float *)(void *)*next;
    *next += cells * sizeof *p->weight;
    p->outside = (bool *)*next;
    *next += (size_t)p->out;
    *next += (8 - (size_t)((uintptr_t)*next % 8)) % 8;
}

static rf_status prepare_nearest(rf_step *s, const rf_sampling *sampling)
{
    rf_index_map *map;
    RF_TRY(rf_index_map_new(s, &map));
    for (int d = 0; d < sampling->rank; d++)
        for (int64_t i = 0; i < sampling->dims[d].out && !sampling->dims[d].identity; i++)
            map->at[d][i] = rf_sampling_nearest(sampling, &sampling->dims[d], i);
    return RF_OK;
}

static rf_status prepare_weights(rf_step *s, const rf_sampling *sampling)
{
    int order[RF_MAX_RANK];
    int64_t sizes[RF_MAX_RANK]; /* of the array as the passes so far have left it */
    size_t bytes = sizeof(interpolation);
    void *state;
    for (int d = 0; d < sampling->rank; d++)
        bytes += sampling->dims[d].identity ? 0 : table_bytes(sampling, &sampling->dims[d]);
    RF_TRY(rf_step_new_state(s, bytes, &state));
    interpolation *all = state;
    char *next = (char *)(all + 1);
    memory_order(s, order);
    all->extrapolation = sampling->extrapolation;
    all->extrapolates = sampling->crops && sampling->extrapolation != 0.0f;
    for (int k = 0; k < sampling->rank; k++)
        sizes[k] = sampling->dims[order[k]].in;
    for (int k = 0; k < sampling->rank; k++) {
        const rf_sampled_dim *d = &sampling->dims[order[k]];
        if (d->identity)
            continue;
        pass *p = &all->passes[all->count++];
        *p = (pass){ .outer = 1,
                     .inner = 1,
                     .in = d->in,
                     .out = d->out,
                     .taps = taps_of(sampling, d),
                     .dim = order[k] };
        for (int j = 0; j < sampling->rank; j++)
            *(j < k ? &p->outer : &p->inner) *= j == k ? 1 : sizes[j];
        sizes[k] = d->out;
        place_tables(p, &next);
        fill_pass(sampling, d, p);
        const size_t made = (size_t)(p->outer * p->out * p->inner);
        all->half = made > all->half ? made : all->half;
    }
    s->scratch_bytes = all->count > 1 ? 2 * all->half * sizeof(float) : 0;
    return RF_OK;
}

rf_status rf_sampling_prepare(rf_step *s, const rf_sampling *sampling)
{
    return sampling->mode == RF_SAMPLE_NEAREST ? prepare_nearest(s, sampling)
                                               : prepare_weights(s, sampling);
}

/* --------------------------------------------------------------------------------- running --- */

RF_MULTIARCH static void blend_row(const pass *p, int64_t i, const float *restrict src,
                                   float *restrict dst)
{
    const int64_t *index = p->index + i * p->taps, n = p->inner;
    const float *weight = p->weight + i * p->taps;
    for (int64_t j = 0; j < n; j++)
        dst[j] = weight[0] * src[index[0] * n + j];
    for (int k = 1; k < p->taps; k++)
        for (int64_t j = 0; j < n; j++)
            dst[j] += weight[k] * src[index[k] * n + j];
}

static void blend(const pass *p, const float *src, float *dst)
{
    const int64_t rows = p->outer * p->out;
#pragma omp parallel for schedule(static) if (rows * p->inner >= PARALLEL_COUNT)
    for (int64_t r = 0; r < rows; r++)
        blend_row(p, r % p->out, src + r / p->out * p->in * p->inner, dst + r * p->inner);
}

RF_MULTIARCH static void hand_back_row(const pass *p, int64_t i, const float *restrict diff_dst,
                                       float *restrict diff_src)
{
    const int64_t *index = p->index + i * p->taps, n = p->inner;
    const float *weight = p->weight + i * p->taps;
    for (int k = 0; k < p->taps; k++)
        for (int64_t j = 0; j < n; j++)
            diff_src[index[k] * n + j] += weight[k] * diff_dst[j];
}

/* Rows of one outer index overlap: they are one thread's. */
static void hand_back(const pass *p, const float *diff_dst, float *diff_src)
{
    const int64_t in = p->in * p->inner, out = p->out * p->inner;
#pragma omp parallel for schedule(static) if (p->outer * out >= PARALLEL_COUNT)
    for (int64_t o = 0; o < p->outer; o++) {
        memset(diff_src + o * in, 0, (size_t)in * sizeof *diff_src);
        for (int64_t i = 0; i < p->out; i++)
            hand_back_row(p, i, diff_dst + o * out + i * p->inner, diff_src + o * in);
    }
}

static void fill_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    for (int64_t i = 0; i < n; i++)
        ((float *)(void *)data[0])[i * strides[0]] = *(const float *)user;
}

/* Output pixels that lie outside on any axis. */
static void extrapolate(const interpolation *all, const rf_view *dst)
{
    for (int k = 0; k < all->count; k++)
        for (int64_t i = 0; i < all->passes[k].out; i++) {
            const rf_view part = rf_view_part(dst, all->passes[k].dim, i, 1), *parts[] = { &part };
            rf_loop loop;
            if (!all->passes[k].outside[i])
                continue;
            rf_loop_init(&loop, parts, 1);
            rf_loop_run(&loop, fill_row, &all->extrapolation);
        }
}

/* Array between pass k - 1 and k: the two halves of scratch in turn. */
static float *between(const rf_step *s, const interpolation *all, int k)
{
    return (float *)s->scratch + (k % 2 ? all->half : 0);
}

static bool is_nearest(const rf_step *s)
{
    return !strcmp(rf_attr_string(s->node, "mode", "nearest"), "nearest");
}

rf_status rf_sampling_forward(rf_step *s)
{
    const interpolation *all = s->state;
    const float *from = rf_view_f32(&s->in[0]);
    const float outside = rf_attr_float(s->node, "extrapolation_value", 0.0f);
    if (is_nearest(s)) {
        rf_index_map_gather(s->state, &s->in[0], &s->out[0],
                            s->in[0].dtype == RF_DTYPE_F32 ? &outside : NULL);
        return RF_OK;
    }
    if (!all->count)
        rf_strided_copy(&s->in[0], &s->out[0]);
    for (int k = 0; k < all->count; k++) {
        float *to = k + 1 < all->count ? between(s, all, k) : rf_view_f32(&s->out[0]);
        blend(&all->passes[k], from, to);
        from = to;
    }
    if (all->extrapolates)
        extrapolate(all, &s->out[0]);
    return RF_OK;
}

rf_status rf_sampling_backward(rf_step *s)
{
    const interpolation *all = s->state;
    const float *from = rf_view_f32(&s->diff_out[0]);
    if (is_nearest(s))
        return rf_index_map_backward(s);
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    if (!all->count)
        rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
    for (int k = all->count - 1; k >= 0; k--) {
        float *to = k > 0 ? between(s, all, k) : rf_view_f32(&s->diff_in[0]);
        hand_back(&all->passes[k], from, to);
        from = to;
    }
    return RF_OK;
}
