/*
 * Clip: y = x within [min, max]; dx = dy where min < y < max, so nothing passes at the bounds (as
 * PyTorch's ReLU6). Bounds are attributes before opset 11, inputs 1 and 2 since. Opset 6.
 */
#include <math.h>

#include "ops/clip.h"
#include "ops/element.h"

static rf_status check_bound(const rf_inference *io, int i)
{
    if (i < io->in_count && io->in[i].present && rf_shape_product(&io->in[i].shape) != 1)
        return rf_infer_fail(io, RF_EMODEL, "bound '%s' must be one number",
                             io->node->inputs[i]->name);
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    RF_TRY(check_bound(io, 1));
    RF_TRY(check_bound(io, 2));
    return rf_unary_infer_number(io);
}

static int64_t read_integer(const rf_step *s, int input, int64_t fallback)
{
    const rf_view *v = input < s->in_count ? &s->in[input] : NULL;
    return v && v->data ? rf_element_i64(v->dtype, v->data, 0) : fallback;
}

/* Shape arithmetic. */
static rf_status integer_forward(rf_step *s)
{
    const int64_t low = read_integer(s, 1, INT64_MIN), high = read_integer(s, 2, INT64_MAX);
    const rf_view *x = &s->in[0], *y = &s->out[0];
    for (int64_t i = 0; i < rf_view_count(x); i++) { /* both dense, in the same order */
        const int64_t value = rf_element_i64(x->dtype, x->data, i),
                      above = value < low ? low : value;
        rf_element_set_i64(y->dtype, y->data, i, above > high ? high : above);
    }
    return RF_OK;
}

static float read_bound(const rf_step *s, int input, const char *attr, float fallback)
{
    if (input < s->in_count && s->in[input].data)
        return rf_view_f32(&s->in[input])[0];
    return rf_attr_float(s->node, attr, fallback);
}

static rf_clip_bounds read_bounds(const rf_step *s)
{
    return (rf_clip_bounds){ read_bound(s, 1, "min", -INFINITY),
                             read_bound(s, 2, "max", INFINITY) };
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const rf_clip_bounds b = *(const rf_clip_bounds *)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = rf_clamp(x[i], b.low, b.high);
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *y = p[2];
    const rf_clip_bounds b = *(const rf_clip_bounds *)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = ((y[i] > b.low) & (y[i] < b.high)) ? dy[i] : 0.0f;
}

/* A function with versions for several instruction sets would be visible outside the library: these are not. */
void rf_clip_row(float *const *p, int64_t n, const void *user)
{
    forward_row(p, n, user);
}

void rf_clip_backward_row(float *const *p, int64_t n, const void *user)
{
    backward_row(p, n, user);
}

static rf_status forward(rf_step *s)
{
    if (s->in[0].dtype != RF_DTYPE_F32)
        return integer_forward(s);
    const rf_clip_bounds b = read_bounds(s);
    return rf_unary_forward(s, rf_clip_row, &b);
}

static rf_status backward(rf_step *s)
{
    const rf_clip_bounds b = read_bounds(s);
    return rf_unary_backward(s, rf_clip_backward_row, &b);
}

const rf_op rf_op_clip = {
    .onnx_name = "Clip",
    .limits = "float32 or integers; bounds of one element",
    .since_opset = 6,
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_OUT(0) | RF_NEEDS_IN(1) | RF_NEEDS_IN(2),
    .in_place = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
