/* Clip and quantizer one element at a time, in the order in which separate operators do it. */
#ifndef RF_TESTS_REF_TAIL_REF_H
#define RF_TESTS_REF_TAIL_REF_H

#include "kernels/tail.h"

uint8_t ref_tail_code(const rf_tail *t, float y);
/* Gradient of one element; adds to *sums. */
float ref_tail_backward(const rf_tail *t, float y, float diff, rf_tail_sums *sums);

#endif
