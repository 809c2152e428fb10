/* Test arrays: random values, and plain (n, c, inner) to channels-last (n, inner, c) and back. */
#ifndef RF_TESTS_REF_LAYOUT_REF_H
#define RF_TESTS_REF_LAYOUT_REF_H

#include <stdint.h>

/* [count] reproducible values in (-1, 1); the caller frees. */
float *ref_random(int64_t count, uint32_t seed);
void ref_to_channels_last(int64_t n, int64_t c, int64_t inner, const float *plain, float *last);
void ref_to_plain(int64_t n, int64_t c, int64_t inner, const float *last, float *plain);

#endif
