/* Sums and extrema over some dims of a view, and what the Reduce operators share. */
#ifndef RF_OPS_REDUCTION_H
#define RF_OPS_REDUCTION_H

#include "ops/elementwise.h"

/*
 * dst = factor * sum of src over the dims that dst repeats. dst broadcasts to src. Double sums,
 * fixed order.
 */
void rf_reduce_sum(const rf_view *src, const rf_view *dst, double factor);
/* dst = the largest of src over the dims that dst repeats; NaN where there is one. */
void rf_reduce_max(const rf_view *src, const rf_view *dst);
void rf_reduce_min(const rf_view *src, const rf_view *dst);
/* Gradient of both; equal extrema share it. ties: scratch like dst, floats. */
void rf_reduce_extremum_backward(const rf_view *src, const rf_view *dst, const rf_view *diff_dst,
                                 float *ties, const rf_view *diff_src);
rf_status rf_reduce_extremum_prepare(rf_step *s); /* scratch for them, in training */

/* --- Reduce operators: attribute or input 1 "axes", "keepdims", "noop_with_empty_axes" --- */
/* The operator's rule. y and dy have x's rank here, with dims of 1 where x was reduced. */
typedef struct rf_reduce {
    void (*forward)(rf_step *s, const rf_view *x, const rf_view *y);
    void (*backward)(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx);
    rf_integer_fn integer; /* of int64 and int32, from `start` on; NULL where infer wants floats */
    int64_t start;
} rf_reduce;

rf_status rf_reduce_infer(rf_inference *io);          /* float32 */
rf_status rf_reduce_infer_integers(rf_inference *io); /* float32, int64 or int32 */
rf_status rf_reduce_prepare(rf_step *s); /* scratch: floats like x, then two arrays like y */
rf_status rf_reduce_forward(rf_step *s);
rf_status rf_reduce_backward(rf_step *s);
/* A view like x in the scratch of rf_reduce_prepare, and view i like y behind it. */
rf_view rf_reduce_scratch(const rf_step *s, const rf_view *x);
rf_view rf_reduce_result(const rf_step *s, const rf_view *y, int i);
/* y = sum of map(x); map's p: mapped, x. */
void rf_reduce_mapped(const rf_step *s, rf_row_fn map, const rf_view *x, const rf_view *y);

#endif
