/* Max and average pooling: one row of output pixels at a time, vectors along the channels. */
#include "kernels/pool.h"

#include <math.h>
#include <string.h>

#include "kernels/channels.h"

/* One row of windows: those with the same place on the first two axes. */
typedef struct row {
    const rf_pool_shape *s;
    int64_t at[2];           /* place on the first two axes */
    int64_t low[2], high[2]; /* kernel cells within the input there: [low, high) */
} row;

/* Kernel cells of the window at place `p` that lie within the input: [*low, *high). */
static inline void clip(const rf_pool_shape *s, int axis, int64_t p, int64_t *low, int64_t *high)
{
    const int64_t start = p * s->stride[axis] - s->pad_begin[axis], step = s->dilation[axis];
    const int64_t room = s->in[axis] - start; /* pixels from the window's start to the end */
    *low = start < 0 ? (-start + step - 1) / step : 0;
    *high = room > 0 ? (room + step - 1) / step : 0;
    *high = *high < s->kernel[axis] ? *high : s->kernel[axis];
    *low = *low < *high ? *low : *high;
}

static inline row make_row(const rf_pool_shape *s, int64_t d, int64_t h)
{
    row r = { .s = s, .at = { d, h } };
    for (int a = 0; a < 2; a++)
        clip(s, a, r.at[a], &r.low[a], &r.high[a]);
    return r;
}

/* Offset, in one image, of the input pixel under kernel cell (kd, kh, kw) of place w. */
static inline int64_t pixel(const row *r, int64_t w, int64_t kd, int64_t kh, int64_t kw)
{
    const rf_pool_shape *s = r->s;
    const int64_t d = r->at[0] * s->stride[0] - s->pad_begin[0] + kd * s->dilation[0];
    const int64_t h = r->at[1] * s->stride[1] - s->pad_begin[1] + kh * s->dilation[1];
    const int64_t x = w * s->stride[2] - s->pad_begin[2] + kw * s->dilation[2];
    return ((d * s->in[1] + h) * s->in[2] + x) * s->c;
}

static inline int32_t cell(const rf_pool_shape *s, int64_t kd, int64_t kh, int64_t kw)
{
    return (int32_t)((kd * s->kernel[1] + kh) * s->kernel[2] + kw);
}

static int64_t volume(const int64_t *dims)
{
    return dims[0] * dims[1] * dims[2];
}

/* -------------------------------------------------------------------------------------- max --- */

/*
 * Replace best where x is larger, or NaN: NaN is never smaller and, once taken, never replaced by
 * a number.
 */
static inline void take_larger(const float *restrict x, float *restrict best,
                               int32_t *restrict index, int32_t here, int64_t c)
{
    if (!index) {
        for (int64_t j = 0; j < c; j++)
            best[j] = x[j] > best[j] || x[j] != x[j] ? x[j] : best[j];
        return;
    }
    for (int64_t j = 0; j < c; j++) {
        const bool take = x[j] > best[j] || x[j] != x[j];
        best[j] = take ? x[j] : best[j];
        index[j] = take ? here : index[j];
    }
}

static inline void start_max(const float *restrict x, float *restrict best, int32_t *restrict index,
                             int32_t here, int64_t c)
{
    for (int64_t j = 0; j < c; j++)
        best[j] = x ? x[j] : -INFINITY;
    for (int64_t j = 0; index && j < c; j++)
        index[j] = here;
}

RF_MULTIARCH static void max_row(const row *r, const float *x, float *y, int32_t *index)
{
    const rf_pool_shape *s = r->s;
    const int64_t c = s->c;
    for (int64_t w = 0; w < s->out[2]; w++, y += c, index = index ? index + c : NULL) {
        bool started = false;
        int64_t low, high;
        clip(s, 2, w, &low, &high);
        for (int64_t kd = r->low[0]; kd < r->high[0]; kd++)
            for (int64_t kh = r->low[1]; kh < r->high[1]; kh++)
                for (int64_t kw = low; kw < high; kw++) {
                    const float *from = x + pixel(r, w, kd, kh, kw);
                    const int32_t here = cell(s, kd, kh, kw);
                    if (started)
                        take_larger(from, y, index, here, c);
                    else
                        start_max(from, y, index, here, c);
                    started = true;
                }
        if (!started)
            start_max(NULL, y, index, -1, c);
    }
}

