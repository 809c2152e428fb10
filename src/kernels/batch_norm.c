/* Batch normalization's passes over memory: statistics, normalizing, gradient sums, gradient. */
#include "kernels/batch_norm.h"

#include <string.h>

#include "kernels/channels.h"

#define BLOCK 2048 /* floats that stay in the first-level cache; at least RF_PERIOD_MAX */

/* --------------------------------------------------------------------------------- two sums --- */

/*
 * Two sums a channel. p: shift of x, one period. For statistics the shift is the first row, so
 * that the variance of values far from 0 keeps its digits in one pass.
 */
typedef struct pair_sums {
    rf_bn_src x;
    const float *g; /* g NULL: sums of d and d * d; else of g and g * d, where d = x - shift */
    int64_t rows, c, period;
    double *shift; /* [period] */
    double *parts; /* [RF_ROW_PARTS][2][period] */
} pair_sums;

static int64_t scratch_period(int64_t c)
{
    return c > RF_PERIOD_MAX ? c : RF_PERIOD_MAX;
}

size_t rf_bn_scratch(int64_t c)
{
    return (size_t)scratch_period(c) * (1 + 2 * RF_ROW_PARTS) * sizeof(double);
}

RF_MULTIARCH static void add_moments(const rf_bn_src *x, int64_t count, int64_t period,
                                     const double *restrict shift, double *restrict sum,
                                     double *restrict square)
{
    for (int64_t i = 0; i < count; i += period) {
        const int64_t n = count - i < period ? count - i : period;
        const float *restrict real = x->real ? x->real + i : NULL;
        const int32_t *restrict sums = x->sums ? x->sums + i : NULL;
        for (int64_t j = 0; j < n && real; j++) {
            const double d = (double)real[j] - shift[j];
            sum[j] += d;
            square[j] += d * d;
        }
        for (int64_t j = 0; j < n && sums; j++) {
            const double d = (double)sums[j] - shift[j];
            sum[j] += d;
            square[j] += d * d;
        }
    }
}

RF_MULTIARCH static void add_products(const rf_bn_src *x, const float *restrict g, int64_t count,
                                      int64_t period, const double *restrict shift,
                                      double *restrict sum, double *restrict product)
{
    for (int64_t i = 0; i < count; i += period) {
        const int64_t n = count - i < period ? count - i : period;
        const float *restrict real = x->real ? x->real + i : NULL;
        const int32_t *restrict sums = x->sums ? x->sums + i : NULL;
        for (int64_t j = 0; j < n && real; j++) {
            const double d = (double)real[j] - shift[j], v = (double)g[i + j];
            sum[j] += v;
            product[j] += v * d;
        }
        for (int64_t j = 0; j < n && sums; j++) {
            const double d = (double)sums[j] - shift[j], v = (double)g[i + j];
            sum[j] += v;
            product[j] += v * d;
        }
    }
}

static void sum_part(const pair_sums *s, int i)
{
    int64_t begin, end;
    rf_row_part(s->rows, i, &begin, &end);
    double *first = s->parts + 2 * i * s->period, *second = first + s->period;
    const int64_t at = begin * s->c, count = (end - begin) * s->c;
    const rf_bn_src x = rf_bn_src_at(s->x, at);
    memset(first, 0, 2 * (size_t)s->period * sizeof *first);
    if (s->g)
        add_products(&x, s->g + at, count, s->period, s->shift, first, second);
    else
        add_moments(&x, count, s->period, s->shift, first, second);
}

/* One sum of a channel: over the parts, and over the rows of each period. `which` is 0 or 1. */
static double gather(const pair_sums *s, int which, int64_t channel)
{
    double total = 0.0;
    for (int i = 0; i < RF_ROW_PARTS; i++)
        for (int64_t j = channel; j < s->period; j += s->c)
            total += s->parts[(2 * i + which) * s->period + j];
    return total;
}

static void run_sums(const pair_sums *s)
{
#pragma omp parallel for schedule(static) if (s->rows * s->c > RF_PARALLEL_MIN)
    for (int i = 0; i < RF_ROW_PARTS; i++)
        sum_part(s, i);
}

static pair_sums prepare_sums(rf_bn_src x, const float *g, int64_t rows, int64_t c, void *scratch)
{
    const int64_t period = rf_period(c);
    double *shift = scratch;
    return (pair_sums){ .x = x,
                        .g = g,
                        .rows = rows,
                        .c = c,
                        .period = period,
                        .shift = shift,
                        .parts = shift + period };
}

