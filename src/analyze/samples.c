/* The samples of all trials, decoded once and kept. */
#include <string.h>

#include "analyze/analyze.h"
#include "base/status.h"
#include "data/dataset.h"
#include "sim/feed.h"

int64_t rf_samples_in_batch(const rf_kept_samples *s, int64_t batch)
{
    const int64_t left = s->count - batch * s->batch;
    return left < s->batch ? left : s->batch;
}

static rf_status make_room(rf_kept_samples *s, rf_plan *plan, const rf_dataset *dataset)
{
    RF_NEW_ARRAY(s->ctx, s->values, s->inputs + 1);
    RF_NEW_ARRAY(s->ctx, s->expected, s->batches + 1);
    if (rf_dataset_has_labels(dataset))
        RF_NEW_ARRAY(s->ctx, s->labels, s->count + 1);
    for (int i = 0; i < s->inputs; i++) {
        const rf_view *view = rf_plan_input(plan, i);
        const int64_t sample = rf_view_count(view) / view->dims[0];
        if (sample > 0 && s->count > INT64_MAX / (int64_t)sizeof(float) / sample)
            return rf_fail(s->ctx, RF_ESHAPE, "%lld samples of %lld numbers: too large",
                           (long long)s->count, (long long)sample);
        RF_NEW_ARRAY(s->ctx, s->values[i], s->count * sample + 1);
    }
    return RF_OK;
}

static void keep_inputs(rf_kept_samples *s, rf_plan *plan, int64_t first, int64_t count)
{
    for (int i = 0; i < s->inputs; i++) {
        const rf_view *view = rf_plan_input(plan, i);
        const int64_t sample = rf_view_count(view) / view->dims[0];
        memcpy(s->values[i] + first * sample, view->data, (size_t)(count * sample) * sizeof(float));
    }
}

static rf_status keep_batch(rf_kept_samples *s, rf_feed *feed, int64_t index)
{
    rf_plan *plan = NULL;
    rf_batch batch;
    RF_TRY(rf_check_interrupt(s->ctx));
    RF_TRY(rf_feed_next(feed, &plan, &batch));
    if (batch.count != rf_samples_in_batch(s, index))
        return rf_fail(s->ctx, RF_EINTERNAL, "batch %lld has %lld samples", (long long)index,
                       (long long)batch.count);
    keep_inputs(s, plan, index * s->batch, batch.count);
    if (s->labels && batch.labels)
        memcpy(s->labels + index * s->batch, batch.labels,
               (size_t)batch.count * sizeof *batch.labels);
    return RF_OK;
}

rf_status rf_samples_keep(rf_graph *g, const rf_dataset *dataset, int64_t limit, int64_t batch,
                          rf_kept_samples *out)
{
    const rf_feed_options options = {
        .batch = batch, .limit = limit, .share = RF_SHARE_OF_ALL, .plan = { .mode = RF_MODE_INFER }
    };
    rf_kept_samples *s = out;
    rf_feed *feed = NULL;
    *s = (rf_kept_samples){ .ctx = g->ctx, .inputs = (int)g->inputs.count };
    if (rf_dataset_count(dataset) < 1)
        return rf_fail(s->ctx, RF_EDATA, "the data set '%s' has no samples", dataset->spec);
    RF_TRY(rf_feed_new(g, dataset, &options, &feed));
    s->count = rf_feed_samples(feed);
    s->batch = rf_plan_input(rf_feed_plan(feed), 0)->dims[0];
    s->batches = rf_feed_batches(feed);
    rf_status st = make_room(s, rf_feed_plan(feed), dataset);
    for (int64_t b = 0; st == RF_OK && b < s->batches; b++)
        st = keep_batch(s, feed, b);
    rf_feed_free(feed);
    return st;
}

void rf_samples_release(rf_kept_samples *s)
{
    if (!s->ctx)
        return;
    for (int i = 0; s->values && i < s->inputs; i++)
        rf_free(s->ctx, s->values[i]);
    for (int64_t b = 0; s->expected && b < s->batches; b++)
        rf_free(s->ctx, s->expected[b].data);
    rf_free(s->ctx, s->values);
    rf_free(s->ctx, s->expected);
    rf_free(s->ctx, s->labels);
    *s = (rf_kept_samples){ 0 };
}