void rf_max_pool_forward(const rf_pool_shape *s, const float *x, float *y, int32_t *index)
{
    const int64_t rows = s->out[0] * s->out[1], in = volume(s->in) * s->c;
#pragma omp parallel for schedule(static) if (s->n * in > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < s->n * rows; i++) {
        const row r = make_row(s, i % rows / s->out[1], i % s->out[1]);
        const int64_t at = i * s->out[2] * s->c;
        max_row(&r, x + i / rows * in, y + at, index ? index + at : NULL);
    }
}

RF_MULTIARCH static void max_codes(const uint8_t *restrict x, int64_t c, uint8_t *restrict best)
{
    for (int64_t j = 0; j < c; j++)
        best[j] = x[j] > best[j] ? x[j] : best[j];
}

RF_MULTIARCH static void note_larger(const uint8_t *restrict x, const uint8_t *restrict best,
                                     int32_t here, int64_t c, int32_t *restrict index)
{
    for (int64_t j = 0; j < c; j++)
        index[j] = x[j] > best[j] ? here : index[j];
}

/* No code is below 0, so every window may start from there; its first cell counts as found. */
static void max_codes_row(const row *r, const uint8_t *x, uint8_t *y, int32_t *index)
{
    const rf_pool_shape *s = r->s;
    const int64_t c = s->c;
    for (int64_t w = 0; w < s->out[2]; w++, y += c, index = index ? index + c : NULL) {
        int64_t low, high;
        clip(s, 2, w, &low, &high);
        const bool any = r->low[0] < r->high[0] && r->low[1] < r->high[1] && low < high;
        memset(y, 0, (size_t)c);
        for (int64_t j = 0; index && j < c; j++)
            index[j] = any ? cell(s, r->low[0], r->low[1], low) : -1;
        for (int64_t kd = r->low[0]; kd < r->high[0]; kd++)
            for (int64_t kh = r->low[1]; kh < r->high[1]; kh++)
                for (int64_t kw = low; kw < high; kw++) {
                    const uint8_t *from = x + pixel(r, w, kd, kh, kw);
                    if (index)
                        note_larger(from, y, cell(s, kd, kh, kw), c, index);
                    max_codes(from, c, y);
                }
    }
}

void rf_max_pool_codes(const rf_pool_shape *s, const uint8_t *x, uint8_t *y, int32_t *index)
{
    const int64_t rows = s->out[0] * s->out[1], in = volume(s->in) * s->c;
#pragma omp parallel for schedule(static) if (s->n * in > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < s->n * rows; i++) {
        const row r = make_row(s, i % rows / s->out[1], i % s->out[1]);
        const int64_t at = i * s->out[2] * s->c;
        max_codes_row(&r, x + i / rows * in, y + at, index ? index + at : NULL);
    }
}

RF_MULTIARCH static void max_row_backward(const row *r, const int32_t *restrict index,
                                          const float *restrict g, float *restrict diff_x)
{
    const rf_pool_shape *s = r->s;
    const int64_t c = s->c;
    for (int64_t w = 0; w < s->out[2]; w++, g += c, index += c) {
        int64_t low, high;
        clip(s, 2, w, &low, &high);
        for (int64_t kd = r->low[0]; kd < r->high[0]; kd++)
            for (int64_t kh = r->low[1]; kh < r->high[1]; kh++)
                for (int64_t kw = low; kw < high; kw++) {
                    float *to = diff_x + pixel(r, w, kd, kh, kw);
                    const int32_t here = cell(s, kd, kh, kw);
                    for (int64_t j = 0; j < c; j++)
                        to[j] += index[j] == here ? g[j] : 0.0f;
                }
    }
}

/* Windows of one image may overlap: an image is one thread's. */
void rf_max_pool_backward(const rf_pool_shape *s, const int32_t *index, const float *diff_y,
                          float *diff_x)
{
    const int64_t in = volume(s->in) * s->c, out = volume(s->out) * s->c;
#pragma omp parallel for schedule(static) if (s->n * in > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < s->n; i++) {
        memset(diff_x + i * in, 0, (size_t)in * sizeof *diff_x);
        for (int64_t d = 0; d < s->out[0]; d++)
            for (int64_t h = 0; h < s->out[1]; h++) {
                const row r = make_row(s, d, h);
                const int64_t at = i * out + (d * s->out[1] + h) * s->out[2] * s->c;
                max_row_backward(&r, index + at, diff_y + at, diff_x + i * in);
            }
    }
}