void rf_bn_statistics(rf_bn_src x, int64_t rows, int64_t c, double *mean, double *var,
                      void *scratch)
{
    const pair_sums s = prepare_sums(x, NULL, rows, c, scratch);
    for (int64_t j = 0; j < s.period; j++)
        s.shift[j] = x.real ? (double)x.real[j % c] : (double)x.sums[j % c];
    run_sums(&s);
    for (int64_t j = 0; j < c; j++) {
        const double shifted = gather(&s, 0, j) / (double)rows;
        const double square = gather(&s, 1, j) / (double)rows;
        const double spread = square - shifted * shifted;
        mean[j] = s.shift[j] + shifted;
        var[j] = spread < 0.0 ? 0.0 : spread; /* NaN stays NaN */
    }
}

void rf_bn_backward_sums(rf_bn_src x, const float *g, int64_t rows, int64_t c, const double *mean,
                         double *sum_g, double *sum_gx, void *scratch)
{
    const pair_sums s = prepare_sums(x, g, rows, c, scratch);
    for (int64_t j = 0; j < s.period; j++)
        s.shift[j] = mean[j % c];
    run_sums(&s);
    for (int64_t j = 0; j < c; j++) {
        sum_g[j] = gather(&s, 0, j);
        sum_gx[j] = gather(&s, 1, j);
    }
}

/* ----------------------------------------------------------------------------- element-wise --- */

RF_MULTIARCH static void normalize_part(const rf_bn_src *x, int64_t count, int64_t period,
                                        const float *restrict scale, const float *restrict shift,
                                        float *y)
{
    for (int64_t i = 0; i < count; i += period) {
        const int64_t n = count - i < period ? count - i : period;
        const float *real = x->real ? x->real + i : NULL;
        const int32_t *sums = x->sums ? x->sums + i : NULL;
        float *to = y + i;
#pragma omp simd
        for (int64_t j = 0; j < (real ? n : 0); j++)
            to[j] = real[j] * scale[j] + shift[j];
#pragma omp simd
        for (int64_t j = 0; j < (sums ? n : 0); j++)
            to[j] = (float)sums[j] * scale[j] + shift[j];
    }
}

void rf_bn_normalize_blocks(rf_bn_src x, int64_t rows, int64_t c, const float *scale,
                            const float *shift, float *y, rf_bn_block_fn then, const void *user)
{
    float scales[RF_PERIOD_MAX], shifts[RF_PERIOD_MAX];
    const int64_t period = rf_period(c);
    const float *a = rf_repeat(scale, c, period, scales), *b = rf_repeat(shift, c, period, shifts);
#pragma omp parallel for schedule(static) if (rows * c > RF_PARALLEL_MIN)
    for (int part = 0; part < RF_ROW_PARTS; part++) {
        float block[BLOCK];
        int64_t begin, end;
        rf_row_part(rows, part, &begin, &end);
        const int64_t count = (end - begin) * c;
        for (int64_t i = 0, n; i < count; i += n) {
            const int64_t j = i % period, at = begin * c + i;
            const rf_bn_src src = rf_bn_src_at(x, at);
            float *to = y ? y + at : block;
            n = rf_block_length(BLOCK, period, i, count);
            normalize_part(&src, n, period, a + j, b + j, to);
            then(user, part, at, n, to);
        }
    }
}

void rf_bn_normalize(rf_bn_src x, int64_t rows, int64_t c, const float *scale, const float *shift,
                     float *y)
{
    float scales[RF_PERIOD_MAX], shifts[RF_PERIOD_MAX];
    const int64_t period = rf_period(c);
    const float *a = rf_repeat(scale, c, period, scales), *b = rf_repeat(shift, c, period, shifts);
#pragma omp parallel for schedule(static) if (rows * c > RF_PARALLEL_MIN)
    for (int i = 0; i < RF_ROW_PARTS; i++) {
        int64_t begin, end;
        rf_row_part(rows, i, &begin, &end);
        const rf_bn_src src = rf_bn_src_at(x, begin * c);
        normalize_part(&src, (end - begin) * c, period, a, b, y + begin * c);
    }
}

