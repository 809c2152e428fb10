/* Straight-through gradients of the fake quantizer: of its input, and of the ends of its range. */
#include "quant/fakequant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/compiler.h"

#define PARTS                                                                                      \
    64 /* partial sums of a per-tensor array: fixed, so that threads do not change the result */
#define CHANNEL_BLOCK 64 /* channels that one thread sums at a time when they are the last axis */
#define LANES 8          /* of a sum, added at the end */
#define TERMS 512        /* of a sum that are computed before they are added; whole lanes */
#define PARALLEL_FROM 32768 /* elements; below, threads cost more than they bring */

typedef rf_range_sums sums;

/* Contiguous elements on one grid. */
typedef struct row {
    const float *src, *diff_dst;
    float *diff_src; /* may be NULL */
    int64_t count;
    float scale, offset, steps;
} row;

static inline float scale_term(float x, float g, float scale, float offset, float steps,
                               bool *inside_out)
{
    const float real = x / scale;
    const float r = rintf(real) - offset;
    float q = 0.0f > r ? 0.0f : r;
    q = steps < q ? steps : q;
    *inside_out = q == r; /* not where r is NaN */
    return (q + offset - (q == r ? real : 0.0f)) * g;
}

RF_MULTIARCH static sums row_sums(const row *w)
{
    double scale = 0.0, outside = 0.0;
#pragma omp simd reduction(+ : scale, outside)
    for (int64_t i = 0; i < w->count; i++) {
        bool inside;
        const float g = w->diff_dst[i];
        scale += (double)scale_term(w->src[i], g, w->scale, w->offset, w->steps, &inside);
        outside += (double)(inside ? 0.0f : g);
    }
    return (sums){ scale, outside };
}

RF_MULTIARCH static void row_mask(const row *w)
{
    const float scale = w->scale, offset = w->offset, steps = w->steps;
    const float *src = w->src, *diff_dst = w->diff_dst;
    float *diff_src = w->diff_src;
#pragma omp simd
    for (int64_t i = 0; i < w->count; i++) {
        const float r = rintf(src[i] / scale) - offset;
        diff_src[i] = r >= 0.0f && r <= steps ? diff_dst[i] : 0.0f;
    }
}

/* What one element adds to the two sums, and its gradient; diff_src may be diff_dst. */
RF_MULTIARCH static void terms_and_mask(const row *w, int64_t begin, int64_t count,
                                        float *restrict by_scale, float *restrict outside)
{
    const float scale = w->scale, offset = w->offset, steps = w->steps;
    const float *src = w->src + begin, *diff_dst = w->diff_dst + begin;
    float *diff_src = w->diff_src + begin;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        bool inside;
        const float g = diff_dst[i];
        by_scale[i] = scale_term(src[i], g, scale, offset, steps, &inside);
        outside[i] = inside ? 0.0f : g;
        diff_src[i] = inside ? g : 0.0f;
    }
}

/* Several lanes: an addition does not wait for the one before it. */
RF_MULTIARCH static void add_lanes(const float *restrict terms, int64_t count,
                                   double *restrict lanes)
{
    for (int64_t i = 0; i < count; i += LANES)
        for (int j = 0; j < LANES; j++)
            lanes[j] += (double)terms[i + j];
}

static double lanes_total(const double *lanes)
{
    double total = 0.0;
    for (int j = 0; j < LANES; j++)
        total += lanes[j];
    return total;
}

/* Both at once: the division is what costs. */
static sums row_sums_and_mask(const row *w)
{
    double by_scale[LANES] = { 0.0 }, outside[LANES] = { 0.0 };
    float terms[2][TERMS];
    for (int64_t begin = 0; begin < w->count; begin += TERMS) {
        const int64_t count = w->count - begin < TERMS ? w->count - begin : TERMS;
        int64_t filled = count;
        terms_and_mask(w, begin, count, terms[0], terms[1]);
        for (; filled % LANES; filled++)
            terms[0][filled] = terms[1][filled] = 0.0f;
        add_lanes(terms[0], filled, by_scale);
        add_lanes(terms[1], filled, outside);
    }
    return (sums){ lanes_total(by_scale), lanes_total(outside) };
}

static sums row_backward(const row *w, bool want_sums)
{
    if (want_sums)
        return w->diff_src ? row_sums_and_mask(w) : row_sums(w);
    if (w->diff_src)
        row_mask(w);
    return (sums){ 0.0, 0.0 };
}

/* ------------------------------------------------------------- from sums to gradients --- */

