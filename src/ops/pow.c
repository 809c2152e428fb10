/* Pow: y = a^b with NumPy broadcasting; db counts only where a > 0. Opset 7. */
#include <math.h>

#include "ops/element.h"
#include "ops/elementwise.h"
#include "ops/strided.h"

/* Since opset 12 the exponent may be of another dtype than the base. */
static bool alike(const rf_step *s)
{
    return s->in[0].dtype == RF_DTYPE_F32 && s->in[1].dtype == RF_DTYPE_F32;
}

static bool is_number(rf_dtype dtype)
{
    return dtype == RF_DTYPE_F32 || rf_dtype_is_integer(dtype);
}

static rf_status infer(rf_inference *io)
{
    rf_shape shape;
    for (int i = 0; i < 2; i++)
        if (!is_number(io->in[i].dtype))
            return rf_infer_fail(io, RF_EUNSUPPORTED,
                                 "input %d is %s; refold computes it in float32 or integers", i,
                                 rf_dtype_name(io->in[i].dtype));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[0].shape, &io->in[1].shape, &shape));
    return rf_infer_set(io, 0, io->in[0].dtype, &shape);
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *a = p[1], *b = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = powf(a[i], b[i]);
}

RF_MULTIARCH static void diff_a_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1], *a = p[2], *b = p[3];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = b[i] == 0.0f ? 0.0f : dy[i] * b[i] * powf(a[i], b[i] - 1.0f);
}

RF_MULTIARCH static void diff_b_row(float *const *p, int64_t n, const void *user)
{
    float *diff = p[0];
    const float *dy = p[1], *a = p[2], *b = p[3];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        diff[i] = a[i] > 0.0f ? dy[i] * powf(a[i], b[i]) * logf(a[i]) : 0.0f;
}

/* Rows: y, a, b of any dtypes. */
static void mixed_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const rf_step *s = user;
    const rf_dtype a = s->in[0].dtype, b = s->in[1].dtype;
    for (int64_t i = 0; i < n; i++)
        rf_element_set_f64(a, data[0], i * strides[0],
                           pow(rf_element_f64(a, data[1], i * strides[1]),
                               rf_element_f64(b, data[2], i * strides[2])));
}

static rf_status forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    rf_loop loop;
    if (alike(s))
        return rf_binary_forward(s);
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, mixed_row, s);
    return RF_OK;
}

/* Scratch: what rf_binary_prepare asks for, and behind it the exponent as floats. */
static rf_status prepare(rf_step *s)
{
    RF_TRY(rf_binary_prepare(s));
    if (!alike(s) && s->mode == RF_MODE_TRAIN)
        s->scratch_bytes =
            (size_t)(rf_view_count(&s->out[0]) + rf_view_count(&s->in[1])) * sizeof(float);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const rf_view exponent = s->in[1];
    float *floats = (float *)s->scratch + rf_view_count(&s->out[0]);
    if (alike(s))
        return rf_binary_backward(s);
    for (int64_t i = 0; i < rf_view_count(&exponent); i++) /* dense, in whatever order */
        floats[i] = (float)rf_element_f64(exponent.dtype, exponent.data, i);
    s->in[1].dtype = RF_DTYPE_F32;
    s->in[1].data = floats;
    const rf_status st = rf_binary_backward(s);
    s->in[1] = exponent;
    return st;
}

static const rf_binary rule = { .forward = forward_row,
                                .diff_a = diff_a_row,
                                .diff_b = diff_b_row };

const rf_op rf_op_pow = {
    .onnx_name = "Pow",
    .limits = "float32 or integers",
    .since_opset = 7,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .rule = &rule,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
