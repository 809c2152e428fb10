/*
 * Functions of the C library that networks rarely use, one a line: y = f(x), computed in double;
 * dx = dy f'(x). Where there is no derivative, gradients end.
 */
#include <math.h>

#include "ops/elementwise.h"

typedef struct function {
    double (*value)(double x);
    double (*slope)(double x); /* NULL: none */
} function;

static double minus_sin(double x)
{
    return -sin(x);
}

static double tan_slope(double x)
{
    return 1.0 / (cos(x) * cos(x));
}

static double asin_slope(double x)
{
    return 1.0 / sqrt(1.0 - x * x);
}

static double acos_slope(double x)
{
    return -1.0 / sqrt(1.0 - x * x);
}

static double atan_slope(double x)
{
    return 1.0 / (1.0 + x * x);
}

static double asinh_slope(double x)
{
    return 1.0 / sqrt(1.0 + x * x);
}

static double acosh_slope(double x)
{
    return 1.0 / sqrt(x * x - 1.0);
}

static double atanh_slope(double x)
{
    return 1.0 / (1.0 - x * x);
}

static double sign(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
}

static void value_row(float *const *p, int64_t n, const void *user)
{
    const function *f = user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = (float)f->value((double)p[1][i]);
}

static void slope_row(float *const *p, int64_t n, const void *user)
{
    const function *f = user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = (float)((double)p[1][i] * f->slope((double)p[2][i]));
}

static rf_status forward(rf_step *s)
{
    return rf_unary_forward(s, value_row, s->op->rule);
}

static rf_status backward(rf_step *s)
{
    return rf_unary_backward(s, slope_row, s->op->rule);
}

#define FUNCTION(name, onnx, opset, f, derivative, back)                                           \
    const rf_op rf_op_##name = {                                                                   \
        .onnx_name = onnx,                                                                         \
        .since_opset = opset,                                                                      \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .weight_axis = -1,                                                                         \
        .quant = RF_QUANT_OUTPUT,                                                                  \
        .layout = RF_LAYOUT_ANY,                                                                   \
        .backward_needs = RF_NEEDS_IN(0),                                                          \
        .in_place = true,                                                                          \
        .rule = &(const function){ .value = f, .slope = derivative },                              \
        .infer = rf_unary_infer,                                                                   \
        .forward = forward,                                                                        \
        .backward = back,                                                                          \
    };

FUNCTION(acos, "Acos", 7, acos, acos_slope, backward)
FUNCTION(acosh, "Acosh", 9, acosh, acosh_slope, backward)
FUNCTION(asin, "Asin", 7, asin, asin_slope, backward)
FUNCTION(asinh, "Asinh", 9, asinh, asinh_slope, backward)
FUNCTION(atan, "Atan", 7, atan, atan_slope, backward)
FUNCTION(atanh, "Atanh", 9, atanh, atanh_slope, backward)
FUNCTION(cos, "Cos", 7, cos, minus_sin, backward)
FUNCTION(cosh, "Cosh", 9, cosh, sinh, backward)
FUNCTION(round, "Round", 11, nearbyint, NULL, NULL) /* halves to even */
FUNCTION(sign, "Sign", 9, sign, NULL, NULL)
FUNCTION(sin, "Sin", 7, sin, cos, backward)
FUNCTION(sinh, "Sinh", 9, sinh, cosh, backward)
FUNCTION(tan, "Tan", 7, tan, tan_slope, backward)
