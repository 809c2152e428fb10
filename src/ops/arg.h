/* ArgMax and ArgMin: where an extremum along `axis` is. */
#ifndef RF_OPS_ARG_H
#define RF_OPS_ARG_H

#include "ops/op_util.h"

/* The operator's rule. */
typedef struct rf_arg {
    bool smallest; /* else the largest */
} rf_arg;

rf_status rf_arg_infer(rf_inference *io);
rf_status rf_arg_forward(rf_step *s);

#endif
