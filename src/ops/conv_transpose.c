/*
 * ConvTranspose over 1, 2 or 3 spatial axes, the gradient of Conv read forward: y[n, o, p stride +
 * k dilation - pad] += x[n, i, p] w[i, o, k], plus bias; channels in groups. Opset 1.
 */
#include <stdio.h>
#include <string.h>

#include "ops/conv_layer.h"

/* Integers of an optional attribute, one an axis; NULL where it is absent. */
static rf_status read_axes(rf_context *ctx, const rf_node *n, const char *name, int spatial,
                           const int64_t **out)
{
    int64_t count = 0;
    *out = rf_attr_ints(n, name, &count);
    if (*out && count != spatial)
        return rf_node_fail(ctx, n, RF_EMODEL, "attribute %s has %lld numbers, expected %d", name,
                            (long long)count, spatial);
    for (int i = 0; *out && i < spatial; i++)
        if ((*out)[i] < 0 || (*out)[i] > INT32_MAX)
            return rf_node_fail(ctx, n, RF_EMODEL, "attribute %s has %lld, expected at least 0",
                                name, (long long)(*out)[i]);
    return RF_OK;
}

/*
 * The pads that give `size`; the odd one at the end where the mode is SAME_UPPER, else at the
 * beginning.
 */
static void pad_to(rf_conv_shape *s, int i, int64_t full, int64_t size, bool upper)
{
    const int64_t total = full > size ? full - size : 0;
    s->out[i] = size;
    s->pad_begin[i] = upper ? total / 2 : total - total / 2;
    s->pad_end[i] = total - s->pad_begin[i];
}

static rf_status check_size(rf_context *ctx, const rf_node *n, const rf_conv_shape *s, int i)
{
    const int64_t reach = s->dilation[i] * (s->kernel[i] - 1) + 1;
    const int64_t room = s->out[i] + s->pad_begin[i] + s->pad_end[i] - reach;
    if (s->out[i] < 1 || room < 0 || room / s->stride[i] + 1 != s->in[i])
        return rf_node_fail(
            ctx, n, RF_ESHAPE,
            "output of %lld on axis %d does not fit an input of %lld with stride %lld (output "
            "padding must be smaller than the stride)",
            (long long)s->out[i], i, (long long)s->in[i], (long long)s->stride[i]);
    return RF_OK;
}

static rf_status place(rf_context *ctx, const rf_node *n, rf_conv_shape *s)
{
    const int64_t *extra, *sizes;
    const char *mode = rf_attr_string(n, "auto_pad", "NOTSET");
    const bool upper = !strcmp(mode, "SAME_UPPER"), same = upper || !strcmp(mode, "SAME_LOWER");
    if (!same && *mode && strcmp(mode, "NOTSET") != 0 && strcmp(mode, "VALID") != 0)
        return rf_node_fail(ctx, n, RF_EMODEL,
                            "auto_pad is '%s', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID",
                            mode);
    RF_TRY(read_axes(ctx, n, "output_padding", s->spatial, &extra));
    RF_TRY(read_axes(ctx, n, "output_shape", s->spatial, &sizes));
    for (int i = 0; i < s->spatial; i++) {
        const int64_t full = (s->in[i] - 1) * s->stride[i] + s->dilation[i] * (s->kernel[i] - 1) +
                             1 + (extra ? extra[i] : 0);
        if (!strcmp(mode, "VALID"))
            s->pad_begin[i] = s->pad_end[i] = 0;
        if (sizes || same)
            pad_to(s, i, full, sizes ? sizes[i] : s->in[i] * s->stride[i], upper);
        else
            s->out[i] = full - s->pad_begin[i] - s->pad_end[i];
        RF_TRY(check_size(ctx, n, s, i));
    }
    return RF_OK;
}

static rf_status describe(rf_context *ctx, const rf_node *n, const rf_shape *x, const rf_shape *w,
                          rf_conv_shape *out)
{
    rf_window window;
    *out = (rf_conv_shape){ .spatial = x->rank - 2, .transposed = true };
    RF_TRY(rf_conv_groups(ctx, n, &out->groups));
    RF_TRY(rf_window_read(ctx, n, x, w->dims + 2, &window));
    out->n = x->dims[0];
    out->ic = x->dims[1];
    if (w->dims[0] != out->ic || out->ic % out->groups) {
        char channels[24];
        snprintf(channels, sizeof channels, "%lld", (long long)out->ic);
        return rf_conv_weights_fail(ctx, n, w, channels, out->groups == 1 ? "oc" : "oc / groups",
                                    out->ic, out->groups);
    }
    out->oc = w->dims[1] * out->groups;
    for (int i = 0; i < window.spatial; i++) {
        out->in[i] = window.in[i];
        out->kernel[i] = window.kernel[i];
        out->stride[i] = window.stride[i];
        out->dilation[i] = window.dilation[i];
        out->pad_begin[i] = window.pad_begin[i];
        out->pad_end[i] = window.pad_end[i];
    }
    return place(ctx, n, out);
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
