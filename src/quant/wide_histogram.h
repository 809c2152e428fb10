/*
 * The 2048-bin histogram of AIMET v2: from the smallest to the largest value seen, laid anew when a batch goes beyond;
 * every value weighs the same. Source: AIMET v2 encoding_analyzer.py, _HistogramObserver.
 */
#ifndef RF_QUANT_WIDE_HISTOGRAM_H
#define RF_QUANT_WIDE_HISTOGRAM_H

#include "quant/qparams.h"

#define RF_WIDE_BINS 2048

typedef struct rf_wide_histogram {
    bool laid;
    float min, max;            /* of the values */
    float low, high;           /* outer edges; a unit wide where all values are the same */
    float count[RF_WIDE_BINS]; /* float32, as there: whole numbers, exact up to 2^24 */
} rf_wide_histogram;

/* Values that are not finite are left out. */
void rf_wide_histogram_update(rf_wide_histogram *h, const float *values, int64_t count,
                              int64_t stride);
/* Edge `index` in [0, RF_WIDE_BINS]. */
float rf_wide_histogram_edge(const rf_wide_histogram *h, int index);

#endif
