/*
 * The tf_enhanced scheme: of a fixed set of grids the one with the least squared error on the histogram, where values
 * that saturate count three times. Source: AIMET TfEnhancedEncodingAnalyzer.cpp; float32 steps are kept as they are there,
 * since candidates that differ in the last bit change which one wins.
 */
#include "quant/analyzer_kind.h"

#include <math.h>

#define SATURATION_WEIGHT 3.0
#define SYMMETRIC_CANDIDATES 100
#define SCALE_CANDIDATES 16
#define OFFSET_CANDIDATES 20

/* The search: what is known of the values, and the best grid so far. */
typedef struct search {
    const rf_histogram *histogram;
    rf_filled_bins bins;
    double steps;
    double top_code; /* 2^bw - 1, also where a strict grid has one step less */
    float low, high; /* observed range */
    double cost;
    float scale;
    int offset;
} search;

static int bin_of(const rf_histogram *h, double value)
{
    const double bin = floor((value - h->left[0]) / h->width);
    return bin > 0.0 ? (int)fmin(bin, RF_HISTOGRAM_BINS - 1) : 0;
}

static double square(double x)
{
    return x * x;
}

RF_MULTIARCH static double inner_cost(const rf_filled_bins *bins, int begin, int end, double scale,
                                      double offset)
{
    double sum = 0.0;
    for (int i = begin; i < end; i++) {
        const double middle = bins->middle[i];
        const double real = scale * (rf_round_away(middle / scale - offset) + offset);
        sum += bins->mass[i] * square(middle - real);
    }
    return sum;
}

static double grid_cost(const search *s, float scale, int offset)
{
    const rf_filled_bins *bins = &s->bins;
    const int low = bin_of(s->histogram, (double)scale * offset);
    const int high = bin_of(s->histogram, (double)scale * (offset + s->top_code));
    const double half = s->histogram->width / 2.0, first = s->histogram->left[0];
    const double low_middle = first + low * s->histogram->width + half;
    const double high_middle = first + high * s->histogram->width + half;
    double saturated = 0.0;
    int begin = 0, end;
    for (; begin < bins->count && bins->index[begin] < low; begin++)
        saturated += bins->mass[begin] * square(bins->middle[begin] - low_middle);
    for (end = begin; end < bins->count && bins->index[end] < high;)
        end++;
    for (int i = end; i < bins->count; i++)
        saturated += bins->mass[i] * square(bins->middle[i] - high_middle);
    return SATURATION_WEIGHT * saturated + inner_cost(bins, begin, end, (double)scale, offset);
}

static void consider(search *s, float scale, int offset)
{
    const double cost = grid_cost(s, scale, offset);
    if (cost < s->cost) {
        s->cost = cost;
        s->scale = scale;
        s->offset = offset;
    }
}

static void search_symmetric(search *s, bool is_unsigned)
{
    const bool from_zero = s->low == 0.0f && is_unsigned;
    const float largest =
        from_zero ? (float)((double)s->high / s->steps)
                  : (float)((double)fmaxf(fabsf(s->high), fabsf(s->low)) / (s->steps / 2.0));
    const int offset = from_zero ? 0 : (int)floor(-s->steps / 2.0);
    const float step = 1.0f / SYMMETRIC_CANDIDATES;
    /* The sum of floats ends at 1.0099994: 101 candidates, none at 1.01 exactly. */
    for (float f = step; f <= 1.0f + step; f += step)
        consider(s, f * largest, offset);
}

static void consider_clipped(search *s, float scale, int offset)
{
    float min = scale * (float)offset;
    float max = scale * ((float)offset + (float)s->steps);
    if (min < s->low && max > s->high)
        return;
    min = fmaxf(s->low, min);
    max = fminf(s->high, max);
    if (min == max)
        return;
    const float clipped = (max - min) / (float)s->steps;
    consider(s, clipped, (int)roundf(min / clipped));
}

static void search_asymmetric(search *s)
{
    const float steps = (float)s->steps;
    const float observed = (s->high - s->low) / steps;
    const int observed_offset = (int)roundf(s->low / observed);
    s->low = observed * (float)observed_offset;
    s->high = observed * ((float)observed_offset + steps);
    for (int f = 1; f <= SCALE_CANDIDATES + 1; f++) {
        const float scale = (float)f / SCALE_CANDIDATES * observed;
        for (int i = 0; i <= OFFSET_CANDIDATES; i++)
            consider_clipped(s, scale, (int)(-s->steps + s->steps / OFFSET_CANDIDATES * i));
    }
    consider(s, observed, observed_offset);
}

static rf_encoding conclude(const rf_analyzer *a, const rf_qspec *spec)
{
    const int64_t top_code = ((int64_t)1 << spec->bitwidth) - 1;
    if (!a->histogram->laid)
        return rf_encoding_of_zeros(top_code);
    search s = { .histogram = a->histogram,
                 .steps = (double)rf_qspec_steps(spec),
                 .top_code = (double)top_code,
                 .cost = INFINITY };
    rf_histogram_filled(a->histogram, &s.bins);
    rf_histogram_range(a->histogram, &s.low, &s.high);
    if (spec->symmetric)
        search_symmetric(&s, spec->is_unsigned);
    else
        search_asymmetric(&s);
    return (rf_encoding){
        .min = (double)(s.scale * (float)s.offset),
        .max = (double)(s.scale * ((float)s.offset + (float)s.steps)),
        .scale = (double)s.scale,
        .offset = s.offset,
    };
}

const rf_analyzer_kind rf_analyzer_tf_enhanced = { .scheme = RF_SCHEME_TF_ENHANCED,
                                                   .needs_histogram = true,
                                                   .conclude = conclude };
