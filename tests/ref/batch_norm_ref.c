/* The naive batch normalization: one channel after the other. */
#include "batch_norm_ref.h"

#include <math.h>

/* Element k of channel c. */
static int64_t at(const ref_bn *b, int64_t c, int64_t k)
{
    return (k / b->inner * b->c + c) * b->inner + k % b->inner;
}

void ref_bn_statistics(const ref_bn *b, double *mean, double *var)
{
    const int64_t count = b->n * b->inner;
    for (int64_t c = 0; c < b->c; c++) {
        mean[c] = var[c] = 0.0;
        for (int64_t k = 0; k < count; k++)
            mean[c] += (double)b->x[at(b, c, k)] / (double)count;
        for (int64_t k = 0; k < count; k++)
            var[c] += pow((double)b->x[at(b, c, k)] - mean[c], 2.0) / (double)count;
    }
}

void ref_bn_forward(const ref_bn *b, const double *mean, const double *var, double *y)
{
    for (int64_t c = 0; c < b->c; c++)
        for (int64_t k = 0; k < b->n * b->inner; k++)
            y[at(b, c, k)] = ((double)b->x[at(b, c, k)] - mean[c]) / sqrt(var[c] + b->epsilon) *
                                 (double)b->gamma[c] +
                             (double)b->beta[c];
}

void ref_bn_backward(const ref_bn *b, const double *mean, const double *var, bool frozen,
                     const float *g, double *diff_x, double *diff_gamma, double *diff_beta)
{
    const int64_t count = b->n * b->inner;
    for (int64_t c = 0; c < b->c; c++) {
        const double deviation = sqrt(var[c] + b->epsilon);
        diff_gamma[c] = diff_beta[c] = 0.0;
        for (int64_t k = 0; k < count; k++) {
            const int64_t i = at(b, c, k);
            diff_beta[c] += (double)g[i];
            diff_gamma[c] += (double)g[i] * ((double)b->x[i] - mean[c]) / deviation;
        }
        for (int64_t k = 0; k < count; k++) {
            const int64_t i = at(b, c, k);
            const double normalized = ((double)b->x[i] - mean[c]) / deviation;
            const double through = (diff_beta[c] + normalized * diff_gamma[c]) / (double)count;
            diff_x[i] = (double)b->gamma[c] / deviation * ((double)g[i] - (frozen ? 0.0 : through));
        }
    }
}
