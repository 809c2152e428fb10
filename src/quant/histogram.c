/* The 512-bin histogram behind the tf_enhanced, percentile and mse analyzers. */
#include "quant/histogram.h"

#include <float.h>
#include <math.h>

#include "base/compiler.h"

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

/* Counts of one part of a batch; four tables, so that equal neighbours (zeros) do not wait for each other's count. */
#define TABLES 4
#define OUTSIDE RF_HISTOGRAM_BINS
#define NOT_FINITE (RF_HISTOGRAM_BINS + 1)
typedef struct tally {
    int32_t hits[TABLES][RF_HISTOGRAM_BINS + 2];
} tally;

#define BLOCK 512
#define NEARLY_HALF 0.49999997f /* truncating x +- this rounds half away from zero, exactly */

/* Bin, or OUTSIDE, or NOT_FINITE, of each value. */
static inline void find_bins(const float *values, int64_t count, int64_t stride, float width,
                             float shift, int32_t *bins)
{
    for (int64_t i = 0; i < count; i++) {
        const float x = values[i * stride];
        const float at = x / width - shift;
        const float bin = truncf(at + copysignf(NEARLY_HALF, at));
        const bool inside = bin >= 0.0f && bin < (float)RF_HISTOGRAM_BINS;
        const int32_t index = inside ? (int32_t)bin : OUTSIDE;
        bins[i] = x >= -FLT_MAX && x <= FLT_MAX ? index : NOT_FINITE;
    }
}

RF_MULTIARCH static void find_bins_dense(const float *values, int64_t count, float width,
                                         float shift, int32_t *bins)
{
    find_bins(values, count, /*stride=*/1, width, shift, bins);
}

static void tally_part(const float *values, int64_t count, int64_t stride, float width, float shift,
                       tally *t)
{
    int32_t bins[BLOCK] = { 0 };
    for (int64_t at = 0; at < count; at += BLOCK) {
        const int64_t n = count - at < BLOCK ? count - at : BLOCK;
        if (stride == 1)
            find_bins_dense(values + at, n, width, shift, bins);
        else
            find_bins(values + at * stride, n, stride, width, shift, bins);
        for (int64_t i = 0; i < n; i++)
            t->hits[i % TABLES][bins[i]]++;
    }
}

#define PARTS 16
#define PART_LEAST 16384 /* values; fewer are not worth a thread */

/* Whole numbers, so that neither parts nor threads change the sums. */
void rf_histogram_count(const rf_histogram *h, const float *values, int64_t count, int64_t stride,
                        int64_t hits[RF_HISTOGRAM_BINS + 2])
{
    const float width = (float)(h->left[1] - h->left[0]);
    const float shift = (float)(h->left[0] / (double)width);
    const int64_t wanted = count / PART_LEAST + 1, parts = wanted < PARTS ? wanted : PARTS;
#pragma omp parallel for schedule(static) if (parts > 1)
    for (int64_t k = 0; k < parts; k++) {
        const int64_t begin = count * k / parts, end = count * (k + 1) / parts;
        tally t = { 0 };
        tally_part(values + begin * stride, end - begin, stride, width, shift, &t);
        for (int i = 0; i < RF_HISTOGRAM_BINS + 2; i++) {
            const int64_t sum = (int64_t)t.hits[0][i] + t.hits[1][i] + t.hits[2][i] + t.hits[3][i];
#pragma omp atomic
            hits[i] += sum;
        }
    }
}

void rf_histogram_lay(rf_histogram *h, const float *values, int64_t count, int64_t stride)
{
    float min, max;
    if (!h->laid && finite_ends(values, count, stride, &min, &max) && !(min == 0.0f && max == 0.0f))
        lay_bins(h, min, max);
}

void rf_histogram_add(rf_histogram *h, int64_t count, const int64_t hits[RF_HISTOGRAM_BINS + 2])
{
    const int64_t seen = count - hits[NOT_FINITE];
    if (!h->laid || seen == 0)
        return;
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
