/* Pooling by its definition, on plain arrays [n, c, d, h, w]. */
#ifndef RF_TESTS_REF_POOL_REF_H
#define RF_TESTS_REF_POOL_REF_H

#include "kernels/pool.h"

/*
 * y and, for each output, the input element that is largest (-1: none): the first of equal ones,
 * NaN above all.
 */
void ref_max_pool(const rf_pool_shape *s, const float *x, double *y, int64_t *source);
void ref_average_pool(const rf_pool_shape *s, const float *x, double *y);
void ref_average_pool_backward(const rf_pool_shape *s, const float *diff_y, double *diff_x);
int64_t ref_pool_in_count(const rf_pool_shape *s);
int64_t ref_pool_out_count(const rf_pool_shape *s);

#endif
