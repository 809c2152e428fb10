/* The tf scheme: from the smallest to the largest value seen. Source: AIMET TfEncodingAnalyzer.cpp. */
#include "quant/analyzer_kind.h"

#include <math.h>

static rf_encoding conclude(const rf_analyzer *a, const rf_qspec *spec)
{
    const double min = fmin(0.0, a->min);
    const double max = fmax(fmax(0.0, a->max), min + RF_MIN_RANGE);
    return rf_encoding_of_range(spec, min, max);
}

const rf_analyzer_kind rf_analyzer_tf = { .scheme = RF_SCHEME_TF, .conclude = conclude };
