/* Whether numbers are neither NaN nor infinite. */
#ifndef RF_BASE_FINITE_H
#define RF_BASE_FINITE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* By the bits, which vectorizes: an exponent of ones. */
static inline bool rf_all_finite(const float *x, int64_t count)
{
    uint32_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        found |= (bits & 0x7f800000U) == 0x7f800000U;
    }
    return found == 0;
}

#endif
