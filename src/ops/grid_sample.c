/*
 * GridSample: pixels of an image at places that a grid names, from -1 to 1 across it; nearest,
 * bilinear or bicubic, borders by zeros, the border's pixels, or reflection. Opset 16.
 */
#include <math.h>
#include <string.h>

#include "ops/op_util.h"

typedef enum sampling { NEAREST, BILINEAR, BICUBIC, NO_SAMPLING } sampling;
typedef enum border { ZEROS, BORDER, REFLECTION, NO_BORDER } border;

typedef struct grid_sample {
    sampling mode;
    border border;
    bool align;
} grid_sample;

static int find(const char *name, const char *const *names, int count)
{
    int i = 0;
    while (i < count && strcmp(name, names[i]) != 0)
        i++;
    return i;
}

static grid_sample read_rule(const rf_node *n)
{
    static const char *const modes[] = { "nearest", "bilinear", "bicubic", "linear", "cubic" };
    static const char *const borders[] = { "zeros", "border", "reflection" };
    const int mode = find(rf_attr_string(n, "mode", "bilinear"), modes, 5);
    return (grid_sample){ .mode = mode == 5  ? NO_SAMPLING
                                  : mode > 2 ? (sampling)(mode - 2)
                                             : (sampling)mode,
                          .border =
                              (border)find(rf_attr_string(n, "padding_mode", "zeros"), borders, 3),
                          .align = rf_attr_int(n, "align_corners", 0) != 0 };
}

static rf_status infer(rf_inference *io)
{
    char xs[RF_SHAPE_TEXT], gs[RF_SHAPE_TEXT];
    const rf_shape *x = &io->in[0].shape, *g = &io->in[1].shape;
    const grid_sample rule = read_rule(io->node);
    RF_TRY(rf_infer_float(io));
    if (rule.mode == NO_SAMPLING || rule.border == NO_BORDER)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "mode '%s' with padding_mode '%s'",
                             rf_attr_string(io->node, "mode", "bilinear"),
                             rf_attr_string(io->node, "padding_mode", "zeros"));
    if (x->rank != 4 || g->rank != 4 || x->dims[0] != g->dims[0] || g->dims[3] != 2)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "input is %s, grid %s; refold has [n, c, h, w] and [n, h, w, 2]",
                             rf_shape_text(x, xs), rf_shape_text(g, gs));
    const rf_shape dst = { .rank = 4, .dims = { x->dims[0], x->dims[1], g->dims[1], g->dims[2] } };
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

/* From -1...1 to pixels. */
static double place(const grid_sample *r, float at, int64_t n)
{
    const double a = (double)at;
    return r->align ? (a + 1.0) / 2.0 * (double)(n - 1) : ((a + 1.0) * (double)n - 1.0) / 2.0;
}

/* Mirror x into [low, high]. */
static double reflect(double x, double low, double high)
{
    const double range = high - low;
    if (range <= 0.0)
        return low;
    const double away = fabs(x - low), turns = floor(away / range), rest = away - turns * range;
    return fmod(turns, 2.0) == 0.0 ? low + rest : high - rest;
}

static double limited(double x, int64_t n)
{
    return x < 0.0 ? 0.0 : x > (double)(n - 1) ? (double)(n - 1) : x;
}

/* The index that stands for pixel x of a line of n; -1: zero. */
static int64_t pixel(const grid_sample *r, double x, int64_t n)
{
    if (!(fabs(x) < 1e15))
        return -1;
    if (r->border == ZEROS)
        return x >= 0.0 && x <= (double)(n - 1) ? (int64_t)x : -1;
    if (r->border == REFLECTION)
        x = r->align ? reflect(x, 0.0, (double)(n - 1)) : reflect(x, -0.5, (double)n - 0.5);
    return (int64_t)limited(x, n);
}

static double cubic(double x)
{
    const double a = -0.75, d = fabs(x);
    if (d < 1.0)
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    return d < 2.0 ? (((d - 5.0) * d + 8.0) * d - 4.0) * a : 0.0;
}

/* Taps along one axis: up to four pixels and their weights; returns how many. */
static int taps(const grid_sample *r, double x, int64_t n, int64_t *index, double *weight)
{
    if (r->mode != BICUBIC && r->border == BORDER) /* what is outside moves to the border first */
        x = limited(x, n);
    if (r->mode != BICUBIC && r->border == REFLECTION)
        x = limited(r->align ? reflect(x, 0.0, (double)(n - 1)) : reflect(x, -0.5, (double)n - 0.5),
                    n);
    const double base = r->mode == NEAREST ? nearbyint(x) : floor(x);
    const int before = r->mode == BICUBIC ? 1 : 0;
    const int count = r->mode == NEAREST ? 1 : r->mode == BILINEAR ? 2 : 4;
    for (int k = 0; k < count; k++) {
        const double at = base + (double)(k - before);
        index[k] = pixel(r, at, n);
        weight[k] = r->mode == NEAREST    ? 1.0
                    : r->mode == BILINEAR ? fmax(0.0, 1.0 - fabs(at - x))
                                          : cubic(at - x);
    }
    return count;
}

static void sample(const grid_sample *r, const rf_view *x, const float *at, const float *src,
                   float *dst, int64_t dst_step)
{
    const int64_t h = x->dims[2], w = x->dims[3];
    int64_t ix[4], iy[4];
    double wx[4], wy[4];
    const int nx = taps(r, place(r, at[0], w), w, ix, wx),
              ny = taps(r, place(r, at[1], h), h, iy, wy);
    for (int64_t c = 0; c < x->dims[1]; c++, src += h * w) {
        double sum = 0.0;
        for (int j = 0; j < ny; j++)
            for (int i = 0; i < nx; i++)
                if (ix[i] >= 0 && iy[j] >= 0)
                    sum += wy[j] * wx[i] * (double)src[iy[j] * w + ix[i]];
        dst[c * dst_step] = (float)sum;
    }
}

static rf_status forward(rf_step *s)
{
    const grid_sample r = read_rule(s->node);
    const rf_view *x = &s->in[0], *y = &s->out[0];
    const int64_t places = y->dims[2] * y->dims[3], image = x->dims[1] * x->dims[2] * x->dims[3];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < y->dims[0] * places; i++)
        sample(&r, x, rf_view_f32(&s->in[1]) + 2 * i, rf_view_f32(x) + i / places * image,
               rf_view_f32(y) + i / places * y->dims[1] * places + i % places, places);
    return RF_OK;
}

const rf_op rf_op_grid_sample = {
    .onnx_name = "GridSample",
    .limits = "images only, no volumes",
    .since_opset = 16,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
