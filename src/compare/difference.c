/* How far two tensors lie apart. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "compare/compare.h"

/* A NaN or an infinity in both at the same place is no difference. */
static void add_odd(float a, float b, rf_difference *d)
{
    const bool same = (isnan(a) && isnan(b)) || a == b;
    d->one_is_nan = d->one_is_nan || !same;
}

static void add_floats(const float *a, const float *b, int64_t count, rf_difference *d)
{
    double largest = d->largest, most = d->max_abs, signal = d->signal, noise = d->noise;
    for (int64_t i = 0; i < count; i++) {
        const double x = a[i], gap = fabs((double)b[i] - x);
        if (!isfinite(gap)) {
            add_odd(a[i], b[i], d);
            continue;
        }
        largest = fmax(largest, fabs(x));
        most = fmax(most, gap);
        signal += x * x;
        noise += gap * gap;
    }
    d->largest = largest;
    d->max_abs = most;
    d->signal = signal;
    d->noise = noise;
    d->count += count;
}

/* Row-major floats of a view: its own, or a copy in *memory_out. */
static rf_status floats_of(rf_context *ctx, const rf_view *v, float **memory_out, const float **out)
{
    rf_view plain;
    const rf_shape shape = rf_view_shape(v);
    *memory_out = NULL;
    if (rf_view_is(v, RF_LAYOUT_PLAIN)) {
        *out = rf_view_f32(v);
        return RF_OK;
    }
    rf_view_init(&plain, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    plain.data = *memory_out = rf_alloc(ctx, (size_t)rf_view_count(v) * sizeof(float));
    if (!plain.data)
        return RF_ENOMEM;
    rf_view_copy(v, &plain);
    *out = *memory_out;
    return RF_OK;
}

typedef struct both {
    float *memory_a, *memory_b;
    const float *a, *b;
} both;

static rf_status both_as_floats(rf_context *ctx, const rf_view *a, const rf_view *b, both *out)
{
    *out = (both){ 0 };
    if (rf_view_same_order(a, b) && rf_view_is_dense(a)) {
        out->a = rf_view_f32(a);
        out->b = rf_view_f32(b);
        return RF_OK;
    }
    RF_TRY(floats_of(ctx, a, &out->memory_a, &out->a));
    const rf_status st = floats_of(ctx, b, &out->memory_b, &out->b);
    if (st != RF_OK)
        rf_free(ctx, out->memory_a);
    return st;
}

static void release(rf_context *ctx, both *pair)
{
    rf_free(ctx, pair->memory_a);
    rf_free(ctx, pair->memory_b);
}

rf_status rf_difference_add(rf_context *ctx, const rf_view *a, const rf_view *b, int64_t batch,
                            int64_t count, rf_difference *d)
{
    int64_t elements = rf_view_count(a);
    both pair;
    if (a->rank > 0 && a->dims[0] % batch == 0) /* samples are outermost in either layout */
        elements = elements / batch * count;
    RF_TRY(both_as_floats(ctx, a, b, &pair));
    add_floats(pair.a, pair.b, elements, d);
    release(ctx, &pair);
    return RF_OK;
}

static int64_t largest_of(const float *row, int64_t count)
{
    int64_t best = 0;
    for (int64_t c = 1; c < count; c++)
        if (row[c] > row[best])
            best = c;
    return best;
}

static bool is_scores(const rf_view *v)
{
    for (int d = 2; d < v->rank; d++)
        if (v->dims[d] != 1)
            return false;
    return v->rank >= 2 && v->dims[1] > 1;
}

rf_status rf_count_agreement(rf_context *ctx, const rf_view *a, const rf_view *b, int64_t count,
                             int64_t *out)
{
    both pair;
    *out = -1;
    if (!is_scores(a) || a->dims[0] < count)
        return RF_OK;
    RF_TRY(both_as_floats(ctx, a, b, &pair));
    const int64_t classes = a->dims[1];
    *out = 0;
    for (int64_t n = 0; n < count; n++)
        *out +=
            largest_of(pair.a + n * classes, classes) == largest_of(pair.b + n * classes, classes);
    release(ctx, &pair);
    return RF_OK;
}
