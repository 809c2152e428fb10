/*
 * LpPool over 1, 2 or 3 spatial axes: y = (sum |x|^p)^(1 / p) of each window; dx = sum of dy
 * sign(x) (|x| / y)^(p - 1) over the windows with x. Opset 2.
 */
#include <math.h>
#include <string.h>

#include "ops/pool.h"

static rf_status infer(rf_inference *io)
{
    if (rf_attr_int(io->node, "p", 2) < 1)
        return rf_infer_fail(io, RF_EMODEL, "p is %lld, expected at least 1",
                             (long long)rf_attr_int(io->node, "p", 2));
    return rf_pool_infer(io);
}

/* The input pixel under cell k of the window at `place`; false outside the input. */
static bool find_pixel(const rf_pool_shape *p, int64_t place, int64_t k, int64_t *pixel_out)
{
    int64_t pixel = 0, at[3], cell[3];
    for (int a = 2; a >= 0; a--) {
        at[a] = place % p->out[a];
        cell[a] = k % p->kernel[a];
        place /= p->out[a];
        k /= p->kernel[a];
    }
    for (int a = 0; a < 3; a++) {
        const int64_t x = at[a] * p->stride[a] - p->pad_begin[a] + cell[a] * p->dilation[a];
        if (x < 0 || x >= p->in[a])
            return false;
        pixel = pixel * p->in[a] + x;
    }
    *pixel_out = pixel;
    return true;
}

static int64_t volume(const int64_t *dims)
{
    return dims[0] * dims[1] * dims[2];
}

static void forward_image(const rf_pool_shape *p, float power, const float *x, float *y)
{
    for (int64_t place = 0; place < volume(p->out); place++, y += p->c) {
        int64_t pixel;
        memset(y, 0, (size_t)p->c * sizeof *y);
        for (int64_t k = 0; k < volume(p->kernel); k++)
            if (find_pixel(p, place, k, &pixel))
                for (int64_t c = 0; c < p->c; c++)
                    y[c] += powf(fabsf(x[pixel * p->c + c]), power);
        for (int64_t c = 0; c < p->c; c++)
            y[c] = powf(y[c], 1.0f / power);
    }
}

static void backward_image(const rf_pool_shape *p, float power, const float *x, const float *y,
                           const float *dy, float *dx)
{
    memset(dx, 0, (size_t)(volume(p->in) * p->c) * sizeof *dx);
    for (int64_t place = 0; place < volume(p->out); place++, y += p->c, dy += p->c) {
        int64_t pixel;
        for (int64_t k = 0; k < volume(p->kernel); k++) {
            if (!find_pixel(p, place, k, &pixel))
                continue;
            for (int64_t c = 0; c < p->c; c++) {
                const float at = x[pixel * p->c + c];
                const float share = y[c] > 0.0f ? powf(fabsf(at) / y[c], power - 1.0f) : 0.0f;
                dx[pixel * p->c + c] += at > 0.0f   ? dy[c] * share
                                        : at < 0.0f ? -dy[c] * share
                                                    : 0.0f;
            }
        }
    }
}

static rf_status forward(rf_step *s)
{
    const rf_pool_shape *p = s->state;
    const float power = (float)rf_attr_int(s->node, "p", 2);
    const float *x = rf_view_f32(&s->in[0]);
    float *y = rf_view_f32(&s->out[0]);
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < p->n; n++)
        forward_image(p, power, x + n * volume(p->in) * p->c, y + n * volume(p->out) * p->c);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const rf_pool_shape *p = s->state;
    const float power = (float)rf_attr_int(s->node, "p", 2);
    const float *x = rf_view_f32(&s->in[0]), *y = rf_view_f32(&s->out[0]),
                *dy = rf_view_f32(&s->diff_out[0]);
    float *dx = rf_view_f32(&s->diff_in[0]);
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < p->n; n++) {
        const int64_t in = n * volume(p->in) * p->c, out = n * volume(p->out) * p->c;
        backward_image(p, power, x + in, y + out, dy + out, dx + in);
    }
    return RF_OK;
}

const rf_op rf_op_lp_pool = {
    .onnx_name = "LpPool",
    .since_opset = 2,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_OUT(0),
    .infer = infer,
    .prepare = rf_pool_prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
