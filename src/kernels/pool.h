/* Max and average pooling on channels-last float32 arrays, forward and backward. */
#ifndef RF_KERNELS_POOL_H
#define RF_KERNELS_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* Always three axes; the ones that a tensor lacks are 1 and come first. */
typedef struct rf_pool_shape {
    int64_t n, c;
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3];
    bool count_padding; /* averages divide by the cells within the pads, else within the input */
} rf_pool_shape;

/*
 * y = the largest value of each window; the first of equal ones; NaN wins. index [like y] (may be
 * NULL) gets its cell in the window, counted row by row; -1 and y = -infinity where a dilated
 * window meets no input at all.
 */
void rf_max_pool_forward(const rf_pool_shape *s, const float *x, float *y, int32_t *index);
/* The same of codes, which keep the order of what they stand for; where a window meets no input, y = 0. */
void rf_max_pool_codes(const rf_pool_shape *s, const uint8_t *x, uint8_t *y, int32_t *index);
void rf_max_pool_backward(const rf_pool_shape *s, const int32_t *index, const float *diff_y,
                          float *diff_x);
void rf_average_pool_forward(const rf_pool_shape *s, const float *x, float *y);
void rf_average_pool_backward(const rf_pool_shape *s, const float *diff_y, float *diff_x);

/* y [n, c] = mean over the `rows` pixels of x [n, rows, c]; sums in double. */
void rf_global_average_forward(int64_t n, int64_t rows, int64_t c, const float *x, float *y);
void rf_global_average_backward(int64_t n, int64_t rows, int64_t c, const float *diff_y,
                                float *diff_x);

#endif
