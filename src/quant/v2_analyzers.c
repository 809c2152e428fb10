/*
 * The analyzers of AIMET v2: min-max, percentile, and SQNR in the place of tf_enhanced. Everything that decides between
 * candidates is float32, as there. Source: AIMET v2 encoding_analyzer.py.
 */
#include <float.h>
#include <math.h>

#include "quant/analyzer_kind.h"

/* Smallest scale that an analyzer reports. */
#define LEAST_SCALE FLT_EPSILON

static rf_encoding encoding_of(const rf_qspec *spec, float min, float max)
{
    float scale;
    int32_t offset;
    rf_scale_offset(spec, min, max, &scale, &offset);
    return (rf_encoding){ (double)min, (double)max, (double)scale, offset };
}

/* Raw ends where asymmetric: they are not snapped. Symmetric: the scale that covers both ends on a grid -8..7. */
static rf_encoding encoding_of_ends(const rf_qspec *spec, float min, float max)
{
    const float steps = (float)rf_qspec_steps(spec);
    const float above = floorf(steps / 2.0f), below = ceilf(steps / 2.0f);
    min = fminf(min, 0.0f);
    max = fmaxf(max, 0.0f);
    if ((max - min) / steps < LEAST_SCALE) {
        max += (spec->symmetric ? above : steps) * LEAST_SCALE;
        min -= spec->symmetric ? below * LEAST_SCALE : 0.0f;
    }
    if (!spec->symmetric)
        return encoding_of(spec, min, max);
    const float scale = fmaxf(max / above, -min / below);
    return encoding_of(spec, -below * scale, above * scale);
}

static rf_encoding conclude_min_max(const rf_analyzer *a, const rf_qspec *spec)
{
    return encoding_of_ends(spec, (float)a->min, (float)a->max);
}

const rf_analyzer_kind rf_analyzer_v2_min_max = { .scheme = RF_SCHEME_TF,
                                                  .conclude = conclude_min_max };

/* ----------------------------------------------------------------------------- percentile --- */

static rf_encoding conclude_percentile(const rf_analyzer *a, const rf_qspec *spec)
{
    const rf_wide_histogram *h = a->wide;
    double total = 0.0, below = 0.0;
    int low = -1, high = -1;
    for (int i = 0; i < RF_WIDE_BINS; i++)
        total += (double)h->count[i];
    const double least = total * (1.0 - a->percentile / 100.0);
    const double most = total * (a->percentile / 100.0);
    if (a->percentile >= 100.0)
        return encoding_of_ends(spec, h->low, h->high);
    for (int i = 0; i < RF_WIDE_BINS && (low < 0 || high < 0); i++) {
        below += (double)h->count[i];
        if (low < 0 && below >= least)
            low = i;
        if (high < 0 && below >= most)
            high = i;
    }
    return encoding_of_ends(spec, rf_wide_histogram_edge(h, low < 0 ? 0 : low),
                            rf_wide_histogram_edge(h, high < 0 ? RF_WIDE_BINS : high));
}

const rf_analyzer_kind rf_analyzer_v2_percentile = { .scheme = RF_SCHEME_PERCENTILE,
                                                     .needs_wide_histogram = true,
                                                     .conclude = conclude_percentile };

/* ----------------------------------------------------------------------------------- SQNR --- */

#define CLIPPED_WEIGHT 3.0f
#define SYMMETRIC_SCALES 101
#define ASYMMETRIC_SCALES 17
#define MOST_OFFSETS 21

/* Bins that hold something, and the best grid so far. */
typedef struct search {
    float middle[RF_WIDE_BINS], count[RF_WIDE_BINS];
    int filled;
    float steps;
    double noise;
    float scale, offset;
} search;

RF_MULTIARCH static double noise_of(const search *s, float scale, float offset)
{
    const float steps = s->steps;
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < s->filled; i++) {
        const float x = s->middle[i];
        const float r = rintf(x / scale - offset);
        const float q = r < 0.0f ? 0.0f : r > steps ? steps : r;
        const float error = x - (q + offset) * scale;
        sum += (double)(error * error * s->count[i] * (q == r ? 1.0f : CLIPPED_WEIGHT));
    }
    return sum;
}

static void consider(search *s, float scale, float offset)
{
    const double noise = noise_of(s, scale, offset);
    if (noise < s->noise) {
        s->noise = noise;
        s->scale = scale;
        s->offset = offset;
    }
}

static void search_symmetric(search *s, float min, float max)
{
    const float largest = 2.0f * fmaxf(max, -min) / s->steps;
    for (int k = 1; k <= SYMMETRIC_SCALES; k++)
        consider(s, fmaxf(largest * (float)k / (float)(SYMMETRIC_SCALES - 1), LEAST_SCALE),
                 floorf(-s->steps / 2.0f));
}

/* One candidate, cut to the range that was observed. */
static void consider_clipped(search *s, float scale, float offset, float low, float high)
{
    const float min = fmaxf(low, scale * offset);
    const float max = fminf(high, scale * offset + scale * s->steps);
    const float clipped = fmaxf((max - min) / s->steps, LEAST_SCALE);
    consider(s, clipped, rintf(min / clipped));
}

static void search_asymmetric(search *s, float min, float max)
{
    const float largest = (max - min) / s->steps;
    const float observed = rintf(min / largest);
    const float low = largest * observed, high = low + largest * s->steps;
    const int offsets = (int)fminf(s->steps + 2.0f, MOST_OFFSETS);
    const float step = s->steps / (float)(offsets - 2);
    for (int k = 1; k <= ASYMMETRIC_SCALES; k++) {
        const float scale = largest * (float)k / (float)(ASYMMETRIC_SCALES - 1);
        for (int j = 0; j < offsets - 1; j++)
            consider_clipped(s, scale, rintf(-s->steps + (float)j * step), low, high);
        consider_clipped(s, scale, observed, low, high);
    }
}

static rf_encoding conclude_sqnr(const rf_analyzer *a, const rf_qspec *spec)
{
    const rf_wide_histogram *h = a->wide;
    search s = { .steps = (float)rf_qspec_steps(spec), .noise = INFINITY };
    /* The width is that of the first bin, which float32 knows to few digits: the last bins shift by a part of theirs. */
    const float width = rf_wide_histogram_edge(h, 1) - h->low, first = h->low + width / 2.0f;
    for (int i = 0; i < RF_WIDE_BINS; i++) {
        if (!(h->count[i] > 0.0f))
            continue;
        s.middle[s.filled] = first + width * (float)i;
        s.count[s.filled++] = h->count[i];
    }
    const float min = fminf(h->min, 0.0f);
    const float max = fmaxf(fmaxf(h->max, 0.0f), min + LEAST_SCALE * s.steps);
    if (spec->symmetric)
        search_symmetric(&s, min, max);
    else
        search_asymmetric(&s, min, max);
    const float low = s.offset * s.scale;
    return encoding_of(spec, low, low + s.steps * s.scale);
}

const rf_analyzer_kind rf_analyzer_v2_sqnr = { .scheme = RF_SCHEME_TF_ENHANCED,
                                               .needs_wide_histogram = true,
                                               .conclude = conclude_sqnr };