RF_MULTIARCH static void backward_part(const rf_bn_src *x, const float *g, int64_t count,
                                       int64_t period, const float *restrict scale,
                                       const float *restrict mean, const float *restrict slope,
                                       const float *restrict shift, float *dx)
{
    for (int64_t i = 0; i < count; i += period) {
        const int64_t n = count - i < period ? count - i : period;
        const float *real = x->real ? x->real + i : NULL, *v = g + i;
        const int32_t *sums = x->sums ? x->sums + i : NULL;
        float *to = dx + i;
#pragma omp simd
        for (int64_t j = 0; j < (real ? n : 0); j++)
            to[j] = v[j] * scale[j] + (real[j] - mean[j]) * slope[j] + shift[j];
#pragma omp simd
        for (int64_t j = 0; j < (sums ? n : 0); j++)
            to[j] = v[j] * scale[j] + ((float)sums[j] - mean[j]) * slope[j] + shift[j];
    }
}

void rf_bn_backward_data(rf_bn_src x, const float *g, int64_t rows, int64_t c, const float *scale,
                         const float *mean, const float *slope, const float *shift, float *dx)
{
    float scales[RF_PERIOD_MAX], means[RF_PERIOD_MAX], slopes[RF_PERIOD_MAX], shifts[RF_PERIOD_MAX];
    const int64_t period = rf_period(c);
    const float *k = rf_repeat(scale, c, period, scales), *m = rf_repeat(mean, c, period, means);
    const float *p = rf_repeat(slope, c, period, slopes), *t = rf_repeat(shift, c, period, shifts);
#pragma omp parallel for schedule(static) if (rows * c > RF_PARALLEL_MIN)
    for (int i = 0; i < RF_ROW_PARTS; i++) {
        int64_t begin, end;
        rf_row_part(rows, i, &begin, &end);
        const int64_t at = begin * c;
        const rf_bn_src src = rf_bn_src_at(x, at);
        backward_part(&src, g + at, (end - begin) * c, period, k, m, p, t, dx + at);
    }
}

/* ------------------------------------------------------- sums where y has to be made anew --- */

typedef struct block_sums {
    pair_sums sums;
    const float *scale, *shift; /* [period] */
    rf_bn_gradient_fn gradient;
    const void *user;
    float *g; /* may be NULL */
} block_sums;

static void sum_part_by_blocks(const block_sums *b, int part)
{
    const pair_sums *s = &b->sums;
    float y[BLOCK], own[BLOCK];
    int64_t begin, end;
    rf_row_part(s->rows, part, &begin, &end);
    const int64_t count = (end - begin) * s->c;
    double *first = s->parts + 2 * part * s->period, *second = first + s->period;
    memset(first, 0, 2 * (size_t)s->period * sizeof *first);
    for (int64_t i = 0, n; i < count; i += n) {
        const int64_t j = i % s->period, at = begin * s->c + i;
        const rf_bn_src x = rf_bn_src_at(s->x, at);
        float *g = b->g ? b->g + at : own;
        n = rf_block_length(BLOCK, s->period, i, count);
        normalize_part(&x, n, s->period, b->scale + j, b->shift + j, y);
        b->gradient(b->user, part, at, n, y, g);
        add_products(&x, g, n, s->period, s->shift + j, first + j, second + j);
    }
}

void rf_bn_backward_sums_blocks(const rf_bn_blocks *b, rf_bn_gradient_fn gradient, const void *user,
                                float *g, double *sum_g, double *sum_gx, void *scratch)
{
    float scales[RF_PERIOD_MAX], shifts[RF_PERIOD_MAX];
    const pair_sums s = prepare_sums(b->x, NULL, b->rows, b->c, scratch);
    const block_sums blocks = { .sums = s,
                                .scale = rf_repeat(b->scale, b->c, s.period, scales),
                                .shift = rf_repeat(b->shift, b->c, s.period, shifts),
                                .gradient = gradient,
                                .user = user,
                                .g = g };
    for (int64_t j = 0; j < s.period; j++)
        s.shift[j] = b->mean[j % b->c];
#pragma omp parallel for schedule(static) if (b->rows * b->c > RF_PARALLEL_MIN)
    for (int part = 0; part < RF_ROW_PARTS; part++)
        sum_part_by_blocks(&blocks, part);
    for (int64_t j = 0; j < b->c; j++) {
        sum_g[j] = gather(&s, 0, j);
        sum_gx[j] = gather(&s, 1, j);
    }
}
