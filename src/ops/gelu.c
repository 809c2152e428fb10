/*
 * Gelu: y = x c(x), c the cumulative normal distribution (1 + erf(x / sqrt(2))) / 2, or, where
 * approximate = "tanh", (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3). dx = dy (c +
 * x c'). Opset 20, and the first form spelt out before.
 */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"

#define SQRT_HALF 0.707106781f
#define INVERSE_SQRT_2_PI 0.398942280f
#define SQRT_2_OVER_PI 0.797884561f
#define CUBIC 0.044715f

static bool is_tanh(const rf_node *n)
{
    return strcmp(rf_attr_string(n, "approximate", "none"), "tanh") == 0;
}

static rf_status infer(rf_inference *io)
{
    const char *approximate = rf_attr_string(io->node, "approximate", "none");
    if (strcmp(approximate, "none") != 0 && !is_tanh(io->node))
        return rf_infer_fail(io, RF_EMODEL, "approximate '%s', expected none or tanh", approximate);
    return rf_unary_infer(io);
}

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * (0.5f + 0.5f * erff(x[i] * SQRT_HALF));
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float c = 0.5f + 0.5f * erff(x[i] * SQRT_HALF);
        dx[i] = dy[i] * (c + x[i] * INVERSE_SQRT_2_PI * expf(-0.5f * x[i] * x[i]));
    }
}

RF_MULTIARCH static void tanh_forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float u = SQRT_2_OVER_PI * x[i] * (1.0f + CUBIC * x[i] * x[i]);
        y[i] = x[i] * (0.5f + 0.5f * tanhf(u));
    }
}

RF_MULTIARCH static void tanh_backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *x = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float square = CUBIC * x[i] * x[i],
                    t = tanhf(SQRT_2_OVER_PI * x[i] * (1.0f + square));
        const float slope = SQRT_2_OVER_PI * (1.0f + 3.0f * square);
        dx[i] = dy[i] * (0.5f + 0.5f * t + 0.5f * x[i] * (1.0f - t * t) * slope);
    }
}

static rf_status forward(rf_step *s)
{
    return rf_unary_forward(s, is_tanh(s->node) ? tanh_forward_row : forward_row, NULL);
}

static rf_status backward(rf_step *s)
{
    return rf_unary_backward(s, is_tanh(s->node) ? tanh_backward_row : backward_row, NULL);
}

const rf_op rf_op_gelu = {
    .onnx_name = "Gelu",
    .since_opset = 20,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
