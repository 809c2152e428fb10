/* The 512-bin histogram behind the tf_enhanced, percentile and mse analyzers. */
#include "quant/histogram.h"

#include <float.h>
#include <math.h>

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

static float within_float(float x)
{
    return fminf(fmaxf(x, -FLT_MAX), FLT_MAX);
}

static void lay_bins(rf_histogram *h, float min, float max)
{
    if (min == max)
        max = fmaxf(max, (float)((double)min + RF_MIN_RANGE));
    const float centre = (min + max) / 2.0f;
    const float low = within_float(centre - 3.0f * (centre - min));
    const float high = within_float(centre + 3.0f * (max - centre));
    h->width = (double)(high - low) / RF_HISTOGRAM_BINS;
    for (int i = 0; i < RF_HISTOGRAM_BINS; i++)
        h->left[i] = (double)low + i * h->width;
    h->laid = true;
}

void rf_histogram_update(rf_histogram *h, const float *values, int64_t count, int64_t stride)
{
    int64_t hits[RF_HISTOGRAM_BINS] = { 0 }, seen = 0;
    float min, max;
    if (!finite_ends(values, count, stride, &min, &max))
        return;
    if (!h->laid) {
        if (min == 0.0f && max == 0.0f)
            return;
        lay_bins(h, min, max);
    }
    const float width = (float)(h->left[1] - h->left[0]);
    const float shift = (float)(h->left[0] / (double)width);
    for (int64_t i = 0; i < count; i++) {
        const float x = values[i * stride];
        if (!isfinite(x))
            continue;
        seen++;
        const float bin = roundf(x / width - shift);
        if (bin >= 0.0f && bin < (float)RF_HISTOGRAM_BINS)
            hits[(int)bin]++;
    }
    const double before = (double)h->batches++;
    for (int i = 0; i < RF_HISTOGRAM_BINS; i++)
        h->mass[i] = (h->mass[i] * before + (double)hits[i] / (double)seen) / (before + 1.0);
}

void rf_histogram_range(const rf_histogram *h, float *low_out, float *high_out)
{
    int first = 0, last = RF_HISTOGRAM_BINS - 1;
    while (first < RF_HISTOGRAM_BINS - 1 && !(h->mass[first] > 0.0))
        first++;
    while (last > 1 && !(h->mass[last] > 0.0))
        last--;
    const float low = fminf((float)h->left[first], 0.0f);
    const float high = fmaxf((float)h->left[last], 0.0f);
    *low_out = low;
    *high_out = fmaxf(high, (float)((double)low + RF_MIN_RANGE));
}
