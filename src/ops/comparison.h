/* Equal, Less, Greater: two tensors of one dtype, broadcast; the result is bool. */
#ifndef RF_OPS_COMPARISON_H
#define RF_OPS_COMPARISON_H

#include "ops/op_util.h"

/* `sign` is that of a - b; 2 where one is NaN. */
typedef bool (*rf_compare_fn)(int sign);

rf_status rf_compare_infer(rf_inference *io);
rf_status rf_compare_forward(rf_step *s, rf_compare_fn holds);

#endif
