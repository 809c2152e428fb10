/* Range analyzers: gathering values, and the table of schemes. */
#include "quant/analyzer_kind.h"

#include <float.h>
#include <math.h>

#include "base/context.h"

/* Wider ranges overflow float32 in the schemes' arithmetic. */
#define LARGEST_WIDTH ((double)FLT_MAX / 16.0)

static const rf_analyzer_kind *const kinds[] = {
    [RF_SCHEME_TF] = &rf_analyzer_tf,
    [RF_SCHEME_TF_ENHANCED] = &rf_analyzer_tf_enhanced,
    [RF_SCHEME_PERCENTILE] = &rf_analyzer_percentile,
    [RF_SCHEME_MSE] = &rf_analyzer_mse,
};

static const rf_analyzer_kind *const v2_kinds[] = {
    [RF_SCHEME_TF] = &rf_analyzer_v2_min_max,
    [RF_SCHEME_TF_ENHANCED] = &rf_analyzer_v2_sqnr,
    [RF_SCHEME_PERCENTILE] = &rf_analyzer_v2_percentile,
    [RF_SCHEME_MSE] = NULL,
};

static rf_status new_histograms(rf_analyzer *a)
{
    if (a->kind->needs_histogram)
        RF_NEW_ARRAY(a->ctx, a->histogram, 1);
    if (a->kind->needs_wide_histogram)
        RF_NEW_ARRAY(a->ctx, a->wide, 1);
    return RF_OK;
}

static rf_status new_of_kind(rf_context *ctx, const rf_analyzer_kind *kind, double percentile,
                             rf_analyzer **out)
{
    if (kind->scheme == RF_SCHEME_PERCENTILE && !(percentile >= 90.0 && percentile <= 100.0))
        return rf_fail(ctx, RF_EARG, "percentile %g: expected a number from 90 to 100", percentile);
    rf_analyzer *a = rf_calloc(ctx, 1, sizeof *a);
    if (!a)
        return RF_ENOMEM;
    a->ctx = ctx;
    a->kind = kind;
    a->percentile = percentile;
    a->min = DBL_MAX;
    a->max = -DBL_MAX;
    const rf_status st = new_histograms(a);
    if (st == RF_OK)
        *out = a;
    else
        rf_analyzer_free(a);
    return st;
}

rf_status rf_analyzer_new(rf_context *ctx, rf_scheme scheme, double percentile, rf_analyzer **out)
{
    return new_of_kind(ctx, kinds[scheme], percentile, out);
}

rf_status rf_analyzer_new_v2(rf_context *ctx, rf_scheme scheme, double percentile,
                             rf_analyzer **out)
{
    if (!v2_kinds[scheme])
        return rf_fail(ctx, RF_EARG, "AIMET v2 has no scheme mse; use tf, tf-enhanced, percentile");
    return new_of_kind(ctx, v2_kinds[scheme], percentile, out);
}

void rf_analyzer_free(rf_analyzer *a)
{
    if (!a)
        return;
    rf_free(a->ctx, a->histogram);
    rf_free(a->ctx, a->wide);
    rf_free(a->ctx, a);
}

/* What a part of a batch holds. */
typedef struct summary {
    float min, max; /* of finite values */
    int64_t finite, nans;
} summary;

static inline summary summarize(const float *values, int64_t count, int64_t stride)
{
    float min = FLT_MAX, max = -FLT_MAX;
    int32_t finite = 0,
            nans = 0; /* as wide as the values, which keeps the loop in one register size */
#pragma omp simd reduction(min : min) reduction(max : max) reduction(+ : finite, nans)
    for (int64_t i = 0; i < count; i++) {
        const float x = values[i * stride];
        const bool is_finite = x >= -FLT_MAX && x <= FLT_MAX;
        const float low = is_finite ? x : FLT_MAX, high = is_finite ? x : -FLT_MAX;
        min = low < min ? low : min;
        max = high > max ? high : max;
        finite += is_finite ? 1 : 0;
        nans += x != x ? 1 : 0;
    }
    return (summary){ min, max, finite, nans };
}

