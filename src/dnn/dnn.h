/*
 * The only door to oneDNN: convolution, deconvolution, matrix product and pooling on channels-last float32 arrays, with
 * ONNX's words (dilation 1 = none, weights [oc, ic/groups, k...]). Primitives are built once a shape and run with
 * run-time pointers; weights are given as they lie in the model and reordered inside where oneDNN wants that. Where a
 * kernel of refold's own is faster, it stands behind the same calls.
 */
#ifndef RF_DNN_DNN_H
#define RF_DNN_DNN_H

#include "base/status.h"

/* Spatial dims are 1 to 3: [l], [h, w] or [d, h, w]; unused entries are ignored. */
typedef struct rf_conv_shape {
    int spatial;
    int64_t n, ic, oc, groups;
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3];
    bool transposed; /* ConvTranspose: weights [ic, oc/groups, k...] */
} rf_conv_shape;

typedef struct rf_dnn_conv_options {
    bool bias, backward;
    bool integers; /* forward on codes: rf_dnn_conv_forward_int8, which adds no bias */
} rf_dnn_conv_options;

typedef struct rf_dnn_conv rf_dnn_conv;
rf_status rf_dnn_conv_new(rf_context *ctx, const rf_conv_shape *shape,
                          const rf_dnn_conv_options *options, rf_dnn_conv **out);
/* Whether there is this convolution on codes; its sums may saturate all the same: rf_dnn_int8_is_exact. */
bool rf_dnn_conv_has_int8(rf_context *ctx, const rf_conv_shape *shape);
/* Whether only 32 bits bound its sums on this CPU, whatever the weights: rf_dnn_int8_fits. */
bool rf_dnn_conv_never_saturates(const rf_conv_shape *shape);
void rf_dnn_conv_free(rf_dnn_conv *conv);
size_t rf_dnn_conv_scratch(const rf_dnn_conv *conv); /* bytes that each call below needs */
/* src, dst channels-last; bias NULL where built without. */
rf_status rf_dnn_conv_forward(rf_dnn_conv *conv, const float *src, const float *weights,
                              const float *bias, float *dst, void *scratch);
/* dst = sums of (src - zero_point) * weights; cells of the pads count as zero_point, so they add nothing. */
rf_status rf_dnn_conv_forward_int8(rf_dnn_conv *conv, const uint8_t *src, int32_t zero_point,
                                   const int8_t *weights, int32_t *dst, void *scratch);
rf_status rf_dnn_conv_backward_data(rf_dnn_conv *conv, const float *diff_dst, const float *weights,
                                    float *diff_src, void *scratch);
/* diff_bias NULL where built without. */
rf_status rf_dnn_conv_backward_weights(rf_dnn_conv *conv, const float *src, const float *diff_dst,
                                       float *diff_weights, float *diff_bias, void *scratch);

/* c[m, n] = alpha op(a) op(b) + beta c, row-major, leading dimensions in elements. */
rf_status rf_dnn_gemm(rf_context *ctx, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                      int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float beta, float *c, int64_t ldc);

/* c[m, n] = a op(b) + start[n] on codes; a [m, k] u8, op(b) [k, n] s8, row-major. */
rf_status rf_dnn_gemm_int8(rf_context *ctx, bool transpose_b, int64_t m, int64_t n, int64_t k,
                           const uint8_t *a, const int8_t *b, const int32_t *start, int32_t *c);

/*
 * Whether sums of `terms` products of codes up to `src_most` with weights down to -`weight_most` come out exact on this
 * CPU. Without VNNI, oneDNN adds two products at a time in 16 bits, which saturates for large ones: checked with
 * 2.6.3 on AVX2 and plain AVX-512, 127 x 255 is wrong by half, 64 x 255 is right.
 */
bool rf_dnn_int8_is_exact(int64_t terms, int64_t src_most, int64_t weight_most);
/* Whether they fit 32 bits. */
bool rf_dnn_int8_fits(int64_t terms, int64_t src_most, int64_t weight_most);
const char *rf_dnn_isa_name(void); /* "AVX2", as oneDNN uses it; ONEDNN_MAX_CPU_ISA lowers it */

const char *rf_dnn_version(void); /* "2.6.3" */

#endif
