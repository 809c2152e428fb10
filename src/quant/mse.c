/* The mse scheme: of all pairs of bin edges around zero the range with the least squared error. Source: AIMET MseEncodingAnalyzer.cpp. */
#include "quant/analyzer_kind.h"

#include <math.h>

/* Ends that a range may have: bin edges on one side of zero, and zero. */
typedef struct ends {
    int count;
    double at[RF_HISTOGRAM_BINS + 2];
} ends;

static void add_end(ends *e, double at)
{
    e->at[e->count++] = at;
}

/* The lowest edge is the observed one; the others are the histogram's own. */
static void collect_ends(const rf_histogram *h, double low, double high, ends *minima, ends *maxima)
{
    minima->count = maxima->count = 0;
    if (low < 0.0)
        add_end(minima, low);
    for (int i = 0; i < RF_HISTOGRAM_BINS; i++) {
        const double edge = h->left[i];
        if (edge < low || edge > high || edge == 0.0)
            continue;
        add_end(edge < 0.0 ? minima : maxima, edge);
    }
    add_end(minima, 0.0);
    add_end(maxima, 0.0);
}

RF_MULTIARCH static double range_cost(const rf_filled_bins *bins, const double *middle,
                                      const rf_encoding *e)
{
    const double offset = (double)e->offset;
    double sum = 0.0;
    for (int i = 0; i < bins->count; i++) {
        const double v = middle[i];
        const double inside = v < e->min ? e->min : v > e->max ? e->max : v;
        const double real = e->scale * (rf_round_away(inside / e->scale - offset) + offset);
        sum += bins->mass[i] * (v - real) * (v - real);
    }
    return sum;
}

/* A symmetric grid depends on the larger end only: whether an earlier pair had the same one. */
static bool is_repeated(const rf_qspec *spec, const ends *minima, int i, const ends *maxima, int j)
{
    const double below = -minima->at[i], above = maxima->at[j];
    if (!spec->symmetric || (spec->is_unsigned && below == 0.0))
        return false;
    if (above <= below)
        return j > 0;
    return i > 0 && above > -minima->at[i - 1];
}

static rf_encoding conclude(const rf_analyzer *a, const rf_qspec *spec)
{
    const rf_histogram *h = a->histogram;
    float low, high;
    if (!h->laid)
        return rf_encoding_of_zeros(rf_qspec_steps(spec));
    rf_histogram_range(h, &low, &high);
    const double top = (double)high + h->width;

    rf_filled_bins bins;
    double middle[RF_HISTOGRAM_BINS];
    rf_histogram_filled(h, &bins);
    const int first = bins.index[0];
    for (int i = 0; i < bins.count; i++)
        middle[i] = h->left[first] + (bins.index[i] - first) * h->width + h->width / 2.0;

    ends minima, maxima;
    collect_ends(h, (double)low, top, &minima, &maxima);
    double best = INFINITY, min = 0.0, max = top;
    for (int i = 0; i < minima.count; i++) {
        for (int j = 0; j < maxima.count; j++) {
            if (minima.at[i] == 0.0 && maxima.at[j] == 0.0)
                continue;
            if (is_repeated(spec, &minima, i, &maxima, j))
                continue;
            const rf_encoding e = rf_encoding_of_range(spec, minima.at[i], maxima.at[j]);
            const double cost = range_cost(&bins, middle, &e);
            if (cost < best) {
                best = cost;
                min = minima.at[i];
                max = maxima.at[j];
            }
        }
    }
    return rf_encoding_of_range(spec, min, max);
}

const rf_analyzer_kind rf_analyzer_mse = { .scheme = RF_SCHEME_MSE,
                                           .needs_histogram = true,
                                           .conclude = conclude };
