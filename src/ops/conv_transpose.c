/*
 * ConvTranspose over 1, 2 or 3 spatial axes, the gradient of Conv read forward: y[n, o, p stride +
 * k dilation - pad] += x[n, i, p] w[i, o, k], plus bias; channels in groups. Opset 1.
 */
#include <stdio.h>

#include "ops/conv_layer.h"

static rf_status check_size(rf_context *ctx, const rf_node *n, const rf_window *w, int i)
{
    const int64_t room = w->out[i] + w->pad_begin[i] + w->pad_end[i] - rf_window_reach(w, i);
    if (w->out[i] < 1 || room < 0 || room / w->stride[i] + 1 != w->in[i])
        return rf_node_fail(
            ctx, n, RF_ESHAPE,
            "output of %lld on axis %d does not fit an input of %lld with stride %lld (output "
            "padding must be smaller than the stride)",
            (long long)w->out[i], i, (long long)w->in[i], (long long)w->stride[i]);
    return RF_OK;
}

static rf_status place(rf_context *ctx, const rf_node *n, rf_window *w)
{
    int64_t extra[RF_WINDOW_AXES], sizes[RF_WINDOW_AXES];
    const bool sized = rf_node_attr(n, "output_shape") != NULL;
    rf_auto_pad mode = RF_AUTO_PAD_NOTSET;
    RF_TRY(rf_window_auto_pad(ctx, n, &mode));
    RF_TRY(rf_window_ints(ctx, n, "output_padding", w->spatial, 0, 0, extra));
    RF_TRY(rf_window_ints(ctx, n, "output_shape", w->spatial, 0, 0, sizes));
    for (int i = 0; i < w->spatial; i++) {
        const int64_t full = (w->in[i] - 1) * w->stride[i] + rf_window_reach(w, i) + extra[i];
        if (mode == RF_AUTO_PAD_VALID)
            w->pad_begin[i] = w->pad_end[i] = 0;
        w->out[i] = full - w->pad_begin[i] - w->pad_end[i];
        if (sized || mode >= RF_AUTO_PAD_SAME_UPPER) {
            w->out[i] = sized ? sizes[i] : w->in[i] * w->stride[i];
            rf_window_pad(w, i, full - w->out[i], mode == RF_AUTO_PAD_SAME_UPPER);
        }
        RF_TRY(check_size(ctx, n, w, i));
    }
    return RF_OK;
}

static rf_status describe(rf_context *ctx, const rf_node *n, const rf_shape *w, rf_window *window,
                          rf_conv_shape *out)
{
    if (w->dims[0] != out->ic || out->ic % out->groups) {
        char channels[24];
        snprintf(channels, sizeof channels, "%lld", (long long)out->ic);
        return rf_conv_weights_fail(ctx, n, w, channels, out->groups == 1 ? "oc" : "oc / groups",
                                    out->ic, out->groups);
    }
    out->transposed = true;
    out->oc = w->dims[1] * out->groups;
    return place(ctx, n, window);
}

static rf_status infer(rf_inference *io)
{
    return rf_conv_infer(io, describe);
}

static rf_status prepare(rf_step *s)
{
    return rf_conv_prepare(s, describe);
}

/* Every input element is multiplied with each weight of its channel. */
static int64_t macs(const rf_step *s)
{
    return rf_view_count(&s->in[0]) * (rf_view_count(&s->in[1]) / s->in[1].dims[0]);
}

const rf_op rf_op_conv_transpose = {
    .onnx_name = "ConvTranspose",
    .since_opset = 1,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = 1, /* [ic, oc / groups, k...] */
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .roles = { RF_ROLE_NONE, RF_ROLE_WEIGHT, RF_ROLE_BIAS },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .takes_codes = true,
    .infer = infer,
    .prepare = prepare,
    .forward = rf_conv_forward,
    .backward = rf_conv_backward,
    .release = rf_conv_release,
    .macs = macs,
};
