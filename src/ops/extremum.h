/* Min and Max of any number of inputs with NumPy broadcasting; equal inputs share the gradient. */
#ifndef RF_OPS_EXTREMUM_H
#define RF_OPS_EXTREMUM_H

#include "ops/elementwise.h"

/* The operator's rule. */
typedef struct rf_extremum {
    rf_row_fn forward;     /* p: y, a, b */
    rf_integer_fn integer; /* of int64 and int32 */
} rf_extremum;

rf_status rf_extremum_infer(rf_inference *io);
rf_status rf_extremum_prepare(rf_step *s);
rf_status rf_extremum_forward(rf_step *s);
rf_status rf_extremum_backward(rf_step *s);

#endif