/* ---------------------------------------------------------------------------------- average --- */

/* Cells of one axis of the window at place p that count: within the input, or within its pads. */
static inline int64_t counted(const rf_pool_shape *s, int axis, int64_t p)
{
    int64_t low, high;
    if (!s->count_padding) {
        clip(s, axis, p, &low, &high);
        return high - low;
    }
    const int64_t room = s->in[axis] + s->pad_end[axis] - p * s->stride[axis] + s->pad_begin[axis];
    const int64_t cells = (room + s->dilation[axis] - 1) / s->dilation[axis];
    return cells < s->kernel[axis] ? cells : s->kernel[axis];
}

/* 1 / the cells that the average at place w of this row divides by. */
static inline float weight(const row *r, int64_t w)
{
    const int64_t cells =
        counted(r->s, 0, r->at[0]) * counted(r->s, 1, r->at[1]) * counted(r->s, 2, w);
    return cells > 0 ? 1.0f / (float)cells : 0.0f;
}

RF_MULTIARCH static void average_row(const row *r, const float *restrict x, float *restrict y)
{
    const rf_pool_shape *s = r->s;
    const int64_t c = s->c;
    for (int64_t w = 0; w < s->out[2]; w++, y += c) {
        const float factor = weight(r, w);
        int64_t low, high;
        clip(s, 2, w, &low, &high);
        memset(y, 0, (size_t)c * sizeof *y);
        for (int64_t kd = r->low[0]; kd < r->high[0]; kd++)
            for (int64_t kh = r->low[1]; kh < r->high[1]; kh++)
                for (int64_t kw = low; kw < high; kw++) {
                    const float *from = x + pixel(r, w, kd, kh, kw);
                    for (int64_t j = 0; j < c; j++)
                        y[j] += from[j];
                }
        for (int64_t j = 0; j < c; j++)
            y[j] *= factor;
    }
}

void rf_average_pool_forward(const rf_pool_shape *s, const float *x, float *y)
{
    const int64_t rows = s->out[0] * s->out[1], in = volume(s->in) * s->c;
#pragma omp parallel for schedule(static) if (s->n * in > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < s->n * rows; i++) {
        const row r = make_row(s, i % rows / s->out[1], i % s->out[1]);
        average_row(&r, x + i / rows * in, y + i * s->out[2] * s->c);
    }
}

RF_MULTIARCH static void average_row_backward(const row *r, const float *restrict g,
                                              float *restrict diff_x)
{
    const rf_pool_shape *s = r->s;
    const int64_t c = s->c;
    for (int64_t w = 0; w < s->out[2]; w++, g += c) {
        const float factor = weight(r, w);
        int64_t low, high;
        clip(s, 2, w, &low, &high);
        for (int64_t kd = r->low[0]; kd < r->high[0]; kd++)
            for (int64_t kh = r->low[1]; kh < r->high[1]; kh++)
                for (int64_t kw = low; kw < high; kw++) {
                    float *to = diff_x + pixel(r, w, kd, kh, kw);
                    for (int64_t j = 0; j < c; j++)
                        to[j] += g[j] * factor;
                }
    }
}

void rf_average_pool_backward(const rf_pool_shape *s, const float *diff_y, float *diff_x)
{
    const int64_t in = volume(s->in) * s->c, out = volume(s->out) * s->c;
#pragma omp parallel for schedule(static) if (s->n * in > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < s->n; i++) {
        memset(diff_x + i * in, 0, (size_t)in * sizeof *diff_x);
        for (int64_t d = 0; d < s->out[0]; d++)
            for (int64_t h = 0; h < s->out[1]; h++) {
                const row r = make_row(s, d, h);
                average_row_backward(&r, diff_y + i * out + (d * s->out[1] + h) * s->out[2] * s->c,
                                     diff_x + i * in);
            }
    }
}
