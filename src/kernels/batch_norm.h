/*
 * Batch normalization on channels-last float32 arrays [rows, c]: a row is one pixel of one sample.
 * Sums run in double over a fixed division of the rows: the same bits for any number of threads.
 */
#ifndef RF_KERNELS_BATCH_NORM_H
#define RF_KERNELS_BATCH_NORM_H

#include <stddef.h>
#include <stdint.h>

/* What is normalized: real numbers, or the integer sums of a layer on codes; the other one is NULL. */
typedef struct rf_bn_src {
    const float *real;
    const int32_t *sums;
} rf_bn_src;

static inline rf_bn_src rf_bn_src_at(rf_bn_src x, int64_t at)
{
    return (rf_bn_src){ x.real ? x.real + at : NULL, x.sums ? x.sums + at : NULL };
}

/* Bytes of scratch that the functions with sums need. */
size_t rf_bn_scratch(int64_t c);

/*
 * mean[c] and population variance var[c] of x; rows >= 1. Of sums they are exact, and depend on no order, as long as
 * sums of their squares stay below 2^53.
 */
void rf_bn_statistics(rf_bn_src x, int64_t rows, int64_t c, double *mean, double *var,
                      void *scratch);

/* y = x * scale[c] + shift[c]; y may be x.real. */
void rf_bn_normalize(rf_bn_src x, int64_t rows, int64_t c, const float *scale, const float *shift,
                     float *y);

/*
 * What comes behind normalization, done to blocks that are still in the cache: y[count] are elements [at, at + count) of
 * the normalized array, and may be changed. Blocks of one `part` come one after the other; parts run side by side.
 */
typedef void (*rf_bn_block_fn)(const void *user, int part, int64_t at, int64_t count, float *y);

/* As rf_bn_normalize, then `then` for each block. y NULL: the blocks are kept nowhere else. */
void rf_bn_normalize_blocks(rf_bn_src x, int64_t rows, int64_t c, const float *scale,
                            const float *shift, float *y, rf_bn_block_fn then, const void *user);

/* sum_g[c] = sum of g;  sum_gx[c] = sum of g * (x - mean[c]). */
void rf_bn_backward_sums(rf_bn_src x, const float *g, int64_t rows, int64_t c, const double *mean,
                         double *sum_g, double *sum_gx, void *scratch);

/* Writes to g[count] the gradient with respect to the normalized elements; otherwise as rf_bn_block_fn. */
typedef void (*rf_bn_gradient_fn)(const void *user, int part, int64_t at, int64_t count, float *y,
                                  float *g);

/* Batch normalization's operands where the normalized array was not kept. */
typedef struct rf_bn_blocks {
    rf_bn_src x;
    int64_t rows, c;
    const float *scale, *shift; /* y = x * scale[c] + shift[c] */
    const double *mean;
} rf_bn_blocks;

/*
 * As rf_bn_backward_sums, with a gradient that `gradient` computes from blocks of y, which are normalized once more.
 * It goes to g, which may be NULL.
 */
void rf_bn_backward_sums_blocks(const rf_bn_blocks *b, rf_bn_gradient_fn gradient, const void *user,
                                float *g, double *sum_g, double *sum_gx, void *scratch);

/* dx = g * scale[c] + (x - mean[c]) * slope[c] + shift[c]; dx may be g. */
void rf_bn_backward_data(rf_bn_src x, const float *g, int64_t rows, int64_t c, const float *scale,
                         const float *mean, const float *slope, const float *shift, float *dx);

#endif
