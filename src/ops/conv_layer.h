/* Conv and ConvTranspose behind their shapes: preparing, both directions, bias, integer inputs. */
#ifndef RF_OPS_CONV_LAYER_H
#define RF_OPS_CONV_LAYER_H

#include "dnn/dnn.h"
#include "ops/window.h"

/*
 * What the operator makes of weights w: out->oc and out->transposed (its n, ic and groups are
 * known), and the window's pads and output size; fails where they do not fit.
 */
typedef rf_status (*rf_conv_describe)(rf_context *ctx, const rf_node *n, const rf_shape *w,
                                      rf_window *window, rf_conv_shape *out);

rf_status rf_conv_infer(rf_inference *io, rf_conv_describe describe);
rf_status rf_conv_prepare(rf_step *s, rf_conv_describe describe);
/* As rf_op.int8. */
bool rf_conv_int8(rf_context *ctx, const rf_node *n, const rf_shape *x, const rf_shape *w,
                  rf_conv_describe describe, rf_int8_layer *out);
rf_status rf_conv_forward(rf_step *s);
rf_status rf_conv_backward(rf_step *s);
void rf_conv_release(rf_step *s);
/* What a prepared step computes; NULL where it is no convolution, transposed or not. */
const rf_conv_shape *rf_conv_step_shape(const rf_step *s);

/* Weights are not what they should be: "weights are [..], expected [oc, 3, kh, kw] for ...". */
rf_status rf_conv_weights_fail(rf_context *ctx, const rf_node *n, const rf_shape *w,
                               const char *first, const char *second, int64_t channels,
                               int64_t groups);

#endif
