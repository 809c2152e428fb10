/* The naive pools: every window cell by its coordinates. */
#include "pool_ref.h"

#include <math.h>
#include <string.h>

static int64_t volume(const int64_t *dims)
{
    return dims[0] * dims[1] * dims[2];
}

int64_t ref_pool_in_count(const rf_pool_shape *s)
{
    return s->n * s->c * volume(s->in);
}

int64_t ref_pool_out_count(const rf_pool_shape *s)
{
    return s->n * s->c * volume(s->out);
}

static void unravel(int64_t flat, const int64_t *dims, int64_t at[3])
{
    at[2] = flat % dims[2];
    at[1] = flat / dims[2] % dims[1];
    at[0] = flat / dims[2] / dims[1];
}

/* Input element under kernel cell k of output o; -1 in the pads, -2 beyond them. */
static int64_t element(const rf_pool_shape *s, int64_t o, int64_t k)
{
    int64_t out[3], cell[3], at = o / volume(s->out);
    bool padded = false;
    unravel(o % volume(s->out), s->out, out);
    unravel(k, s->kernel, cell);
    for (int i = 0; i < 3; i++) {
        const int64_t p = out[i] * s->stride[i] - s->pad_begin[i] + cell[i] * s->dilation[i];
        if (p >= s->in[i] + s->pad_end[i])
            return -2;
        padded = padded || p < 0 || p >= s->in[i];
        at = at * s->in[i] + p;
    }
    return padded ? -1 : at;
}

void ref_max_pool(const rf_pool_shape *s, const float *x, double *y, int64_t *source)
{
    for (int64_t o = 0; o < ref_pool_out_count(s); o++) {
        y[o] = -INFINITY;
        source[o] = -1;
        for (int64_t k = 0; k < volume(s->kernel); k++) {
            const int64_t e = element(s, o, k);
            if (e < 0 || isnan(y[o]))
                continue;
            if (source[o] < 0 || isnan(x[e]) || (double)x[e] > y[o]) {
                y[o] = (double)x[e];
                source[o] = e;
            }
        }
    }
}

/* Cells that the average of output o divides by. */
static double divisor(const rf_pool_shape *s, int64_t o)
{
    double cells = 0.0;
    for (int64_t k = 0; k < volume(s->kernel); k++)
        cells += element(s, o, k) >= (s->count_padding ? -1 : 0) ? 1.0 : 0.0;
    return cells;
}

void ref_average_pool(const rf_pool_shape *s, const float *x, double *y)
{
    for (int64_t o = 0; o < ref_pool_out_count(s); o++) {
        y[o] = 0.0;
        for (int64_t k = 0; k < volume(s->kernel); k++)
            if (element(s, o, k) >= 0)
                y[o] += (double)x[element(s, o, k)] / divisor(s, o);
    }
}

void ref_average_pool_backward(const rf_pool_shape *s, const float *diff_y, double *diff_x)
{
    memset(diff_x, 0, (size_t)ref_pool_in_count(s) * sizeof *diff_x);
    for (int64_t o = 0; o < ref_pool_out_count(s); o++)
        for (int64_t k = 0; k < volume(s->kernel); k++)
            if (element(s, o, k) >= 0)
                diff_x[element(s, o, k)] += (double)diff_y[o] / divisor(s, o);
}
