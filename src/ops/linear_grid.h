/*
 * What QuantizeLinear and DequantizeLinear share: scale and zero point, per tensor or along an
 * axis.
 */
#ifndef RF_OPS_LINEAR_GRID_H
#define RF_OPS_LINEAR_GRID_H

#include "ops/op_util.h"
#include "ops/strided.h"

/*
 * Check inputs 1 (scale, float32) and 2 (zero point of `dtype`, may be left out) against the shape
 * of input 0.
 */
rf_status rf_linear_grid_check(const rf_inference *io, rf_dtype dtype);
/* fn over rows of output 0, input 0, scale and zero point; codes are of `dtype`. */
rf_status rf_linear_grid_run(const rf_step *s, rf_dtype dtype, rf_loop_fn fn, const void *user);

#endif
