/* ReduceMean: the mean over `axes` (attribute, or input 1 since opset 18). Opset 1. */
#include "ops/reduction.h"
#include "ops/elementwise.h"

/* 1 / number of elements in a mean */
static double factor_of(const rf_step *s)
{
    const int64_t src = rf_view_count(&s->in[0]), dst = rf_view_count(&s->out[0]);
    return src ? (double)dst / (double)src : 0.0;
}

static rf_status forward(rf_step *s)
{
    rf_view kept;
    RF_TRY(rf_reduce_kept(s, &s->out[0], &kept));
    rf_reduce_sum(&s->in[0], &kept, factor_of(s));
    return RF_OK;
}

static void scale_row(float *const *p, int64_t n, const void *user)
{
    const float factor = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] * factor;
}

static rf_status backward(rf_step *s)
{
    const float factor = (float)factor_of(s);
    rf_view kept;
    const rf_view *views[] = { &s->diff_in[0], &kept };
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    RF_TRY(rf_reduce_kept(s, &s->diff_out[0], &kept));
    rf_rows(views, 2, scale_row, &factor);
    return RF_OK;
}

const rf_op rf_op_reduce_mean = {
    .onnx_name = "ReduceMean",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .infer = rf_reduce_infer,
    .forward = forward,
    .backward = backward,
};
