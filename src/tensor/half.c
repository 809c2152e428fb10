/* 16-bit floats: binary16 has 5 bits of exponent (bias 15) and 10 of fraction. */
#include "tensor/half.h"

#include <math.h>
#include <string.h>

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float rf_half_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 31u,
                   fraction = half & 0x3ffu;
    if (exponent == 31) /* infinity, NaN */
        return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent) /* bias 127 - 15 */
        return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    const float small = ldexpf((float)fraction, -24);
    return sign ? -small : small;
}

uint16_t rf_half_from_f32(float x)
{
    const uint16_t sign = signbit(x) ? 0x8000u : 0;
    const float size = fabsf(x);
    int exponent = 0;
    if (isnan(x))
        return (uint16_t)(sign | 0x7e00u);
    if (size >= 65520.0f) /* half way to the first number that has no place */
        return (uint16_t)(sign | 0x7c00u);
    if (size < 0x1p-14f) /* below the normal numbers: units of 2^-24 */
        return (uint16_t)(sign | (uint16_t)rintf(ldexpf(size, 24)));
    frexpf(size, &exponent); /* size < 2^exponent */
    /* 11 bits with the leading one, which adds 1 to the exponent; rounding up may carry into it. */
    const unsigned digits = (unsigned)rintf(ldexpf(size, 11 - exponent));
    return (uint16_t)(sign | (((unsigned)(exponent + 13) << 10) + digits));
}
