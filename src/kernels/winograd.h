/*
 * Winograd's F(4x4, 3x3) for the gradients of convolutions with 3x3 kernels and stride 1: a quarter of the
 * multiplications, on tiles of 4x4 results (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
 * The points 0, +-sqrt(1/2), +-sqrt(2) and infinity keep its rounding errors near those of plain sums. Arrays are
 * channels-last float32; results do not depend on the number of threads.
 */
#ifndef RF_KERNELS_WINOGRAD_H
#define RF_KERNELS_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* src [n, in_h, in_w, ic], weights [oc, ic, 3, 3], dst [n, out_h, out_w, oc]; padding in front, 0 to 2. */
typedef struct rf_winograd {
    int64_t n, ic, oc, in_h, in_w, out_h, out_w, pad_h, pad_w;
    int threads; /* that compute; scratch has room for each */
} rf_winograd;

/* Whether this CPU has the loops (AVX2 with FMA, or AVX-512), and they gain on such a convolution. */
bool rf_winograd_gains(const rf_winograd *w);
size_t rf_winograd_scratch(
    const rf_winograd *w); /* bytes that each call needs, aligned to RF_ALIGN */

void rf_winograd_backward_data(const rf_winograd *w, const float *diff_dst, const float *weights,
                               float *diff_src, float *scratch);
void rf_winograd_backward_weights(const rf_winograd *w, const float *src, const float *diff_dst,
                                  float *diff_weights, float *scratch);

#endif
