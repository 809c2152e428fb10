/*
 * The 512-bin histogram that tf_enhanced, percentile and mse conclude from. Its bins are laid by the first batch that is
 * not all zero, three times as wide as its values, and stay; values outside are dropped; each batch weighs the same.
 * Source: AIMET DlQuantization, math_functions.cpp.
 */
#ifndef RF_QUANT_HISTOGRAM_H
#define RF_QUANT_HISTOGRAM_H

#include "quant/qparams.h"

#define RF_HISTOGRAM_BINS 512

typedef struct rf_histogram {
    bool laid; /* bins exist; false: only zeros so far */
    double width;
    double left
        [RF_HISTOGRAM_BINS]; /* values round to the nearest of these: bins are centred on them */
    double mass[RF_HISTOGRAM_BINS]; /* mean over batches of the share of values */
    int64_t batches;
} rf_histogram;

/* Lay the bins for these values, unless there are bins, or the values are all zero. */
void rf_histogram_lay(rf_histogram *h, const float *values, int64_t count, int64_t stride);
/* Add to `hits`: values in each bin, outside of all, and not finite. The bins must be laid. */
void rf_histogram_count(const rf_histogram *h, const float *values, int64_t count, int64_t stride,
                        int64_t hits[RF_HISTOGRAM_BINS + 2]);
/* A batch of `count` values with these hits. Values that are not finite are left out. */
void rf_histogram_add(rf_histogram *h, int64_t count, const int64_t hits[RF_HISTOGRAM_BINS + 2]);
/* Left ends of the outermost bins with mass, widened to hold 0 and to RF_MIN_RANGE. */
void rf_histogram_range(const rf_histogram *h, float *low_out, float *high_out);

#endif
