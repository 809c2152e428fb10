/*
 * Conv over 1, 2 or 3 spatial axes: y[n, o, p] = bias[o] + sum over i, k of x[n, i, p stride + k
 * dilation - pad] w[o, i, k], channels in groups. Opset 1.
 */
#include <stdio.h>

#include "ops/conv_layer.h"

static rf_status describe(rf_context *ctx, const rf_node *n, const rf_shape *w, rf_window *window,
                          rf_conv_shape *out)
{
    out->oc = w->dims[0];
    if (out->ic % out->groups)
        return rf_node_fail(ctx, n, RF_ESHAPE,
                            "%lld input channels cannot be split into %lld groups",
                            (long long)out->ic, (long long)out->groups);
    if (w->dims[1] != out->ic / out->groups || out->oc % out->groups) {
        char channels[24];
        snprintf(channels, sizeof channels, "%lld", (long long)(out->ic / out->groups));
        return rf_conv_weights_fail(ctx, n, w, out->groups == 1 ? "oc" : "groups * oc", channels,
                                    out->ic, out->groups);
    }
    return rf_window_slide(ctx, n, window);
}

static rf_status infer(rf_inference *io)
{
    return rf_conv_infer(io, describe);
}

static bool int8(rf_context *ctx, const rf_node *n, const rf_shape *x, const rf_shape *w,
                 rf_int8_layer *out)
{
    return rf_conv_int8(ctx, n, x, w, describe, out);
}

static rf_status prepare(rf_step *s)
{
    return rf_conv_prepare(s, describe);
}

/* Every output element takes one multiply-add for each weight of its channel. */
static int64_t macs(const rf_step *s)
{
    return rf_view_count(&s->out[0]) * (rf_view_count(&s->in[1]) / s->in[1].dims[0]);
}

const rf_op rf_op_conv = {
    .onnx_name = "Conv",
    .since_opset = 1,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = 0,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .roles = { RF_ROLE_NONE, RF_ROLE_WEIGHT, RF_ROLE_BIAS },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .takes_codes = true,
    .infer = infer,
    .int8 = int8,
    .prepare = prepare,
    .forward = rf_conv_forward,
    .backward = rf_conv_backward,
    .release = rf_conv_release,
    .macs = macs,
};
