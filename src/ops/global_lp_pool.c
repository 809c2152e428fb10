/*
 * GlobalLpPool: y = (sum |x|^p)^(1 / p) of each channel; dx = dy sign(x) (|x| / y)^(p - 1). Opset
 * 2.
 */
#include <math.h>

#include "ops/reduction.h"

static rf_status infer(rf_inference *io)
{
    rf_shape dst = io->in[0].shape;
    RF_TRY(rf_infer_float(io));
    if (dst.rank < 3)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected at least 3", dst.rank);
    if (rf_attr_int(io->node, "p", 2) < 1)
        return rf_infer_fail(io, RF_EMODEL, "p is %lld, expected at least 1",
                             (long long)rf_attr_int(io->node, "p", 2));
    for (int d = 2; d < dst.rank; d++)
        dst.dims[d] = 1;
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

static void power_row(float *const *p, int64_t n, const void *user)
{
    const float power = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = powf(fabsf(p[1][i]), power);
}

static void root_row(float *const *p, int64_t n, const void *user)
{
    const float power = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = powf(p[1][i], 1.0f / power);
}

/* p: dx, dy, x, y */
static void slope_row(float *const *p, int64_t n, const void *user)
{
    const float power = *(const float *)user;
    for (int64_t i = 0; i < n; i++) {
        const float x = p[2][i], y = p[3][i];
        const float share = y > 0.0f ? powf(fabsf(x) / y, power - 1.0f) : 0.0f;
        p[0][i] = x > 0.0f ? p[1][i] * share : x < 0.0f ? -p[1][i] * share : 0.0f;
    }
}

static rf_status forward(rf_step *s)
{
    const float power = (float)rf_attr_int(s->node, "p", 2);
    const rf_view *x = &s->in[0], *y = &s->out[0], mapped = rf_reduce_scratch(s, x);
    const rf_view *powers[] = { &mapped, x }, *roots[] = { y, y };
    rf_rows(powers, 2, power_row, &power);
    rf_reduce_sum(&mapped, y, 1.0);
    rf_rows(roots, 2, root_row, &power);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const float power = (float)rf_attr_int(s->node, "p", 2);
    const rf_view *views[] = { &s->diff_in[0], &s->diff_out[0], &s->in[0], &s->out[0] };
    if (rf_step_has_gradient(s, 0))
        rf_rows(views, 4, slope_row, &power);
    return RF_OK;
}

const rf_op rf_op_global_lp_pool = {
    .onnx_name = "GlobalLpPool",
    .since_opset = 2,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_OUT(0),
    .infer = infer,
    .prepare = rf_reduce_prepare,
    .forward = forward,
    .backward = backward,
};
