/*
 * What Keras computes, naively, with its own order of dims: [batch, d, h, w, channels], where layers of fewer spatial dims
 * have 1 in front. Written from Keras' and TensorFlow's documentation, apart from refold's code.
 */
#ifndef RF_TESTS_KERAS_REFERENCE_H
#define RF_TESTS_KERAS_REFERENCE_H

#include "testing.h"

typedef struct map {
    int64_t n, d, h, w, c;
    float *data;
} map;

static inline map new_map(int64_t n, int64_t d, int64_t h, int64_t w, int64_t c)
{
    map m = { n, d, h, w, c, NULL };
    m.data = calloc((size_t)(n * d * h * w * c) + 1, sizeof *m.data);
    return m;
}

static inline float *at(const map *m, int64_t n, int64_t d, int64_t h, int64_t w, int64_t c)
{
    return &m->data[(((n * m->d + d) * m->h + h) * m->w + w) * m->c + c];
}

static inline int64_t count_of(const map *m)
{
    return m->n * m->d * m->h * m->w * m->c;
}

typedef struct window {
    int64_t kernel[3], stride[3], dilation[3]; /* d, h, w */
    bool same;
    int64_t groups;
} window;

static inline window window_of(int64_t kh, int64_t kw, int64_t stride, int64_t dilation, bool same)
{
    return (window){ { 1, kh, kw }, { 1, stride, stride }, { 1, dilation, dilation }, same, 1 };
}

static inline int64_t out_size(int64_t in, const window *p, int i)
{
    const int64_t extent = (p->kernel[i] - 1) * p->dilation[i] + 1;
    return p->same ? (in + p->stride[i] - 1) / p->stride[i] : (in - extent) / p->stride[i] + 1;
}

static inline int64_t pad_before(int64_t in, const window *p, int i)
{
    const int64_t extent = (p->kernel[i] - 1) * p->dilation[i] + 1;
    const int64_t all = (out_size(in, p, i) - 1) * p->stride[i] + extent - in;
    return p->same && all > 0 ? all / 2 : 0;
}

/* Visits every element of a window that lies inside of the source. */
#define FOR_WINDOW(src, p, y, kz, ky, kx, iz, iy, ix)                                              \
    for (int64_t kz = 0; kz < (p)->kernel[0]; kz++)                                                \
        for (int64_t ky = 0; ky < (p)->kernel[1]; ky++)                                            \
            for (int64_t kx = 0, iz, iy, ix; kx < (p)->kernel[2]; kx++)                            \
                if ((iz = (y)[0] * (p)->stride[0] + kz * (p)->dilation[0] -                        \
                          pad_before((src)->d, p, 0)) >= 0 &&                                      \
                    iz < (src)->d &&                                                               \
                    (iy = (y)[1] * (p)->stride[1] + ky * (p)->dilation[1] -                        \
                          pad_before((src)->h, p, 1)) >= 0 &&                                      \
                    iy < (src)->h &&                                                               \
                    (ix = (y)[2] * (p)->stride[2] + kx * (p)->dilation[2] -                        \
                          pad_before((src)->w, p, 2)) >= 0 &&                                      \
                    ix < (src)->w)

#define FOR_MAP(m, n_, y, c_)                                                                      \
    for (int64_t n_ = 0; n_ < (m)->n; n_++)                                                        \
        for (int64_t y0_ = 0; y0_ < (m)->d; y0_++)                                                 \
            for (int64_t y1_ = 0; y1_ < (m)->h; y1_++)                                             \
                for (int64_t y2_ = 0; y2_ < (m)->w; y2_++)                                         \
                    for (int64_t c_ = 0, y[3] = { y0_, y1_, y2_ }; c_ < (m)->c; c_++)

/* kernel [kd, kh, kw, in / groups, out] */
static inline map ref_conv(const map *x, const window *p, const float *kernel, const float *bias,
                           int64_t out)
{
    map y = new_map(x->n, out_size(x->d, p, 0), out_size(x->h, p, 1), out_size(x->w, p, 2), out);
    const int64_t in = x->c / p->groups, per_group = out / p->groups;
    FOR_MAP(&y, n, o, c)
    {
        double sum = bias ? (double)bias[c] : 0.0;
        FOR_WINDOW(x, p, o, kz, ky, kx, iz, iy, ix)
        for (int64_t i = 0; i < in; i++)
            sum +=
                (double)*at(x, n, iz, iy, ix, c / per_group * in + i) *
                (double)kernel[(((kz * p->kernel[1] + ky) * p->kernel[2] + kx) * in + i) * out + c];
        *at(&y, n, o[0], o[1], o[2], c) = (float)sum;
    }
    return y;
}

/* kernel [kd, kh, kw, in, multiplier] */
static inline map ref_depthwise(const map *x, const window *p, const float *kernel,
                                const float *bias, int64_t multiplier)
{
    map y = new_map(x->n, out_size(x->d, p, 0), out_size(x->h, p, 1), out_size(x->w, p, 2),
                    x->c * multiplier);
    FOR_MAP(&y, n, o, c)
    {
        double sum = bias ? (double)bias[c] : 0.0;
        const int64_t i = c / multiplier, m = c % multiplier;
        FOR_WINDOW(x, p, o, kz, ky, kx, iz, iy, ix)
        sum += (double)*at(x, n, iz, iy, ix, i) *
               (double)
                   kernel[(((kz * p->kernel[1] + ky) * p->kernel[2] + kx) * x->c + i) * multiplier +
                          m];
        *at(&y, n, o[0], o[1], o[2], c) = (float)sum;
    }
    return y;
}

/* The gradient of the convolution that makes x out of y; kernel [kd, kh, kw, out, in]. */
static inline map ref_conv_transpose(const map *x, const window *p, const float *kernel,
                                     const float *bias, int64_t out)
{
    const int64_t size[3] = { x->d, x->h, x->w };
    int64_t full[3];
    for (int i = 0; i < 3; i++) {
        const int64_t extent = (p->kernel[i] - 1) * p->dilation[i] + 1;
        const int64_t more = extent > p->stride[i] ? extent - p->stride[i] : 0;
        full[i] = size[i] * p->stride[i] + (p->same ? 0 : more);
    }
    map y = new_map(x->n, full[0], full[1], full[2], out);
    for (int64_t i = 0; bias && i < count_of(&y); i++)
        y.data[i] = bias[i % out];
    FOR_MAP(x, n, o, i)
    FOR_WINDOW(&y, p, o, kz, ky, kx, iz, iy, ix)
    for (int64_t c = 0; c < out; c++)
        *at(&y, n, iz, iy, ix, c) +=
            *at(x, n, o[0], o[1], o[2], i) *
            kernel[(((kz * p->kernel[1] + ky) * p->kernel[2] + kx) * out + c) * x->c + i];
    return y;
}

static inline map ref_pool(const map *x, const window *p, bool max)
{
    map y = new_map(x->n, out_size(x->d, p, 0), out_size(x->h, p, 1), out_size(x->w, p, 2), x->c);
    FOR_MAP(&y, n, o, c)
    {
        double sum = 0.0, most = -INFINITY, seen = 0.0;
        FOR_WINDOW(x, p, o, kz, ky, kx, iz, iy, ix)
        {
            const double v = (double)*at(x, n, iz, iy, ix, c);
            sum += v;
            most = v > most ? v : most;
            seen += 1.0;
        }
        *at(&y, n, o[0], o[1], o[2], c) = (float)(max ? most : sum / seen);
    }
    return y;
}

#endif
