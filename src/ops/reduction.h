/* Sums and maxima over some dims of a view, and the axes of the Reduce operators. */
#ifndef RF_OPS_REDUCTION_H
#define RF_OPS_REDUCTION_H

#include "ops/op_util.h"

/*
 * dst = factor * sum of src over the dims that dst repeats. dst broadcasts to src. Double sums,
 * fixed order.
 */
void rf_reduce_sum(const rf_view *src, const rf_view *dst, double factor);
/* dst = the largest of src over the dims that dst repeats; NaN where there is one. */
void rf_reduce_max(const rf_view *src, const rf_view *dst);
/* Gradient of rf_reduce_max; equal largest elements share it. ties: scratch like dst, floats. */
void rf_reduce_max_backward(const rf_view *src, const rf_view *dst, const rf_view *diff_dst,
                            float *ties, const rf_view *diff_src);

/* --- Reduce operators: attribute or input 1 "axes", "keepdims", "noop_with_empty_axes" --- */
rf_status rf_reduce_infer(rf_inference *io);
/*
 * The output (or its gradient) with its reduced dims put back as dims of 1, so that it broadcasts
 * to the input.
 */
rf_status rf_reduce_kept(const rf_step *s, const rf_view *out, rf_view *kept_out);

#endif
