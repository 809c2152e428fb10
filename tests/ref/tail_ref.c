/* Clip, then fake quantization, by their definitions. */
#include "tail_ref.h"

#include <math.h>
#include <stdbool.h>

static float clip(const rf_tail *t, float y)
{
    if (isnan(y))
        return y;
    return fminf(fmaxf(y, t->low), t->high);
}

uint8_t ref_tail_code(const rf_tail *t, float y)
{
    const float r = rintf(clip(t, y) / t->scale) - t->offset;
    const float zero = fminf(fmaxf(-t->offset, 0.0f), t->steps);
    return (uint8_t)(isnan(r) ? zero : fminf(fmaxf(r, 0.0f), t->steps));
}

float ref_tail_backward(const rf_tail *t, float y, float diff, rf_tail_sums *sums)
{
    const float real = clip(t, y) / t->scale, r = rintf(real) - t->offset;
    const float q = fminf(fmaxf(r, 0.0f), t->steps);
    const bool inside = r >= 0.0f && r <= t->steps, passes = y > t->low && y < t->high;
    sums->scale += (double)(((isnan(r) ? r : q) + t->offset - (inside ? real : 0.0f)) * diff);
    sums->outside += inside ? 0.0 : (double)diff;
    return inside && passes ? diff : 0.0f;
}
