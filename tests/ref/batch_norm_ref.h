/* Batch normalization by its definition, in double, on plain arrays (n, c, inner). */
#ifndef RF_TESTS_REF_BATCH_NORM_REF_H
#define RF_TESTS_REF_BATCH_NORM_REF_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ref_bn {
    int64_t n, c, inner;
    double epsilon;
    const float *x, *gamma, *beta;
} ref_bn;

/* Mean and population variance of each channel, in two passes. */
void ref_bn_statistics(const ref_bn *b, double *mean, double *var);
void ref_bn_forward(const ref_bn *b, const double *mean, const double *var, double *y);
/* Gradients; `frozen`: mean and var are constants, else the batch's own. */
void ref_bn_backward(const ref_bn *b, const double *mean, const double *var, bool frozen,
                     const float *g, double *diff_x, double *diff_gamma, double *diff_beta);

#endif
