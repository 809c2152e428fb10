/* exp for loops that the compiler vectorizes: within one unit in the last place. */
#ifndef RF_OPS_VECTOR_EXP_H
#define RF_OPS_VECTOR_EXP_H

#include <stdint.h>
#include <string.h>

/*
 * exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) by its Taylor series, whose
 * next term is below half a unit there. Beyond [-87, 88] the ends serve, so nothing overflows; NaN
 * stays NaN.
 */
static inline float rf_vector_exp(float x)
{
    const float to_integer =
        12582912.0f; /* 1.5 * 2^23: adding it leaves the rounded integer in the low bits */
    const float above = x < -87.0f ? -87.0f : x, inside = above > 88.0f ? 88.0f : above;
    const float shifted = inside * 1.44269504f + to_integer, n = shifted - to_integer;
    const float r = (inside - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts */
    const float p =
        1.0f +
        r * (1.0f +
             r * (0.5f +
                  r * (1.0f / 6 +
                       r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* the exponent field of 2^n */
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

#endif
