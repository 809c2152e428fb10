/*
 * Operators of any number of inputs with NumPy broadcasting: Min, Max (equal inputs share the
 * gradient), Sum and Mean.
 */
#ifndef RF_OPS_VARIADIC_H
#define RF_OPS_VARIADIC_H

#include "ops/elementwise.h"

/* The operator's rule: how two of them become one. */
typedef struct rf_variadic {
    rf_row_fn forward;     /* p: y, a, b */
    rf_integer_fn integer; /* of integers; NULL where infer wants floats */
    bool mean;             /* the result is divided by their number */
} rf_variadic;

rf_status rf_variadic_infer(rf_inference *io); /* float32 or integers, all alike */
rf_status rf_variadic_forward(rf_step *s);

rf_status rf_extremum_prepare(rf_step *s);
rf_status rf_extremum_backward(rf_step *s);

/* Of Sum and Mean. */
rf_status rf_sum_infer(rf_inference *io); /* float32 */
void rf_sum_row(float *const *p, int64_t n, const void *user);
rf_status rf_sum_backward(rf_step *s);

#endif
