/* Fake quantization of plain arrays and its straight-through gradients. */
#include "quant/fakequant.h"

#include <math.h>
#include <string.h>

#include "base/compiler.h"

#define BLOCK 1024          /* elements whose codes stay in the first-level cache */
#define TENSOR_SPAN 8192    /* a per-tensor array is cut into spans of so many elements */
#define PARALLEL_FROM 32768 /* elements; below, threads cost more than they bring */
#define NEARLY_HALF                                                                                \
    0.49999997f /* truncating x + this rounds positive x half away from zero, exactly */

/* The order in which rounding, clamping and the offset come differs between AIMET's generations; it decides ties. */
typedef enum rounding {
    EVEN_THEN_OFFSET, /* learned and v2: rhe(x / scale) - offset */
    OFFSET_THEN_EVEN, /* static, per channel */
    OFFSET_THEN_AWAY  /* static, per tensor */
} rounding;

static rounding rounding_of(const rf_qspec *spec, const rf_qarray *a)
{
    if (spec->grid != RF_GRID_STATIC)
        return EVEN_THEN_OFFSET;
    return a->channels > 1 ? OFFSET_THEN_EVEN : OFFSET_THEN_AWAY;
}

/* Runs of contiguous elements that share a channel, or that hold one element a channel (channels last). */
typedef struct spans {
    int64_t count, length, total;
    bool each; /* element i of a span belongs to channel i */
} spans;

static spans spans_of(const rf_qarray *a)
{
    spans s = { .total = a->outer * a->channels * a->inner };
    if (a->channels == 1) {
        s.length = TENSOR_SPAN;
        s.count = (s.total + TENSOR_SPAN - 1) / TENSOR_SPAN;
    } else if (a->inner == 1) {
        s.length = a->channels;
        s.count = a->outer;
        s.each = true;
    } else {
        s.length = a->inner;
        s.count = a->outer * a->channels;
    }
    return s;
}

/* One piece of a span: at most BLOCK elements, with the grid of its first element. */
typedef struct piece {
    int64_t begin, count;
    const float *scale;
    const int32_t *offset;
    bool each;
} piece;

/* ---------------------------------------------------------------------------- codes --- */

static inline float clamp_code(float r, float steps)
{
    r = 0.0f > r ? 0.0f : r; /* in this order a NaN stays a NaN */
    return steps < r ? steps : r;
}

static inline float code_of(rounding how, float x, float scale, float offset, float steps)
{
    const float real = x / scale;
    if (how == EVEN_THEN_OFFSET)
        return clamp_code(rintf(real) - offset, steps);
    const float shifted = clamp_code(real - offset, steps);
    return how == OFFSET_THEN_EVEN ? rintf(shifted) : truncf(shifted + NEARLY_HALF);
}

RF_MULTIARCH static void codes_one_grid(rounding how, const float *x, int64_t n, float scale,
                                        float offset, float steps, float *q)
{
    if (how == EVEN_THEN_OFFSET) {
        for (int64_t i = 0; i < n; i++)
            q[i] = code_of(EVEN_THEN_OFFSET, x[i], scale, offset, steps);
    } else if (how == OFFSET_THEN_EVEN) {
        for (int64_t i = 0; i < n; i++)
            q[i] = code_of(OFFSET_THEN_EVEN, x[i], scale, offset, steps);
    } else {
        for (int64_t i = 0; i < n; i++)
            q[i] = code_of(OFFSET_THEN_AWAY, x[i], scale, offset, steps);
    }
}

RF_MULTIARCH static void codes_each_grid(rounding how, const float *x, int64_t n,
                                         const float *scale, const int32_t *offset, float steps,
                                         float *q)
{
    if (how == EVEN_THEN_OFFSET) {
        for (int64_t i = 0; i < n; i++)
            q[i] = code_of(EVEN_THEN_OFFSET, x[i], scale[i], (float)offset[i], steps);
    } else {
        for (int64_t i = 0; i < n; i++)
            q[i] = code_of(OFFSET_THEN_EVEN, x[i], scale[i], (float)offset[i], steps);
    }
}

static void codes(rounding how, const piece *p, float steps, const float *x, float *q)
{
    if (p->each)
        codes_each_grid(how, x, p->count, p->scale, p->offset, steps, q);
    else
        codes_one_grid(how, x, p->count, *p->scale, (float)*p->offset, steps, q);
}

