/*
 * The tail of a fused step: real numbers y are clipped and put on a quantizer's grid, forward to codes, backward to a
 * gradient. y comes from channels-last rows [rows, c] (x * scale[c] + shift[c]), or is the sum of one or two tensors; it
 * is made in blocks that stay in the cache and is never stored.
 *     code = clamp(rhe(clip(y) / scale) - offset, 0, steps)            NaN: the code of 0
 * Every division is a division: the codes are those of separate steps, bit for bit.
 */
#ifndef RF_KERNELS_TAIL_H
#define RF_KERNELS_TAIL_H

#include "kernels/batch_norm.h"

typedef struct rf_tail {
    float low, high;            /* clip; -INFINITY, INFINITY: none */
    float scale, offset, steps; /* of the codes; scale > 0 */
} rf_tail;

/* One or two tensors that are added: real numbers, or codes of (code + offset) * scale; the other pointer is NULL. */
typedef struct rf_addend {
    const float *real;
    const uint8_t *codes;
    float scale, offset;
} rf_addend;

/* dst[rows, c] = codes of x * scale[c] + shift[c]. */
void rf_tail_normalize(const rf_tail *t, rf_bn_src x, int64_t rows, int64_t c, const float *scale,
                       const float *shift, uint8_t *dst);
/* dst[count] = codes of a + b; b may be NULL. */
void rf_tail_add(const rf_tail *t, const rf_addend *a, const rf_addend *b, int64_t count,
                 uint8_t *dst);

/* Sums over elements for the gradients of a quantizer's ends (quant/fakequant.h: rf_range_sums). */
typedef struct rf_tail_sums {
    double scale, outside;
} rf_tail_sums;

/*
 * g[i] = diff[i] where neither clip nor grid cut y[i] off, else 0; adds to *sums. One block, on this thread. g may be
 * diff.
 */
void rf_tail_backward(const rf_tail *t, const float *y, const float *diff, int64_t count, float *g,
                      rf_tail_sums *sums);
/* The whole array, in parallel: gradient of a + b into g, and into `second` where that is not NULL. */
void rf_tail_add_backward(const rf_tail *t, const rf_addend *a, const rf_addend *b,
                          const float *diff, int64_t count, float *g, float *second,
                          rf_tail_sums *sums);

#endif
