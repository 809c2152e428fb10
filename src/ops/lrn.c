/*
 * LRN: y = x d^-beta, d = bias + alpha / size * sum of x^2 over `size` neighbouring channels. dx_i
 * = dy_i d_i^-beta - 2 alpha beta / size x_i (sum of dy_j y_j / d_j over the channels j that have
 * i for a neighbour). Opset 1.
 */
#include <math.h>

#include "ops/op_util.h"

typedef struct lrn {
    int64_t channels, before, after; /* neighbours on either side */
    float factor, beta, bias;        /* factor: alpha / size */
} lrn;

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_infer_float(io));
    if (io->in[0].shape.rank < 2)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected at least 2",
                             io->in[0].shape.rank);
    if (rf_attr_int(io->node, "size", 0) < 1)
        return rf_infer_fail(io, RF_EMODEL, "size is %lld, expected at least 1",
                             (long long)rf_attr_int(io->node, "size", 0));
    return rf_infer_same(io);
}

static lrn read_attributes(const rf_step *s)
{
    const int64_t size = rf_attr_int(s->node, "size", 1);
    return (lrn){ .channels = s->in[0].dims[1],
                  .before = (size - 1) / 2,
                  .after = size - 1 - (size - 1) / 2,
                  .factor = rf_attr_float(s->node, "alpha", 1e-4f) / (float)size,
                  .beta = rf_attr_float(s->node, "beta", 0.75f),
                  .bias = rf_attr_float(s->node, "bias", 1.0f) };
}

/* Saved: d of each element. */
static rf_status prepare(rf_step *s)
{
    s->saved_bytes = (size_t)rf_view_count(&s->in[0]) * sizeof(float);
    return RF_OK;
}

static int64_t pixels(const rf_step *s)
{
    return s->in[0].dims[1] ? rf_view_count(&s->in[0]) / s->in[0].dims[1] : 0;
}

static void forward_pixel(const lrn *l, const float *x, float *y, float *d)
{
    for (int64_t c = 0; c < l->channels; c++) {
        const int64_t from = c > l->before ? c - l->before : 0;
        const int64_t to = c + l->after < l->channels ? c + l->after : l->channels - 1;
        double sum = 0.0;
        for (int64_t k = from; k <= to; k++)
            sum += (double)x[k] * (double)x[k];
        d[c] = l->bias + l->factor * (float)sum;
        y[c] = x[c] * powf(d[c], -l->beta);
    }
}

static rf_status forward(rf_step *s)
{
    const lrn l = read_attributes(s);
    const float *x = rf_view_f32(&s->in[0]);
    float *y = rf_view_f32(&s->out[0]), *d = s->saved;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < pixels(s); i++)
        forward_pixel(&l, x + i * l.channels, y + i * l.channels, d + i * l.channels);
    return RF_OK;
}

static void backward_pixel(const lrn *l, const float *x, const float *d, const float *dy, float *dx)
{
    for (int64_t c = 0; c < l->channels;
         c++) { /* channel k counts c if c - after <= k <= c + before */
        const int64_t from = c > l->after ? c - l->after : 0;
        const int64_t to = c + l->before < l->channels ? c + l->before : l->channels - 1;
        double sum = 0.0;
        for (int64_t k = from; k <= to; k++)
            sum += (double)dy[k] * (double)x[k] * pow((double)d[k], -(double)l->beta - 1.0);
        dx[c] = dy[c] * powf(d[c], -l->beta) - 2.0f * l->factor * l->beta * x[c] * (float)sum;
    }
}

static rf_status backward(rf_step *s)
{
    const lrn l = read_attributes(s);
    const float *x = rf_view_f32(&s->in[0]), *d = s->saved, *dy = rf_view_f32(&s->diff_out[0]);
    float *dx = rf_view_f32(&s->diff_in[0]);
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < pixels(s); i++)
        backward_pixel(&l, x + i * l.channels, d + i * l.channels, dy + i * l.channels,
                       dx + i * l.channels);
    return RF_OK;
}

const rf_op rf_op_lrn = {
    .onnx_name = "LRN",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .backward_needs = RF_NEEDS_IN(0),
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
