/*
 * What QuantizeLinear and DequantizeLinear share: scale and zero point, per tensor or along an
 * axis.
 */
#ifndef RF_OPS_LINEAR_GRID_H
#define RF_OPS_LINEAR_GRID_H

#include "ops/op_util.h"

/*
 * Check inputs 1 (scale, float32) and 2 (zero point of `dtype`, may be left out) against the shape
 * of input 0.
 */
rf_status rf_linear_grid_check(const rf_inference *io, rf_dtype dtype);
/* Input 1 or 2 as a view that stretches to input 0. */
rf_view rf_linear_grid_view(const rf_step *s, int input);

#endif
