/* Random test arrays and the two layouts. */
#include "layout_ref.h"

#include <stdlib.h>

float *ref_random(int64_t count, uint32_t seed)
{
    float *values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values);
    if (!values)
        abort();
    uint32_t state = seed * 2654435761u + 12345u;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
    return values;
}

void ref_to_channels_last(int64_t n, int64_t c, int64_t inner, const float *plain, float *last)
{
    for (int64_t i = 0; i < n * c * inner; i++)
        last[(i / inner / c * inner + i % inner) * c + i / inner % c] = plain[i];
}

void ref_to_plain(int64_t n, int64_t c, int64_t inner, const float *last, float *plain)
{
    for (int64_t i = 0; i < n * c * inner; i++)
        plain[i] = last[(i / inner / c * inner + i % inner) * c + i / inner % c];
}
