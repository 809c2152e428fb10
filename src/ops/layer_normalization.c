/*
 * LayerNormalization: everything from `axis` on normalized together, times scale, plus bias (may
 * be left out). Outputs 1 and 2: means and 1 / deviations. Opset 17.
 */
#include "ops/normalize.h"
#include "ops/strided.h"

static rf_status check_param(const rf_inference *io, int i)
{
    const rf_shape *x = &io->in[0].shape, *v = &io->in[i].shape;
    rf_shape both;
    char text[2][RF_SHAPE_TEXT];
    if (rf_shape_broadcast(io->ctx, x, v, &both) != RF_OK || !rf_shape_equal(&both, x))
        return rf_infer_fail(io, RF_ESHAPE, "%s %s does not broadcast to the input %s",
                             i == 1 ? "scale" : "bias", rf_shape_text(v, text[0]),
                             rf_shape_text(x, text[1]));
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    rf_shape means = io->in[0].shape;
    int axis;
    RF_TRY(rf_infer_float(io));
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", -1), means.rank, &axis));
    for (int i = 1; i < io->in_count; i++)
        if (io->in[i].present)
            RF_TRY(check_param(io, i));
    for (int d = axis; d < means.rank; d++)
        means.dims[d] = 1;
    RF_TRY(rf_infer_set(io, 0, RF_DTYPE_F32, &io->in[0].shape));
    for (int i = 1; i < io->out_count; i++)
        RF_TRY(rf_infer_set(io, i, RF_DTYPE_F32, &means));
    return RF_OK;
}

static void describe(const rf_step *s, rf_normal *out)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", -1), s->in[0].rank);
    out->epsilon = (double)rf_attr_float(s->node, "epsilon", 1e-5f);
    out->scale = s->in[1];
    out->diff_scale = s->diff_in[1];
    if (s->in_count > 2) {
        out->bias = s->in[2];
        out->diff_bias = s->diff_in[2];
    }
    for (int d = axis; d < s->in[0].rank; d++)
        out->averaged[d] = true;
}

/* Means, then slopes, lie in `saved` as the outputs have them. */
static rf_status forward(rf_step *s)
{
    RF_TRY(rf_normal_forward(s));
    for (int i = 1; i < s->out_count; i++) {
        rf_view *out = &s->out[i], plain;
        const rf_shape shape = rf_view_shape(out);
        if (!out->data)
            continue;
        rf_view_init(&plain, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
        plain.data = (float *)s->saved + (i - 1) * rf_view_count(out);
        rf_strided_copy(&plain, out);
    }
    return RF_OK;
}

static const rf_normalization rule = { .describe = describe };

const rf_op rf_op_layer_normalization = {
    .onnx_name = "LayerNormalization",
    .limits = "no gradient through Mean and InvStdDev",
    .since_opset = 17,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 3,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .roles = { RF_ROLE_NONE, RF_ROLE_BN_SCALE, RF_ROLE_BN_BIAS },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .rule = &rule,
    .infer = infer,
    .prepare = rf_normal_prepare,
    .forward = forward,
    .backward = rf_normal_backward,
};
