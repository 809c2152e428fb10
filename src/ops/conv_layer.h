/* Conv and ConvTranspose behind their shapes: preparing, both directions, bias, integer inputs. */
#ifndef RF_OPS_CONV_LAYER_H
#define RF_OPS_CONV_LAYER_H

#include "dnn/dnn.h"
#include "ops/window.h"

/*
 * Attributes and shapes of input x and weights w into a convolution's; fails where they do not
 * fit.
 */
typedef rf_status (*rf_conv_describe)(rf_context *ctx, const rf_node *n, const rf_shape *x,
                                      const rf_shape *w, rf_conv_shape *out);

rf_status rf_conv_infer(rf_inference *io, rf_conv_describe describe);
rf_status rf_conv_prepare(rf_step *s, rf_conv_describe describe);
rf_status rf_conv_forward(rf_step *s);
rf_status rf_conv_backward(rf_step *s);
void rf_conv_release(rf_step *s);

/* Attribute group; RF_EMODEL below 1. */
rf_status rf_conv_groups(rf_context *ctx, const rf_node *n, int64_t *out);
/* Weights are not what they should be: "weights are [..], expected [oc, 3, kh, kw] for ...". */
rf_status rf_conv_weights_fail(rf_context *ctx, const rf_node *n, const rf_shape *w,
                               const char *first, const char *second, int64_t channels,
                               int64_t groups);

#endif