RF_MULTIARCH static summary summarize_dense(const float *values, int64_t count)
{
    return summarize(values, count, /*stride=*/1);
}

static void add_summary(rf_tally *t, const summary *s)
{
    t->finite += s->finite;
    t->nans += s->nans;
    if (s->finite > 0) {
        t->min = fmin(t->min, (double)s->min);
        t->max = fmax(t->max, (double)s->max);
    }
}

#define PARTS 16
#define PART_LEAST 16384 /* values; fewer are not worth a thread */

static void gather(const float *values, int64_t count, int64_t stride, rf_tally *t)
{
    const int64_t wanted = count / PART_LEAST + 1, parts = wanted < PARTS ? wanted : PARTS;
    summary found[PARTS];
#pragma omp parallel for schedule(static) if (parts > 1)
    for (int64_t k = 0; k < parts; k++) {
        const int64_t begin = count * k / parts, end = count * (k + 1) / parts;
        const float *part = values + begin * stride;
        found[k] =
            stride == 1 ? summarize_dense(part, end - begin) : summarize(part, end - begin, stride);
    }
    for (int64_t k = 0; k < parts; k++)
        add_summary(t, &found[k]);
}

bool rf_analyzer_is_laid(const rf_analyzer *a)
{
    return !a->wide && (!a->histogram || a->histogram->laid);
}

void rf_analyzer_tally(const rf_analyzer *a, const float *values, int64_t count, int64_t stride,
                       rf_tally *out)
{
    *out = (rf_tally){ .seen = count, .min = DBL_MAX, .max = -DBL_MAX };
    gather(values, count, stride, out);
    if (a->histogram && a->histogram->laid)
        rf_histogram_count(a->histogram, values, count, stride, out->hits);
}

void rf_analyzer_add(rf_analyzer *a, const rf_tally *t)
{
    a->seen += t->seen;
    a->finite += t->finite;
    a->nans += t->nans;
    a->min = fmin(a->min, t->min);
    a->max = fmax(a->max, t->max);
    if (a->histogram)
        rf_histogram_add(a->histogram, t->seen, t->hits);
}

void rf_analyzer_update(rf_analyzer *a, const float *values, int64_t count, int64_t stride)
{
    rf_tally t;
    if (a->histogram)
        rf_histogram_lay(a->histogram, values, count, stride);
    if (a->wide)
        rf_wide_histogram_update(a->wide, values, count, stride);
    rf_analyzer_tally(a, values, count, stride, &t);
    rf_analyzer_add(a, &t);
}

bool rf_analyzer_has_data(const rf_analyzer *a)
{
    return a->finite > 0;
}

bool rf_analyzer_is_empty(const rf_analyzer *a)
{
    return a->seen == 0;
}

rf_status rf_analyzer_encoding(rf_analyzer *a, const rf_qspec *spec, rf_encoding *out)
{
    if (a->nans > 0)
        return rf_fail(a->ctx, RF_ENUMERIC, "%lld values are NaN", (long long)a->nans);
    if (a->finite == 0)
        return rf_fail(a->ctx, RF_ENUMERIC, "no value is finite");
    if (a->max - a->min > LARGEST_WIDTH)
        return rf_fail(a->ctx, RF_ENUMERIC, "values from %g to %g are beyond any sensible range",
                       a->min, a->max);
    *out = a->kind->conclude(a, spec);
    return RF_OK;
}

rf_encoding rf_encoding_of_zeros(int64_t steps)
{
    const double scale = 2.0 / (double)steps;
    const double offset = floor(-1.0 / scale);
    const double min = offset * scale;
    return (rf_encoding){ min, min + (double)steps * scale, scale, (int64_t)offset };
}

void rf_histogram_filled(const rf_histogram *h, rf_filled_bins *out)
{
    out->count = 0;
    for (int i = 0; i < RF_HISTOGRAM_BINS; i++) {
        if (!(h->mass[i] > 0.0))
            continue;
        out->index[out->count] = i;
        out->mass[out->count] = h->mass[i];
        out->middle[out->count++] = h->left[0] + i * h->width + h->width / 2.0;
    }
}