RF_MULTIARCH static void reals_in_place(const piece *p, float *q)
{
    if (p->each) {
        for (int64_t i = 0; i < p->count; i++)
            q[i] = (q[i] + (float)p->offset[i]) * p->scale[i];
        return;
    }
    const float scale = *p->scale, offset = (float)*p->offset;
    for (int64_t i = 0; i < p->count; i++)
        q[i] = (q[i] + offset) * scale;
}

/* NaN has no code: it takes that of zero. */
RF_MULTIARCH static void nan_to_zero_code(const piece *p, float steps, float *q)
{
    for (int64_t i = 0; i < p->count; i++) {
        const float zero = clamp_code(-(float)p->offset[p->each ? i : 0], steps);
        q[i] = isnan(q[i]) ? zero : q[i];
    }
}

RF_MULTIARCH static void store_u8(const float *q, int64_t n, uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(int32_t)q[i];
}

RF_MULTIARCH static void store_u16(const float *q, int64_t n, uint16_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint16_t)(int32_t)q[i];
}

/* Codes less their offset, so that 0 is 0; tells whether there was a NaN. */
RF_MULTIARCH static int32_t store_s8(const piece *p, const float *q, int8_t *dst)
{
    int32_t nan = 0;
    const float offset = (float)*p->offset;
    for (int64_t i = 0; i < p->count && p->each; i++) {
        nan |= isnan(q[i]);
        dst[i] = (int8_t)(isnan(q[i]) ? 0.0f : q[i] + (float)p->offset[i]);
    }
    for (int64_t i = 0; i < p->count && !p->each; i++) {
        nan |= isnan(q[i]);
        dst[i] = (int8_t)(int32_t)(isnan(q[i]) ? 0.0f : q[i] + offset);
    }
    return nan;
}

RF_MULTIARCH static void reals_of_s8(const int8_t *restrict src, int64_t n, float scale,
                                     float *restrict dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)src[i] * scale;
}

RF_MULTIARCH static void reals_of_sums(const int32_t *restrict src, int64_t channels,
                                       const float *restrict scale, const float *restrict shift,
                                       float *restrict dst)
{
    for (int64_t c = 0; c < channels && shift; c++)
        dst[c] = (float)src[c] * scale[c] + shift[c];
    for (int64_t c = 0; c < channels && !shift; c++)
        dst[c] = (float)src[c] * scale[c];
}

RF_MULTIARCH static void reals_of_u8(const piece *p, const uint8_t *restrict src,
                                     float *restrict dst)
{
    const float scale = *p->scale, offset = (float)*p->offset;
    for (int64_t i = 0; i < p->count && p->each; i++)
        dst[i] = ((float)src[i] + (float)p->offset[i]) * p->scale[i];
    for (int64_t i = 0; i < p->count && !p->each; i++)
        dst[i] = ((float)src[i] + offset) * scale;
}

/* ----------------------------------------------------------------- walking the array --- */

/* What happens to one piece; src and dst are the arrays' beginnings. */
typedef struct job {
    void (*run)(const struct job *job, const piece *p);
    rounding how;
    float steps;
    const void *src;
    void *dst;
    const float *first_scale; /* of all channels */
    bool *has_nan;            /* [channels] */
} job;

static void run_span(const job *j, const rf_qarray *a, const spans *s, int64_t index,
                     const float *scale, const int32_t *offset)
{
    const int64_t begin = index * s->length;
    const int64_t end = begin + s->length < s->total ? begin + s->length : s->total;
    const int64_t channel = a->channels == 1 || s->each ? 0 : index % a->channels;
    for (int64_t at = begin; at < end; at += BLOCK) {
        const int64_t first = channel + (s->each ? at - begin : 0);
        const piece p = { at, end - at < BLOCK ? end - at : BLOCK, scale + first, offset + first,
                          s->each };
        j->run(j, &p);
    }
}

static void run_job(const job *j, const rf_qarray *a, const float *scale, const int32_t *offset)
{
    const spans s = spans_of(a);
    if (s.total < PARALLEL_FROM) { /* a team of one costs more than a small array */
        for (int64_t i = 0; i < s.count; i++)
            run_span(j, a, &s, i, scale, offset);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s.count; i++)
        run_span(j, a, &s, i, scale, offset);
}

