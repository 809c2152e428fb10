/* The naive convolution: every product once, by its indices. */
#include "conv_ref.h"

#include <string.h>

typedef struct sums {
    const float *src, *weights, *dst;     /* read */
    double *to_src, *to_weights, *to_dst; /* the one of them that is summed into */
} sums;

static int64_t volume(const rf_conv_shape *s, const int64_t *dims)
{
    int64_t product = 1;
    for (int i = 0; i < s->spatial; i++)
        product *= dims[i];
    return product;
}

int64_t ref_conv_src_count(const rf_conv_shape *s)
{
    return s->n * s->ic * volume(s, s->in);
}

int64_t ref_conv_dst_count(const rf_conv_shape *s)
{
    return s->n * s->oc * volume(s, s->out);
}

int64_t ref_conv_weights_count(const rf_conv_shape *s)
{
    return s->ic * s->oc / s->groups * volume(s, s->kernel);
}

static void unravel(int64_t flat, int spatial, const int64_t *dims, int64_t *at)
{
    for (int i = spatial - 1; i >= 0; i--) {
        at[i] = flat % dims[i];
        flat /= dims[i];
    }
}

/* The cell of the larger side that kernel cell `k` joins with `small`; -1 in the padding. */
static int64_t large_cell(const rf_conv_shape *s, const int64_t *small, const int64_t *k)
{
    const int64_t *dims = s->transposed ? s->out : s->in;
    int64_t flat = 0;
    for (int i = 0; i < s->spatial; i++) {
        const int64_t at = small[i] * s->stride[i] - s->pad_begin[i] + k[i] * s->dilation[i];
        if (at < 0 || at >= dims[i])
            return -1;
        flat = flat * dims[i] + at;
    }
    return flat;
}

static void add_product(const sums *t, int64_t src, int64_t weight, int64_t dst)
{
    if (t->to_dst)
        t->to_dst[dst] += (double)t->src[src] * (double)t->weights[weight];
    if (t->to_src)
        t->to_src[src] += (double)t->dst[dst] * (double)t->weights[weight];
    if (t->to_weights)
        t->to_weights[weight] += (double)t->dst[dst] * (double)t->src[src];
}

/* Channel pair (ic, oc) of one group: its plane of the weights. */
static int64_t weight_plane(const rf_conv_shape *s, int64_t ic, int64_t oc)
{
    const int64_t icg = s->ic / s->groups, ocg = s->oc / s->groups;
    return s->transposed ? ic * ocg + oc % ocg : oc * icg + ic % icg;
}

static void walk_planes(const rf_conv_shape *s, int64_t n, int64_t ic, int64_t oc, const sums *t)
{
    const int64_t *small_dims = s->transposed ? s->in : s->out;
    const int64_t cells = volume(s, s->kernel), smalls = volume(s, small_dims);
    for (int64_t o = 0; o < smalls; o++)
        for (int64_t k = 0; k < cells; k++) {
            int64_t small[3], kernel[3];
            unravel(o, s->spatial, small_dims, small);
            unravel(k, s->spatial, s->kernel, kernel);
            const int64_t large = large_cell(s, small, kernel);
            if (large < 0)
                continue;
            const int64_t in = s->transposed ? o : large, out = s->transposed ? large : o;
            add_product(t, (n * s->ic + ic) * volume(s, s->in) + in,
                        weight_plane(s, ic, oc) * cells + k,
                        (n * s->oc + oc) * volume(s, s->out) + out);
        }
}

static void walk(const rf_conv_shape *s, const sums *t)
{
    const int64_t icg = s->ic / s->groups, ocg = s->oc / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t oc = 0; oc < s->oc; oc++)
            for (int64_t i = 0; i < icg; i++)
                walk_planes(s, n, oc / ocg * icg + i, oc, t);
}

void ref_conv_forward(const rf_conv_shape *s, const float *src, const float *weights,
                      const float *bias, double *dst)
{
    const int64_t plane = volume(s, s->out);
    for (int64_t i = 0; i < ref_conv_dst_count(s); i++)
        dst[i] = bias ? (double)bias[i / plane % s->oc] : 0.0;
    walk(s, &(sums){ .src = src, .weights = weights, .to_dst = dst });
}

void ref_conv_backward_data(const rf_conv_shape *s, const float *diff_dst, const float *weights,
                            double *diff_src)
{
    memset(diff_src, 0, (size_t)ref_conv_src_count(s) * sizeof *diff_src);
    walk(s, &(sums){ .dst = diff_dst, .weights = weights, .to_src = diff_src });
}

void ref_conv_backward_weights(const rf_conv_shape *s, const float *src, const float *diff_dst,
                               double *diff_weights, double *diff_bias)
{
    const int64_t plane = volume(s, s->out);
    memset(diff_weights, 0, (size_t)ref_conv_weights_count(s) * sizeof *diff_weights);
    walk(s, &(sums){ .src = src, .dst = diff_dst, .to_weights = diff_weights });
    for (int64_t c = 0; diff_bias && c < s->oc; c++)
        diff_bias[c] = 0.0;
    for (int64_t i = 0; diff_bias && i < ref_conv_dst_count(s); i++)
        diff_bias[i / plane % s->oc] += (double)diff_dst[i];
}
