/* The percentile scheme: the range that holds all but the outermost share of values. Source: AIMET PercentileEncodingAnalyzer.cpp. */
#include "quant/analyzer_kind.h"

#include <math.h>

static void cumulate(const rf_histogram *h, float cdf[RF_HISTOGRAM_BINS])
{
    double sum = 0.0;
    for (int i = 0; i < RF_HISTOGRAM_BINS; i++) {
        sum += h->mass[i];
        cdf[i] = (float)sum;
    }
}

static void cut_tails(const rf_histogram *h, double percentile, float *low, float *high)
{
    float cdf[RF_HISTOGRAM_BINS];
    const float inside = (float)(percentile / 100.0), outside = (float)(1.0 - percentile / 100.0);
    const float observed_high = *high;
    cumulate(h, cdf);
    int i = 0;
    while (i < RF_HISTOGRAM_BINS - 1 && !(cdf[i] >= outside))
        i++;
    *low = (float)h->left[i];
    for (i = RF_HISTOGRAM_BINS - 1; i > 0; i--) {
        if (cdf[i] < inside && h->left[i] < (double)observed_high)
            break;
    }
    *high = (float)(h->left[i] + h->width);
    if (*low == *high)
        *high += (float)h->width;
}

static rf_encoding conclude(const rf_analyzer *a, const rf_qspec *spec)
{
    float low, high;
    if (!a->histogram->laid)
        return rf_encoding_of_zeros(rf_qspec_steps(spec));
    rf_histogram_range(a->histogram, &low, &high);
    if (a->percentile < 100.0)
        cut_tails(a->histogram, a->percentile, &low, &high);
    const double min = fmin((double)low, 0.0);
    /* Beyond AIMET: a cut that leaves nothing must not give a scale of zero. */
    const double max = fmax(fmax((double)high, 0.0), min + (double)RF_GATE_EPSILON);
    return rf_encoding_of_range(spec, min, max);
}

const rf_analyzer_kind rf_analyzer_percentile = { .scheme = RF_SCHEME_PERCENTILE,
                                                  .needs_histogram = true,
                                                  .conclude = conclude };
