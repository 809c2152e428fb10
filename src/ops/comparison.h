/* Equal, Less, Greater: two tensors of one dtype, broadcast; the result is bool. */
#ifndef RF_OPS_COMPARISON_H
#define RF_OPS_COMPARISON_H

#include "ops/op_util.h"

/* The operator's rule: where y is true. Nowhere at a NaN. */
typedef struct rf_comparison {
    bool less, equal, greater;
} rf_comparison;

rf_status rf_compare_infer(rf_inference *io);
rf_status rf_compare_forward(rf_step *s);

#endif
