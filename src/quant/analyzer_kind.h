/* The inside of an analyzer: what it gathers, and one function a scheme that concludes from it. */
#ifndef RF_QUANT_ANALYZER_KIND_H
#define RF_QUANT_ANALYZER_KIND_H

#include "quant/analyzer.h"
#include "quant/histogram.h"
#include "quant/wide_histogram.h"

struct rf_analyzer {
    rf_context *ctx;
    const struct rf_analyzer_kind *kind;
    double percentile;
    int64_t seen, finite, nans; /* values */
    double min, max;            /* of finite values */
    rf_histogram *histogram;    /* NULL where the scheme needs none */
    rf_wide_histogram *wide;    /* the same */
};

typedef struct rf_analyzer_kind {
    rf_scheme scheme;
    bool needs_histogram, needs_wide_histogram;
    rf_encoding (*conclude)(const rf_analyzer *analyzer, const rf_qspec *spec);
} rf_analyzer_kind;

extern const rf_analyzer_kind rf_analyzer_tf, rf_analyzer_tf_enhanced, rf_analyzer_percentile,
    rf_analyzer_mse, rf_analyzer_v2_min_max, rf_analyzer_v2_percentile, rf_analyzer_v2_sqnr;

/* A tensor that held nothing but zeros under a histogram scheme: -1..1. `steps` differs between the schemes. */
rf_encoding rf_encoding_of_zeros(int64_t steps);

/* The bins that hold something, from the left: cost functions walk these only. */
typedef struct rf_filled_bins {
    int count;
    int index[RF_HISTOGRAM_BINS];
    double mass[RF_HISTOGRAM_BINS], middle[RF_HISTOGRAM_BINS]; /* middle: left + width / 2 */
} rf_filled_bins;
void rf_histogram_filled(const rf_histogram *h, rf_filled_bins *out);

/* round(), half away from zero, in a form that vectorizes. */
static inline double rf_round_away(double x)
{
    const double nearly_half = 0.49999999999999994;
    return __builtin_trunc(x + __builtin_copysign(nearly_half, x));
}

#endif