static void range_gradient(const rf_qspec *spec, float min, float max, float scale, const sums *s,
                           float *diff_min, float *diff_max)
{
    const double steps = (double)rf_qspec_steps(spec);
    if (spec->symmetric) {
        /* v1 learns max alone and mirrors the gradient; v2's ends share the width. */
        const double codes = spec->grid == RF_GRID_V2 ? steps : floor(steps / 2.0);
        *diff_max = (float)(s->scale / codes);
        *diff_min = -*diff_max;
        return;
    }
    const double width = (double)max - (double)min;
    const double through_offset = steps / (width * width) * (double)scale * s->outside;
    *diff_min = (float)(-s->scale / steps + (double)max * through_offset);
    *diff_max = (float)(s->scale / steps - (double)min * through_offset);
}

/* What every walk below needs. */
typedef struct backward {
    const rf_qspec *spec;
    const rf_qarray *a;
    const float *min, *max;
    const float *src, *diff_dst;
    float *diff_src, *diff_min, *diff_max;
    float steps;
} backward;

static row row_at(const backward *b, int64_t channel, int64_t begin, int64_t count)
{
    row w = { b->src + begin,
              b->diff_dst + begin,
              b->diff_src ? b->diff_src + begin : NULL,
              count,
              0.0f,
              0.0f,
              b->steps };
    int32_t offset;
    rf_scale_offset(b->spec, b->min[channel], b->max[channel], &w.scale, &offset);
    w.offset = (float)offset;
    return w;
}

static void store_gradient(const backward *b, int64_t channel, const sums *s)
{
    float scale;
    int32_t offset;
    if (!b->diff_min)
        return;
    rf_scale_offset(b->spec, b->min[channel], b->max[channel], &scale, &offset);
    range_gradient(b->spec, b->min[channel], b->max[channel], scale, s, &b->diff_min[channel],
                   &b->diff_max[channel]);
}

static void backward_tensor(const backward *b)
{
    const int64_t total = b->a->outer * b->a->inner;
    sums parts[PARTS];
#pragma omp parallel for schedule(static) if (total >= PARALLEL_FROM)
    for (int64_t k = 0; k < PARTS; k++) {
        const int64_t begin = total * k / PARTS, end = total * (k + 1) / PARTS;
        const row w = row_at(b, /*channel=*/0, begin, end - begin);
        parts[k] = row_backward(&w, b->diff_min != NULL);
    }
    sums s = { 0.0, 0.0 };
    for (int64_t k = 0; k < PARTS; k++) {
        s.scale += parts[k].scale;
        s.outside += parts[k].outside;
    }
    store_gradient(b, /*channel=*/0, &s);
}

static void backward_one_channel(const backward *b, int64_t channel)
{
    const rf_qarray *a = b->a;
    sums s = { 0.0, 0.0 };
    for (int64_t o = 0; o < a->outer; o++) {
        const row w = row_at(b, channel, (o * a->channels + channel) * a->inner, a->inner);
        const sums part = row_backward(&w, b->diff_min != NULL);
        s.scale += part.scale;
        s.outside += part.outside;
    }
    store_gradient(b, channel, &s);
}

/* Channels that lie side by side (inner == 1): sums[c] over the rows of the array. */
RF_MULTIARCH static void columns(const backward *b, int64_t first, int64_t count,
                                 const float *restrict scale, const float *restrict offset,
                                 double *restrict sum_scale, double *restrict sum_outside)
{
    for (int64_t o = 0; o < b->a->outer; o++) {
        const int64_t at = o * b->a->channels + first;
        const float *src = b->src + at, *diff_dst = b->diff_dst + at;
        for (int64_t c = 0; c < count; c++) {
            bool inside;
            const float g = diff_dst[c];
            sum_scale[c] += (double)scale_term(src[c], g, scale[c], offset[c], b->steps, &inside);
            sum_outside[c] += inside ? 0.0 : (double)g;
            if (b->diff_src)
                b->diff_src[at + c] = inside ? g : 0.0f;
        }
    }
}

