/* What Softmax and LogSoftmax share: which elements belong together. */
#ifndef RF_OPS_SOFTMAX_ROWS_H
#define RF_OPS_SOFTMAX_ROWS_H

#include "ops/op_util.h"

/*
 * A plain tensor as [outer][length][inner]: each group of `length` elements, `inner` apart, is
 * normalized by itself. Before opset 13 a group is everything from `axis` (default 1) on; since
 * then it runs along `axis` (default -1) only.
 */
typedef struct rf_softmax_rows {
    int64_t outer, length, inner;
} rf_softmax_rows;

rf_status rf_softmax_infer(rf_inference *io);
rf_softmax_rows rf_softmax_rows_of(const rf_step *s);

#endif
