/*
 * Batch normalization on channels-last float32 arrays [rows, c]: a row is one pixel of one sample.
 * Sums run in double over a fixed division of the rows: the same bits for any number of threads.
 */
#ifndef RF_KERNELS_BATCH_NORM_H
#define RF_KERNELS_BATCH_NORM_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of scratch that the two functions with sums need. */
size_t rf_bn_scratch(int64_t c);

/* mean[c] and population variance var[c] of x; rows >= 1. */
void rf_bn_statistics(const float *x, int64_t rows, int64_t c, double *mean, double *var,
                      void *scratch);

/* y = x * scale[c] + shift[c]; y may be x. */
void rf_bn_normalize(const float *x, int64_t rows, int64_t c, const float *scale,
                     const float *shift, float *y);

/* sum_g[c] = sum of g;  sum_gx[c] = sum of g * (x - mean[c]). */
void rf_bn_backward_sums(const float *x, const float *g, int64_t rows, int64_t c,
                         const double *mean, double *sum_g, double *sum_gx, void *scratch);

/* dx = g * scale[c] + (x - mean[c]) * slope[c] + shift[c]; dx may be g. */
void rf_bn_backward_data(const float *x, const float *g, int64_t rows, int64_t c,
                         const float *scale, const float *mean, const float *slope,
                         const float *shift, float *dx);

#endif
