/* Nearest-neighbour resizing: which source index each output index takes. */
#ifndef RF_OPS_NEAREST_H
#define RF_OPS_NEAREST_H

#include "ops/index_map.h"

/*
 * How an output index becomes a real source coordinate, and that an index. Names as ONNX has them.
 */
typedef struct rf_nearest {
    const char *coordinates; /* "asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners" */
    const char *rounding;    /* "floor", "ceil", "round_prefer_floor", "round_prefer_ceil" */
} rf_nearest;

/* RF_EUNSUPPORTED where a name is another one. */
rf_status rf_nearest_check(const rf_inference *io, const rf_nearest *rule);
/* floor(dim * scale) for each dim; scales must be positive numbers, one a dim. */
rf_status rf_nearest_scaled(const rf_inference *io, const float *scales, int64_t count,
                            rf_shape *out);
/* The step's state, an index map; scales NULL: those of the dims. */
rf_status rf_nearest_prepare(rf_step *s, const rf_nearest *rule, const float *scales);

#endif