static void forward_piece(const job *j, const piece *p)
{
    float *dst = (float *)j->dst + p->begin;
    codes(j->how, p, j->steps, (const float *)j->src + p->begin, dst);
    reals_in_place(p, dst);
}

static void quantize_piece(const job *j, const piece *p, float q[BLOCK])
{
    codes(j->how, p, j->steps, (const float *)j->src + p->begin, q);
    nan_to_zero_code(p, j->steps, q);
}

static void quantize_u8_piece(const job *j, const piece *p)
{
    float q[BLOCK];
    quantize_piece(j, p, q);
    store_u8(q, p->count, (uint8_t *)j->dst + p->begin);
}

static void quantize_u16_piece(const job *j, const piece *p)
{
    float q[BLOCK];
    quantize_piece(j, p, q);
    store_u16(q, p->count, (uint16_t *)j->dst + p->begin);
}

/* Pieces of one channel may run side by side: they all write the same. */
static void note_nan(const job *j, const piece *p, const float *q)
{
    const int64_t channel = p->scale - j->first_scale;
    for (int64_t i = 0; i < p->count; i++)
        if (isnan(q[i])) {
            bool *flag = &j->has_nan[channel + (p->each ? i : 0)];
#pragma omp atomic write
            *flag = true;
        }
}

static void quantize_s8_piece(const job *j, const piece *p)
{
    float q[BLOCK];
    codes(j->how, p, j->steps, (const float *)j->src + p->begin, q);
    if (store_s8(p, q, (int8_t *)j->dst + p->begin))
        note_nan(j, p, q);
}

static void dequantize_u8_piece(const job *j, const piece *p)
{
    reals_of_u8(p, (const uint8_t *)j->src + p->begin, (float *)j->dst + p->begin);
}

static job job_of(void (*run)(const job *job, const piece *p), const rf_qspec *spec,
                  const rf_qarray *a, const void *src, void *dst)
{
    return (job){ .run = run,
                  .how = rounding_of(spec, a),
                  .steps = (float)rf_qspec_steps(spec),
                  .src = src,
                  .dst = dst };
}

void rf_fakequant_forward(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                          const int32_t *offset, const float *src, float *dst)
{
    if (spec->bitwidth >= 32) {
        memmove(dst, src, (size_t)(a->outer * a->channels * a->inner) * sizeof *dst);
        return;
    }
    const job j = job_of(forward_piece, spec, a, src, dst);
    run_job(&j, a, scale, offset);
}

void rf_quantize_u8(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                    const int32_t *offset, const float *src, uint8_t *dst)
{
    const job j = job_of(quantize_u8_piece, spec, a, src, dst);
    run_job(&j, a, scale, offset);
}

void rf_quantize_u16(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                     const int32_t *offset, const float *src, uint16_t *dst)
{
    const job j = job_of(quantize_u16_piece, spec, a, src, dst);
    run_job(&j, a, scale, offset);
}

void rf_dequantize_u8(const rf_qarray *a, const float *scale, const int32_t *offset,
                      const uint8_t *src, float *dst)
{
    const job j = { .run = dequantize_u8_piece, .src = src, .dst = dst };
    run_job(&j, a, scale, offset);
}

void rf_quantize_s8(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                    const int32_t *offset, const float *src, int8_t *dst, bool *has_nan)
{
    job j = job_of(quantize_s8_piece, spec, a, src, dst);
    j.first_scale = scale;
    j.has_nan = has_nan;
    run_job(&j, a, scale, offset);
}

void rf_dequantize_s8(const rf_qarray *a, const float *scale, const int8_t *src, float *dst)
{
    const int64_t rows = a->outer * a->channels;
#pragma omp parallel for schedule(static) if (rows * a->inner >= PARALLEL_FROM)
    for (int64_t i = 0; i < rows; i++)
        reals_of_s8(src + i * a->inner, a->inner, scale[i % a->channels], dst + i * a->inner);
}

void rf_dequantize_sums(int64_t rows, int64_t channels, const float *scale, const float *shift,
                        const int32_t *src, float *dst)
{
#pragma omp parallel for schedule(static) if (rows * channels >= PARALLEL_FROM)
    for (int64_t i = 0; i < rows; i++)
        reals_of_sums(src + i * channels, channels, scale, shift, dst + i * channels);
}
