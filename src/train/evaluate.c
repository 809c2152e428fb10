/* Accuracy and loss of a graph over a data set. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "sim/feed.h"
#include "train/loss.h"
#include "train/mutable_graph.h"

static rf_status run_epoch(rf_context *ctx, rf_feed *feed, rf_meter *meter, rf_loss_sums *sums,
                           int64_t *classes_out)
{
    RF_TRY(rf_feed_start(feed, 0, 0));
    for (;;) {
        rf_plan *plan = NULL;
        rf_batch batch;
        RF_TRY(rf_check_interrupt(ctx));
        RF_TRY(rf_feed_next(feed, &plan, &batch));
        if (batch.count == 0)
            return RF_OK;
        RF_TRY(rf_plan_forward(plan));
        const rf_loss_batch labels = { .labels = batch.labels,
                                       .count = batch.count,
                                       .batch = rf_plan_input(plan, 0)->dims[0],
                                       .first = sums->samples };
        RF_TRY(rf_loss_add(ctx, rf_plan_output(plan, 0), &labels, NULL, sums));
        *classes_out = rf_plan_output(plan, 0)->dims[1];
        meter->progress.loss = rf_loss_mean(sums);
        meter->progress.top1 = rf_loss_percent(sums->top1, sums->samples);
        rf_meter_update(meter, sums->samples, sums->samples);
    }
}

rf_status rf_evaluate(const rf_graph *graph, const rf_dataset *dataset, int64_t batch,
                      rf_accuracy *out)
{
    rf_context *ctx = graph->ctx;
    const rf_feed_options options = { .batch = batch, .plan = { .mode = RF_MODE_INFER } };
    rf_feed *feed = NULL;
    rf_meter meter;
    rf_loss_sums sums = { 0 };
    int64_t classes = 0;
    rf_status st;

    if (batch < 1)
        return rf_fail(ctx, RF_EARG, "batch %lld: expected 1 or more", (long long)batch);
    if (!rf_dataset_has_labels(dataset))
        return rf_fail(ctx, RF_EDATA,
                       "the data set '%s' has no labels, so there is no accuracy to measure",
                       dataset->spec);
    rf_use_threads(ctx);
    if ((st = rf_feed_new(rf_graph_for_inference(graph), dataset, &options, &feed)))
        goto out;
    rf_meter_start(&meter, ctx, "evaluate", "img", rf_feed_samples(feed));
    if ((st = run_epoch(ctx, feed, &meter, &sums, &classes)))
        goto out;
    if (sums.samples == 0) {
        st = rf_fail(ctx, RF_EDATA, "the data set '%s' has no samples", dataset->spec);
        goto out;
    }
    const double seconds = rf_meter_seconds(&meter);
    *out = (rf_accuracy){
        .samples = sums.samples,
        .top1 = rf_loss_percent(sums.top1, sums.samples),
        .top5 = classes >= 5 ? rf_loss_percent(sums.top5, sums.samples) : (double)NAN,
        .loss = rf_loss_mean(&sums),
        .seconds = seconds,
        .img_per_s = seconds > 0.0 ? (double)sums.samples / seconds : 0.0,
    };
    if (!isfinite(out->loss))
        rf_log(ctx, RF_LOG_WARNING,
               "the loss on '%s' is not finite: its samples or the weights hold NaN or infinities",
               dataset->spec);
out:
    rf_feed_free(feed);
    return st;
}
