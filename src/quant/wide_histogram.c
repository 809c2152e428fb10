/* The 2048-bin histogram behind the analyzers of AIMET v2. Float32 arithmetic is kept where it decides on a bin. */
#include "quant/wide_histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

static bool finite_ends(const float *values, int64_t count, int64_t stride, float *min_out,
                        float *max_out)
{
    float min = FLT_MAX, max = -FLT_MAX;
    bool any = false;
    for (int64_t i = 0; i < count; i++) {
        const float x = values[i * stride];
        if (!isfinite(x))
            continue;
        any = true;
        min = fminf(min, x);
        max = fmaxf(max, x);
    }
    *min_out = min;
    *max_out = max;
    return any;
}

static void lay(rf_wide_histogram *h, float min, float max)
{
    h->laid = true;
    h->min = h->low = min;
    h->max = h->high = max;
    if (min == max) {
        h->low -= 0.5f;
        h->high += 0.5f;
    }
}

float rf_wide_histogram_edge(const rf_wide_histogram *h, int index)
{
    const float step = (h->high - h->low) / (float)RF_WIDE_BINS;
    return index < RF_WIDE_BINS / 2 ? h->low + step * (float)index
                                    : h->high - step * (float)(RF_WIDE_BINS - index);
}

/* As torch.histc finds a bin. */
static void count_values(rf_wide_histogram *h, const float *values, int64_t count, int64_t stride)
{
    int64_t hits[RF_WIDE_BINS] = { 0 };
    const float width = h->high - h->low; /* 0 for values so large that half a unit is lost */
    for (int64_t i = 0; i < count; i++) {
        const float x = values[i * stride];
        if (!(x >= h->low && x <= h->high))
            continue;
        const int bin = width > 0.0f ? (int)((x - h->low) / width * (float)RF_WIDE_BINS) : 0;
        hits[bin < RF_WIDE_BINS ? bin : RF_WIDE_BINS - 1]++;
    }
    for (int i = 0; i < RF_WIDE_BINS; i++)
        h->count[i] += (float)hits[i];
}

static int bin_at(float low, float width, float value)
{
    const int bin = (int)((value - low) / width);
    return bin < RF_WIDE_BINS - 1 ? bin : RF_WIDE_BINS - 1;
}

/* Counts of `old` go where the left edge of their bin lies; what sticks out goes to the bin of the right edge. */
static void move_counts(const rf_wide_histogram *old, rf_wide_histogram *h)
{
    const float from = (old->max - old->min) / (float)RF_WIDE_BINS;
    const float to = (h->max - h->min) / (float)RF_WIDE_BINS;
    for (int i = 0; i < RF_WIDE_BINS; i++) {
        const float count = old->count[i], start = old->min + from * (float)i;
        if (!(count > 0.0f))
            continue;
        const int bin = bin_at(h->min, to, start);
        const float end = h->min + to * (float)(bin + 1);
        /* Where all old values were the same, they are at `start`. */
        const float share = from > 0.0f ? rintf((end - start) / from * count) : count;
        const float stays = fminf(share, count);
        h->count[bin] += stays;
        if (stays < count)
            h->count[bin_at(h->min, to, start + from)] += count - stays;
    }
}

void rf_wide_histogram_update(rf_wide_histogram *h, const float *values, int64_t count,
                              int64_t stride)
{
    float min, max;
    if (!finite_ends(values, count, stride, &min, &max))
        return;
    if (!isfinite(fmaxf(max, h->max) - fminf(min, h->min)))
        return; /* the analyzer refuses such values */
    if (!h->laid) {
        lay(h, min, max);
    } else if (min < h->min || max > h->max) {
        const rf_wide_histogram old = *h;
        memset(h, 0, sizeof *h);
        lay(h, fminf(min, old.min), fmaxf(max, old.max));
        move_counts(&old, h);
    }
    count_values(h, values, count, stride);
}
