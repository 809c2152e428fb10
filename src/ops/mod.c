/*
 * Mod: the rest of a / b with NumPy broadcasting: with the sign of b, or of a where attribute fmod
 * says so, as it must for floats. No gradient. Opset 10.
 */
#include <math.h>

#include "ops/element.h"
#include "ops/elementwise.h"

static rf_status infer(rf_inference *io)
{
    const rf_dtype dtype = io->in[0].dtype;
    if (dtype == RF_DTYPE_F64 || dtype == RF_DTYPE_F16)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "inputs are %s; refold computes it in float32 or integers",
                             rf_dtype_name(dtype));
    if (dtype == RF_DTYPE_F32 && !rf_attr_int(io->node, "fmod", 0))
        return rf_infer_fail(io, RF_EMODEL, "inputs are float32 and attribute fmod is not 1");
    return rf_binary_infer_shape(io);
}

static void float_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = fmodf(p[1][i], p[2][i]);
}

static int64_t truncated(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b; /* the smallest integer has no negative */
}

static int64_t floored(int64_t a, int64_t b)
{
    const int64_t rest = truncated(a, b);
    return rest && (rest < 0) != (b < 0) ? rest + b : rest;
}

static rf_status forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    if (s->out[0].dtype == RF_DTYPE_F32) {
        rf_rows(views, 3, float_row, NULL);
        return RF_OK;
    }
    RF_TRY(rf_refuse_zeros(s, &s->in[1]));
    rf_integer_rows(views, rf_attr_int(s->node, "fmod", 0) ? truncated : floored);
    return RF_OK;
}

const rf_op rf_op_mod = {
    .onnx_name = "Mod",
    .limits = "float32 or integers",
    .since_opset = 10,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
};
