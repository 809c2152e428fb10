/* The tail of a fused step: clip, quantize to codes, and the gradient through both. */
#include "kernels/tail.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/channels.h"

#define BLOCK 2048 /* elements that stay in the first-level cache; at least RF_PERIOD_MAX */
#define LANES 8    /* of a sum, added at the end: the same bits on every instruction set */

/* ------------------------------------------------------------------------------ forward --- */

/*
 * Clip and grid as one pair of bounds on y / scale: division and rounding never change the order of two numbers, so it
 * does not matter on which side of them the clamp stands.
 */
typedef struct bounds {
    float low, high;
    float zero; /* what NaN becomes */
} bounds;

static bounds bounds_of(const rf_tail *t)
{
    const float low = t->low / t->scale, high = t->high / t->scale;
    const float least = t->offset, most = t->offset + t->steps;
    bounds b = { low > least ? low : least, high < most ? high : most, 0.0f };
    b.low = b.low < most ? b.low : most; /* a clip beyond the grid ends at its ends */
    b.high = b.high > least ? b.high : least;
    b.zero = least > 0.0f ? least : most < 0.0f ? most : 0.0f;
    return b;
}

static inline int32_t code_of(float y, float scale, const bounds b, float offset)
{
    float r = y / scale;
    r = r < b.low ? b.low : r;
    r = r > b.high ? b.high : r;
    r = r == r ? r : b.zero;
    return (int32_t)(rintf(r) - offset);
}

RF_MULTIARCH static void codes_of_rows(const rf_tail *t, const bounds *limits, const rf_bn_src *x,
                                       int64_t count, int64_t period, const float *restrict scale,
                                       const float *restrict shift, int32_t *restrict q)
{
    const float step = t->scale, offset = t->offset;
    const bounds b = *limits;
    for (int64_t i = 0; i < count; i += period) {
        const int64_t n = count - i < period ? count - i : period;
        const float *restrict real = x->real ? x->real + i : NULL;
        const int32_t *restrict sums = x->sums ? x->sums + i : NULL;
        for (int64_t j = 0; j < n && real; j++)
            q[i + j] = code_of(real[j] * scale[j] + shift[j], step, b, offset);
        for (int64_t j = 0; j < n && sums; j++)
            q[i + j] = code_of((float)sums[j] * scale[j] + shift[j], step, b, offset);
    }
}

RF_MULTIARCH static void codes_of_reals(const rf_tail *t, const bounds *limits,
                                        const float *restrict y, int64_t count, int32_t *restrict q)
{
    const float step = t->scale, offset = t->offset;
    const bounds b = *limits;
    for (int64_t i = 0; i < count; i++)
        q[i] = code_of(y[i], step, b, offset);
}

/* In a loop of its own: one that also narrows runs at half the speed. */
RF_MULTIARCH static void store_codes(const int32_t *restrict q, int64_t count,
                                     uint8_t *restrict dst)
{
    for (int64_t i = 0; i < count; i++)
        dst[i] = (uint8_t)q[i];
}

void rf_tail_normalize(const rf_tail *t, rf_bn_src x, int64_t rows, int64_t c, const float *scale,
                       const float *shift, uint8_t *dst)
{
    float scales[RF_PERIOD_MAX], shifts[RF_PERIOD_MAX];
    const int64_t period = rf_period(c);
    const float *a = rf_repeat(scale, c, period, scales), *b = rf_repeat(shift, c, period, shifts);
    const bounds limits = bounds_of(t);
#pragma omp parallel for schedule(static) if (rows * c > RF_PARALLEL_MIN)
    for (int part = 0; part < RF_ROW_PARTS; part++) {
        int32_t q[BLOCK];
        int64_t begin, end;
        rf_row_part(rows, part, &begin, &end);
        const int64_t count = (end - begin) * c;
        for (int64_t i = 0, n; i < count; i += n) {
            const int64_t j = i % period, at = begin * c + i;
            const rf_bn_src src = rf_bn_src_at(x, at);
            n = rf_block_length(BLOCK, period, i, count);
            codes_of_rows(t, &limits, &src, n, period, a + j, b + j, q);
            store_codes(q, n, dst + at);
        }
    }
}

RF_MULTIARCH static void reals_of_codes(const rf_addend *a, int64_t at, int64_t count,
                                        float *restrict y)
{
    const uint8_t *restrict codes = a->codes + at;
    const float scale = a->scale, offset = a->offset;
    for (int64_t i = 0; i < count; i++)
        y[i] = ((float)codes[i] + offset) * scale;
}