static void backward_columns(const backward *b, int64_t first)
{
    const int64_t left = b->a->channels - first;
    const int64_t count = left < CHANNEL_BLOCK ? left : CHANNEL_BLOCK;
    float scale[CHANNEL_BLOCK] = { 0.0f }, offset[CHANNEL_BLOCK] = { 0.0f };
    double sum_scale[CHANNEL_BLOCK] = { 0.0 }, sum_outside[CHANNEL_BLOCK] = { 0.0 };
    for (int64_t c = 0; c < count; c++) {
        const row w = row_at(b, first + c, /*begin=*/0, /*count=*/0);
        scale[c] = w.scale;
        offset[c] = w.offset;
    }
    columns(b, first, count, scale, offset, sum_scale, sum_outside);
    for (int64_t c = 0; c < count; c++) {
        const sums s = { sum_scale[c], sum_outside[c] };
        store_gradient(b, first + c, &s);
    }
}

/* ------------------------------------------------------------------------ static grid --- */

static void clear_range_gradient(const backward *b)
{
    const size_t bytes = (size_t)b->a->channels * sizeof *b->diff_min;
    if (b->diff_min) {
        memset(b->diff_min, 0, bytes);
        memset(b->diff_max, 0, bytes);
    }
}

/* Static ranges are not learned, and their mask is on real values: min <= x <= max. */
RF_MULTIARCH static void mask_reals(float min, float max, const float *src, const float *diff_dst,
                                    float *diff_src, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        diff_src[i] = src[i] >= min && src[i] <= max ? diff_dst[i] : 0.0f;
}

static void backward_static(const backward *b)
{
    const rf_qarray *a = b->a;
    clear_range_gradient(b);
    if (!b->diff_src)
        return;
    const int64_t rows = a->outer * a->channels;
#pragma omp parallel for schedule(static) if (rows * a->inner >= PARALLEL_FROM)
    for (int64_t k = 0; k < rows; k++) {
        const int64_t at = k * a->inner, channel = k % a->channels;
        mask_reals(b->min[channel], b->max[channel], b->src + at, b->diff_dst + at,
                   b->diff_src + at, a->inner);
    }
}

static void backward_passthrough(const backward *b)
{
    const rf_qarray *a = b->a;
    clear_range_gradient(b);
    if (b->diff_src && b->diff_src != b->diff_dst)
        memcpy(b->diff_src, b->diff_dst,
               (size_t)(a->outer * a->channels * a->inner) * sizeof *b->diff_src);
}

void rf_fakequant_backward(const rf_qspec *spec, const rf_qarray *a, const float *min,
                           const float *max, const float *src, const float *diff_dst,
                           float *diff_src, float *diff_min, float *diff_max)
{
    assert(!diff_min == !diff_max);
    const backward b = { spec,     a,        min,      max,      src,
                         diff_dst, diff_src, diff_min, diff_max, (float)rf_qspec_steps(spec) };
    const int64_t total = a->outer * a->channels * a->inner;
    if (spec->bitwidth >= 32) {
        backward_passthrough(&b);
    } else if (spec->grid == RF_GRID_STATIC) {
        backward_static(&b);
    } else if (a->channels == 1) {
        backward_tensor(&b);
    } else if (a->inner == 1) {
#pragma omp parallel for schedule(static) if (total >= PARALLEL_FROM)
        for (int64_t c = 0; c < a->channels; c += CHANNEL_BLOCK)
            backward_columns(&b, c);
    } else {
#pragma omp parallel for schedule(static) if (total >= PARALLEL_FROM)
        for (int64_t c = 0; c < a->channels; c++)
            backward_one_channel(&b, c);
    }
}

/* -------------------------------------------------------------------- piece by piece --- */

rf_range_sums rf_fakequant_backward_piece(const rf_qspec *spec, float min, float max,
                                          const float *src, const float *diff_dst, float *diff_src,
                                          int64_t count)
{
    row w = { src, diff_dst, diff_src, count, 0.0f, 0.0f, (float)rf_qspec_steps(spec) };
    int32_t offset;
    assert(spec->bitwidth < 32);
    if (spec->grid == RF_GRID_STATIC) {
        mask_reals(min, max, src, diff_dst, diff_src, count);
        return (rf_range_sums){ 0.0, 0.0 };
    }
    rf_scale_offset(spec, min, max, &w.scale, &offset);
    w.offset = (float)offset;
    return row_sums_and_mask(&w);
}

void rf_fakequant_range_gradient(const rf_qspec *spec, float min, float max,
                                 const rf_range_sums *total, float *diff_min, float *diff_max)
{
    float scale;
    int32_t offset;
    *diff_min = *diff_max = 0.0f;
    if (spec->grid == RF_GRID_STATIC)
        return;
    rf_scale_offset(spec, min, max, &scale, &offset);
    range_gradient(spec, min, max, scale, total, diff_min, diff_max);
}
