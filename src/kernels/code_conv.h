/*
 * Convolution of unsigned codes with small signed integers on channels-last arrays, added up in 16 bits for as long as
 * these weights allow: for CPUs that have AVX2 and no instruction that adds four products in 32 bits. Exact for all
 * weights of 8 bits and any number of threads.
 */
#ifndef RF_KERNELS_CODE_CONV_H
#define RF_KERNELS_CODE_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pairs are height, width. Nothing may overflow 64 bits: rf_conv_check comes first. */
typedef struct rf_code_conv {
    int64_t n, ic, oc;
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2], pad[2]; /* pad: in front, cells */
    bool depthwise; /* oc == ic, and each channel has its own kernel: weights [oc, 1, kh, kw] */
    int threads;
    bool vectors; /* false: the same in plain C */
} rf_code_conv;

bool rf_code_conv_has_vectors(void); /* whether this CPU has AVX2 */
/* Whether its sizes are within what the kernel counts with. */
bool rf_code_conv_fits(const rf_code_conv *c);
size_t rf_code_conv_scratch(const rf_code_conv *c); /* bytes, RF_ALIGN */

/*
 * dst[n, oh, ow, oc] = sums of (src[n, ih, iw, ic] - zero_point) * weights[oc, ic, kh, kw]; cells of the pads count as
 * zero_point, which may be any number.
 */
void rf_code_conv_forward(const rf_code_conv *c, const uint8_t *src, int32_t zero_point,
                          const int8_t *weights, int32_t *dst, void *scratch);

#endif
