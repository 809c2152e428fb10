/*
 * Range analyzers: what a calibration observes, and the range it concludes. One analyzer a channel.
 * Source: AIMET DlQuantization, *EncodingAnalyzer.cpp.
 */
#ifndef RF_QUANT_ANALYZER_H
#define RF_QUANT_ANALYZER_H

#include "quant/qparams.h"

typedef enum rf_scheme {
    RF_SCHEME_TF,
    RF_SCHEME_TF_ENHANCED,
    RF_SCHEME_PERCENTILE,
    RF_SCHEME_MSE
} rf_scheme;

#define RF_TALLY_BINS 512 /* as the histograms have */

typedef struct rf_analyzer rf_analyzer;

/* percentile: 90..100, read by RF_SCHEME_PERCENTILE only. */
rf_status rf_analyzer_new(rf_context *ctx, rf_scheme scheme, double percentile, rf_analyzer **out);
/* AIMET v2's analyzer of that name; RF_EARG for mse, which it has not. */
rf_status rf_analyzer_new_v2(rf_context *ctx, rf_scheme scheme, double percentile,
                             rf_analyzer **out);
void rf_analyzer_free(rf_analyzer *analyzer);
/* One batch of values (each batch weighs the same in the histogram schemes). `stride` in elements. */
void rf_analyzer_update(rf_analyzer *analyzer, const float *values, int64_t count, int64_t stride);
/*
 * The same in two halves, for batches that other processes look at: what a batch holds, and adding it. Only where
 * rf_analyzer_is_laid; added in the order of batches the result is that of rf_analyzer_update, bit for bit.
 */
typedef struct rf_tally {
    int64_t seen, finite, nans;
    double min, max;                 /* of finite values */
    int64_t hits[RF_TALLY_BINS + 2]; /* per bin, outside, not finite */
} rf_tally;
bool rf_analyzer_is_laid(
    const rf_analyzer *analyzer); /* what a batch gives no longer depends on those before */
void rf_analyzer_tally(const rf_analyzer *analyzer, const float *values, int64_t count,
                       int64_t stride, rf_tally *out);
void rf_analyzer_add(rf_analyzer *analyzer, const rf_tally *tally);
bool rf_analyzer_has_data(const rf_analyzer *analyzer); /* a finite value was seen */
bool rf_analyzer_is_empty(const rf_analyzer *analyzer); /* no update came, or only empty ones */
/* RF_ENUMERIC when a NaN, only infinite values or absurdly large ones were seen. The caller adds the tensor's name. */
rf_status rf_analyzer_encoding(rf_analyzer *analyzer, const rf_qspec *spec, rf_encoding *out);

#endif
