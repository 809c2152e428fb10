/* What Gemm and MatMul share where they multiply codes: y [m, n] = a [m, k] op(b) [k, n], and what backward reads. */
#ifndef RF_OPS_MATRIX_CODES_H
#define RF_OPS_MATRIX_CODES_H

#include "ops/op.h"

typedef struct rf_matrix_product {
    int64_t m, n, k;
    bool transpose_b; /* b is stored [n, k] */
} rf_matrix_product;

/* Grid and shift of the sums, and where they start. */
typedef struct rf_matrix_codes rf_matrix_codes;

bool rf_matrix_on_codes(const rf_step *s);
/* Scratch for the real numbers that backward reads, and where the step is on codes, its state. */
rf_status rf_matrix_codes_prepare(rf_step *s, const rf_matrix_product *p);
/* bias (may be NULL) [n] times `beta` is added when the sums are read. */
rf_status rf_matrix_codes_forward(rf_step *s, const rf_matrix_product *p, const float *bias,
                                  float beta);
/* Inputs as real numbers: themselves, or their codes brought back into scratch; one at a time. */
const float *rf_matrix_real_a(const rf_step *s);
const float *rf_matrix_real_b(const rf_step *s, const rf_matrix_product *p);

#endif