RF_MULTIARCH static void add_codes(const rf_addend *a, int64_t at, int64_t count, float *restrict y)
{
    const uint8_t *restrict codes = a->codes + at;
    const float scale = a->scale, offset = a->offset;
    for (int64_t i = 0; i < count; i++)
        y[i] += ((float)codes[i] + offset) * scale;
}

RF_MULTIARCH static void add_reals(const float *restrict real, int64_t count, float *restrict y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] += real[i];
}

static void load_sum(const rf_addend *a, const rf_addend *b, int64_t at, int64_t count, float *y)
{
    if (a->codes)
        reals_of_codes(a, at, count, y);
    else
        memcpy(y, a->real + at, (size_t)count * sizeof *y);
    if (b && b->codes)
        add_codes(b, at, count, y);
    else if (b)
        add_reals(b->real + at, count, y);
}

void rf_tail_add(const rf_tail *t, const rf_addend *a, const rf_addend *b, int64_t count,
                 uint8_t *dst)
{
    const bounds limits = bounds_of(t);
#pragma omp parallel for schedule(static) if (count > RF_PARALLEL_MIN)
    for (int64_t at = 0; at < count; at += BLOCK) {
        const int64_t n = count - at < BLOCK ? count - at : BLOCK;
        float y[BLOCK];
        int32_t q[BLOCK];
        load_sum(a, b, at, n, y);
        codes_of_reals(t, &limits, y, n, q);
        store_codes(q, n, dst + at);
    }
}

/* ----------------------------------------------------------------------------- backward --- */

RF_MULTIARCH static void gradient(const rf_tail *t, const float *restrict y, const float *diff,
                                  int64_t count, float *g, float *restrict by_scale,
                                  float *restrict outside)
{
    const float low = t->low, high = t->high;
    const float scale = t->scale, offset = t->offset, steps = t->steps;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float v = y[i] < low ? low : y[i];
        v = v > high ? high : v;
        const float real = v / scale, r = rintf(real) - offset;
        float q = 0.0f > r ? 0.0f : r;
        q = steps < q ? steps : q;
        const float d = diff[i], in = q == r ? d : 0.0f; /* not where r is NaN */
        by_scale[i] = (q + offset - (q == r ? real : 0.0f)) * d;
        outside[i] = q == r ? 0.0f : d;
        const float above = v > low ? in : 0.0f;
        g[i] = v < high ? above : 0.0f;
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

static double total_of(float *terms, int64_t count)
{
    double lanes[LANES] = { 0.0 }, total = 0.0;
    int64_t filled = count;
    for (; filled % LANES; filled++)
        terms[filled] = 0.0f;
    add_lanes(terms, filled, lanes);
    for (int j = 0; j < LANES; j++)
        total += lanes[j];
    return total;
}

void rf_tail_backward(const rf_tail *t, const float *y, const float *diff, int64_t count, float *g,
                      rf_tail_sums *sums)
{
    float by_scale[BLOCK + LANES], outside[BLOCK + LANES];
    for (int64_t i = 0; i < count; i += BLOCK) {
        const int64_t n = count - i < BLOCK ? count - i : BLOCK;
        gradient(t, y + i, diff + i, n, g + i, by_scale, outside);
        sums->scale += total_of(by_scale, n);
        sums->outside += total_of(outside, n);
    }
}

void rf_tail_add_backward(const rf_tail *t, const rf_addend *a, const rf_addend *b,
                          const float *diff, int64_t count, float *g, float *second,
                          rf_tail_sums *sums)
{
    rf_tail_sums parts[RF_ROW_PARTS] = { { 0.0, 0.0 } };
#pragma omp parallel for schedule(static) if (count > RF_PARALLEL_MIN)
    for (int part = 0; part < RF_ROW_PARTS; part++) {
        int64_t begin, end;
        rf_row_part(count, part, &begin, &end);
        for (int64_t at = begin; at < end; at += BLOCK) {
            const int64_t n = end - at < BLOCK ? end - at : BLOCK;
            float y[BLOCK];
            load_sum(a, b, at, n, y);
            rf_tail_backward(t, y, diff + at, n, g + at, &parts[part]);
            if (second)
                memcpy(second + at, g + at, (size_t)n * sizeof *g);
        }
    }
    for (int part = 0; part < RF_ROW_PARTS; part++) {
        sums->scale += parts[part].scale;
        sums->outside += parts[part].outside;
    }
}
