/* One trial: the network with some quantizers on, over all samples, against the float network. */
#include <math.h>
#include <string.h>

#include "analyze/analyze.h"
#include "base/status.h"
#include "compare/compare.h"
#include "train/loss.h"

/* Sums over the batches so far. */
typedef struct sums {
    rf_difference difference;
    rf_loss_sums loss;
    int64_t agreed; /* -1: the output holds no scores */
} sums;

/* Plans of fixed batches and of the last, short batch are filled up with zeros. */
static void feed_batch(const rf_kept_samples *s, rf_plan *plan, int64_t b)
{
    const int64_t count = rf_samples_in_batch(s, b);
    for (int i = 0; i < s->inputs; i++) {
        const rf_view *view = rf_plan_input(plan, i);
        const int64_t total = rf_view_count(view), sample = total / view->dims[0];
        memcpy(view->data, s->values[i] + b * s->batch * sample,
               (size_t)(count * sample) * sizeof(float));
        memset((float *)view->data + count * sample, 0,
               (size_t)(total - count * sample) * sizeof(float));
    }
}

/* The first samples of a view, whatever its layout: they are outermost. */
static rf_view first_of(const rf_view *view, int64_t count)
{
    rf_view part = *view;
    part.dims[0] = count;
    return part;
}

/* The float network comes first: what it gives is what the others are held against, run by a plan of the same batch. */
static rf_status keep_output(rf_kept_samples *s, const rf_view *from, int64_t b)
{
    const rf_shape shape = rf_view_shape(from);
    rf_view to;
    if (s->expected[b].data)
        return RF_OK;
    rf_view_init(&to, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    if (!(to.data = rf_alloc(s->ctx, ((size_t)rf_view_count(from) + 1) * sizeof(float))))
        return RF_ENOMEM;
    rf_view_copy(from, &to);
    s->expected[b] = to;
    return RF_OK;
}

static rf_status add_batch(rf_kept_samples *s, const rf_plan *plan, int64_t b, sums *to)
{
    const rf_view *out = rf_plan_output(plan, 0);
    const int64_t count = rf_samples_in_batch(s, b), rows = s->batch;
    int64_t agreed = 0;
    if (out->dtype != RF_DTYPE_F32 || out->rank < 1 || out->dims[0] % rows != 0)
        return rf_fail(s->ctx, RF_ESHAPE,
                       "the model's first output is %s with %lld rows for %lld samples, expected "
                       "float32 [n, ...]",
                       rf_dtype_name(out->dtype), (long long)(out->rank > 0 ? out->dims[0] : 0),
                       (long long)rows);
    RF_TRY(keep_output(s, out, b));
    const rf_view expected = first_of(&s->expected[b], out->dims[0] / rows * count);
    const rf_view found = first_of(out, out->dims[0] / rows * count);
    RF_TRY(rf_difference_add(s->ctx, &expected, &found, count, count, &to->difference));
    RF_TRY(rf_count_agreement(s->ctx, &expected, &found, count, &agreed));
    to->agreed = agreed < 0 || to->agreed < 0 ? -1 : to->agreed + agreed;
    if (!s->labels || agreed < 0)
        return RF_OK;
    const rf_loss_batch labels = {
        .labels = s->labels + b * s->batch, .count = count, .batch = rows, .first = b * s->batch
    };
    return rf_loss_add(s->ctx, out, &labels, NULL, &to->loss);
}

static double sqnr_of(const rf_difference *d)
{
    if (d->one_is_nan)
        return (double)NAN;
    return d->noise > 0.0 ? 10.0 * log10(d->signal / d->noise) : (double)INFINITY;
}

static rf_measured measured(const rf_kept_samples *s, const sums *all)
{
    const bool scored = all->loss.samples > 0;
    return (rf_measured){
        .sqnr_db = sqnr_of(&all->difference),
        .agreement = all->agreed < 0 ? (double)NAN : rf_loss_percent(all->agreed, s->count),
        .top1 = scored ? rf_loss_percent(all->loss.top1, all->loss.samples) : (double)NAN,
        .loss = scored ? rf_loss_mean(&all->loss) : (double)NAN,
    };
}

rf_status rf_trial_run(rf_graph *g, rf_kept_samples *s, rf_meter *meter, int64_t *done,
                       rf_measured *out)
{
    const rf_plan_options options = { .batch = s->batch, .mode = RF_MODE_INFER };
    rf_plan *plan = NULL;
    sums all = { 0 };
    rf_status st = rf_plan_new(g, &options, &plan);
    for (int64_t b = 0; st == RF_OK && b < s->batches; b++) {
        st = rf_check_interrupt(s->ctx);
        if (st != RF_OK)
            break;
        feed_batch(s, plan, b);
        st = rf_plan_forward(plan);
        if (st == RF_OK)
            st = add_batch(s, plan, b, &all);
        *done += rf_samples_in_batch(s, b);
        rf_meter_update(meter, *done, *done);
    }
    rf_plan_free(plan);
    if (st == RF_OK)
        *out = measured(s, &all);
    return st;
}
