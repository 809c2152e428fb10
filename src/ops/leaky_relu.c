/*
 * LeakyRelu: y = x for x > 0, else alpha x; dx = dy, or alpha dy. Opset 6. Backward tells the sides
 * apart by y; where alpha is negative, y does not say, and x is saved.
 */
#include "ops/elementwise.h"
#include "ops/strided.h"

RF_MULTIARCH static void forward_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *x = p[1];
    const float alpha = *(const float *)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : alpha * x[i];
}

RF_MULTIARCH static void backward_row(float *const *p, int64_t n, const void *user)
{
    float *dx = p[0];
    const float *dy = p[1], *side = p[2];
    const float alpha = *(const float *)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = side[i] > 0.0f ? dy[i] : alpha * dy[i];
}

static const rf_unary_rule rule = { .forward = forward_row, .numbers = { { "alpha", 0.01f } } };

static bool saves_input(const rf_step *s)
{
    return s->mode == RF_MODE_TRAIN && rf_attr_float(s->node, "alpha", 0.01f) < 0.0f;
}

static rf_view saved_input(const rf_step *s)
{
    rf_view x = s->in[0];
    x.data = s->saved;
    return x;
}

static rf_status prepare(rf_step *s)
{
    if (saves_input(s))
        s->saved_bytes = (size_t)rf_view_count(&s->in[0]) * sizeof(float);
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    const rf_view x = saved_input(s);
    if (saves_input(s))
        rf_strided_copy(&s->in[0], &x);
    return rf_unary_rule_forward(s);
}

static rf_status backward(rf_step *s)
{
    const float alpha = rf_attr_float(s->node, "alpha", 0.01f);
    const rf_view x = saved_input(s);
    const rf_view *views[] = { &s->diff_in[0], &s->diff_out[0], saves_input(s) ? &x : &s->out[0] };
    if (rf_step_has_gradient(s, 0))
        rf_rows(views, 3, backward_row, &alpha);
    return RF_OK;
}

const rf_op rf_op_leaky_relu = {
    .onnx_name = "LeakyRelu",
    .since_opset = 6,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_OUT(0),
    .in_place = true,
    .rule = &rule,
    .infer = rf_unary_infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
