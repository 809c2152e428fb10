/*
 * Convolution as the sum it is: one loop nest over every triple (source, weight, result), in
 * double.
 */
#ifndef RF_TESTS_REF_CONV_REF_H
#define RF_TESTS_REF_CONV_REF_H

#include "dnn/dnn.h"

/* All arrays PLAIN: src [n, ic, in...], weights as rf_conv_shape says, dst [n, oc, out...]. */
void ref_conv_forward(const rf_conv_shape *s, const float *src, const float *weights,
                      const float *bias, double *dst);
void ref_conv_backward_data(const rf_conv_shape *s, const float *diff_dst, const float *weights,
                            double *diff_src);
void ref_conv_backward_weights(const rf_conv_shape *s, const float *src, const float *diff_dst,
                               double *diff_weights, double *diff_bias);

int64_t ref_conv_src_count(const rf_conv_shape *s);
int64_t ref_conv_dst_count(const rf_conv_shape *s);
int64_t ref_conv_weights_count(const rf_conv_shape *s);

#endif
