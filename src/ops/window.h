/* The sliding window of convolutions and pools: kernel, strides, dilations, pads, places. */
#ifndef RF_OPS_WINDOW_H
#define RF_OPS_WINDOW_H

#include "ops/op_util.h"

#define RF_WINDOW_AXES 3

typedef struct rf_window {
    int spatial; /* axes: 1 to 3 */
    int64_t in[RF_WINDOW_AXES], kernel[RF_WINDOW_AXES], stride[RF_WINDOW_AXES];
    int64_t dilation[RF_WINDOW_AXES], pad_begin[RF_WINDOW_AXES], pad_end[RF_WINDOW_AXES];
    int64_t out[RF_WINDOW_AXES]; /* set by rf_window_slide */
} rf_window;

/* "Conv 'conv1': ..." where shapes are known but there is neither rf_inference nor rf_step. */
rf_status rf_node_fail(rf_context *ctx, const rf_node *n, rf_status status, const char *format, ...)
    RF_PRINTF(4, 5);

/*
 * Attributes of `n` for an input of shape `x` [batch, channels, spatial...]. `kernel`: the
 * weights' spatial dims, which attribute kernel_shape must agree with; NULL: the attribute must be
 * there. Pads are explicit ones only.
 */
rf_status rf_window_read(rf_context *ctx, const rf_node *n, const rf_shape *x,
                         const int64_t *kernel, rf_window *out);
/*
 * Resolve auto_pad and find the output's size (attribute ceil_mode: as PyTorch, no window starts
 * in the end pad).
 */
rf_status rf_window_slide(rf_context *ctx, const rf_node *n, rf_window *w);
/* Integers of attribute `name`, each in [lowest, INT32_MAX]; all `fallback` where absent. */
rf_status rf_window_ints(rf_context *ctx, const rf_node *n, const char *name, int count,
                         int64_t lowest, int64_t fallback, int64_t *out);

typedef enum rf_auto_pad {
    RF_AUTO_PAD_NOTSET,
    RF_AUTO_PAD_VALID,
    RF_AUTO_PAD_SAME_UPPER,
    RF_AUTO_PAD_SAME_LOWER
} rf_auto_pad;

rf_status rf_window_auto_pad(rf_context *ctx, const rf_node *n, rf_auto_pad *out);
/* Pads of `total` (0 where negative) on an axis: the odd one at the end (upper) or beginning. */
void rf_window_pad(rf_window *w, int axis, int64_t total, bool upper);
/* dilation * (kernel - 1) + 1. */
int64_t rf_window_reach(const rf_window *w, int axis);

#endif
