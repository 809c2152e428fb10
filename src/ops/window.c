/* Attributes of convolutions and pools, checked once for both. */
#include "ops/window.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rf_status rf_node_fail(rf_context *ctx, const rf_node *n, rf_status status, const char *format, ...)
{
    char detail[512];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return rf_fail(ctx, status, "%s '%s': %s", n->op_type, n->name, detail);
}

rf_status rf_window_ints(rf_context *ctx, const rf_node *n, const char *name, int expected,
                         int64_t lowest, int64_t fallback, int64_t *out)
{
    int64_t count = 0;
    const int64_t *values = rf_attr_ints(n, name, &count);
    if (values && count != expected)
        return rf_node_fail(ctx, n, RF_EMODEL, "attribute %s has %lld numbers, expected %d", name,
                            (long long)count, expected);
    for (int i = 0; i < expected; i++) {
        out[i] = values ? values[i] : fallback;
        if (out[i] < lowest || out[i] > INT32_MAX)
            return rf_node_fail(ctx, n, RF_EUNSUPPORTED,
                                "attribute %s has %lld, expected at least %lld", name,
                                (long long)out[i], (long long)lowest);
    }
    return RF_OK;
}

static rf_status read_kernel(rf_context *ctx, const rf_node *n, const int64_t *weights,
                             rf_window *w)
{
    if (!weights && !rf_node_attr(n, "kernel_shape"))
        return rf_node_fail(ctx, n, RF_EMODEL, "attribute kernel_shape is missing");
    RF_TRY(rf_window_ints(ctx, n, "kernel_shape", w->spatial, 1, 1, w->kernel));
    for (int i = 0; weights && i < w->spatial; i++) {
        if (rf_node_attr(n, "kernel_shape") && w->kernel[i] != weights[i])
            return rf_node_fail(
                ctx, n, RF_EMODEL,
                "attribute kernel_shape says %lld for axis %d, but the weights have %lld",
                (long long)w->kernel[i], i, (long long)weights[i]);
        w->kernel[i] = weights[i];
    }
    return RF_OK;
}

rf_status rf_window_read(rf_context *ctx, const rf_node *n, const rf_shape *x,
                         const int64_t *kernel, rf_window *out)
{
    char text[RF_SHAPE_TEXT];
    int64_t pads[2 * RF_WINDOW_AXES];
    *out = (rf_window){ .spatial = x->rank - 2 };
    if (out->spatial < 1 || out->spatial > RF_WINDOW_AXES)
        return rf_node_fail(ctx, n, RF_EUNSUPPORTED,
                            "input is %s, expected [n, channels, ...] with 1 to 3 spatial dims",
                            rf_shape_text(x, text));
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] < 1 || x->dims[i] > INT32_MAX)
            return rf_node_fail(ctx, n, RF_ESHAPE, "input is %s, expected dims of at least 1",
                                rf_shape_text(x, text));
    RF_TRY(read_kernel(ctx, n, kernel, out));
    RF_TRY(rf_window_ints(ctx, n, "strides", out->spatial, 1, 1, out->stride));
    RF_TRY(rf_window_ints(ctx, n, "dilations", out->spatial, 1, 1, out->dilation));
    RF_TRY(rf_window_ints(ctx, n, "pads", 2 * out->spatial, 0, 0, pads));
    for (int i = 0; i < out->spatial; i++) {
        out->in[i] = x->dims[2 + i];
        out->pad_begin[i] = pads[i];
        out->pad_end[i] = pads[out->spatial + i];
    }
    return RF_OK;
}

int64_t rf_window_reach(const rf_window *w, int axis)
{
    return w->dilation[axis] * (w->kernel[axis] - 1) + 1;
}

rf_status rf_window_auto_pad(rf_context *ctx, const rf_node *n, rf_auto_pad *out)
{
    static const char *const modes[] = { "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER" };
    const char *mode = rf_attr_string(n, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++)
        if (!strcmp(*mode ? mode : "NOTSET", modes[i])) {
            *out = (rf_auto_pad)i;
            return RF_OK;
        }
    return rf_node_fail(ctx, n, RF_EMODEL,
                        "auto_pad is '%s', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", mode);
}

void rf_window_pad(rf_window *w, int axis, int64_t total, bool upper)
{
    const int64_t pads = total > 0 ? total : 0;
    w->pad_begin[axis] = upper ? pads / 2 : pads - pads / 2;
    w->pad_end[axis] = pads - w->pad_begin[axis];
}

static rf_status resolve_pads(rf_context *ctx, const rf_node *n, rf_window *w)
{
    rf_auto_pad mode = RF_AUTO_PAD_NOTSET;
    RF_TRY(rf_window_auto_pad(ctx, n, &mode));
    for (int i = 0; i < w->spatial && mode != RF_AUTO_PAD_NOTSET; i++) {
        /* SAME: as many places as strides fit. */
        const int64_t places = (w->in[i] + w->stride[i] - 1) / w->stride[i];
        const int64_t needed = (places - 1) * w->stride[i] + rf_window_reach(w, i) - w->in[i];
        rf_window_pad(w, i, mode == RF_AUTO_PAD_VALID ? 0 : needed, mode == RF_AUTO_PAD_SAME_UPPER);
    }
    return RF_OK;
}

rf_status rf_window_slide(rf_context *ctx, const rf_node *n, rf_window *w)
{
    const bool ceil = rf_attr_int(n, "ceil_mode", 0) != 0;
    RF_TRY(resolve_pads(ctx, n, w));
    for (int i = 0; i < w->spatial; i++) {
        const int64_t padded = w->in[i] + w->pad_begin[i] + w->pad_end[i];
        const int64_t room = padded - rf_window_reach(w, i);
        if (room < 0)
            return rf_node_fail(
                ctx, n, RF_ESHAPE,
                "a kernel that reaches over %lld does not fit the padded input of %lld on axis %d",
                (long long)rf_window_reach(w, i), (long long)padded, i);
        w->out[i] = (room + (ceil ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
        if (ceil && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->pad_begin[i])
            w->out[i]--;
    }
    return RF_OK;
}
