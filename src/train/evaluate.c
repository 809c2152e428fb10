/* Accuracy and loss of a graph over a data set. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/finite.h"
#include "base/group.h"
#include "sim/feed.h"
#include "train/loss.h"
#include "train/mutable_graph.h"

/* What one batch gives. */
typedef struct result {
    rf_loss_sums sums;
    int64_t classes;
} result;

/* The next batch of this process, the first sample of which is number `first` of the data; none left: nothing. */
static rf_status evaluate_batch(rf_context *ctx, rf_feed *feed, int64_t first, result *out)
{
    rf_plan *plan = NULL;
    rf_batch batch;

    RF_TRY(rf_feed_next(feed, &plan, &batch));
    if (batch.count == 0)
        return RF_OK;
    RF_TRY(rf_plan_forward(plan));
    const rf_loss_batch labels = { .labels = batch.labels,
                                   .count = batch.count,
                                   .batch = rf_plan_input(plan, 0)->dims[0],
                                   .first = first };
    RF_TRY(rf_loss_add(ctx, rf_plan_output(plan, 0), &labels, NULL, &out->sums));
    out->classes = rf_plan_output(plan, 0)->dims[1];
    return RF_OK;
}

/* Every process takes a batch of its own; adding them up in the order of batches gives one process's sums, bit for bit. */
static rf_status run_epoch(rf_context *ctx, rf_feed *feed, int64_t batch, rf_meter *meter,
                           result *out)
{
    const int size = rf_distributed_size(ctx), rank = rf_distributed_rank(ctx);
    const int64_t batches = rf_feed_batches(feed);
    result *all = rf_calloc(ctx, (size_t)size, sizeof *all);
    rf_status st = all ? rf_feed_start(feed, 0, 0) : RF_ENOMEM;

    for (int64_t first = 0; !st && first < batches; first += size) {
        result mine = { 0 };
        st = rf_group_check_interrupt(ctx);
        if (!st)
            st = evaluate_batch(ctx, feed, (first + rank) * batch, &mine);
        if (!st)
            st = rf_group_gather(ctx, &mine, sizeof mine, all);
        for (int r = 0; !st && r < size; r++)
            rf_loss_sums_add(&out->sums, &all[r].sums);
        out->classes = all[0].classes; /* rank 0 has a batch in every round */
        meter->progress.loss = rf_loss_mean(&out->sums);
        meter->progress.top1 = rf_loss_percent(out->sums.top1, out->sums.samples);
        rf_meter_update(meter, out->sums.samples, out->sums.samples);
    }
    rf_free(ctx, all);
    return st;
}

/* The data were numbers: it is the weights, or what they make of the data. */
static rf_status fail_not_finite(const rf_graph *graph, const rf_dataset *dataset)
{
    for
        RF_GRAPH_EACH_NODE(n, graph)
    for (int i = 0; i < n->input_count; i++) {
        const rf_tensor *t = n->inputs[i] ? n->inputs[i]->constant : NULL;
        if (t && t->dtype == RF_DTYPE_F32 && !rf_all_finite(rf_tensor_f32(t), t->count))
            return rf_fail(graph->ctx, RF_ENUMERIC,
                           "the loss on '%s' is not finite: '%s' of %s node '%s' holds NaN or "
                           "infinities",
                           dataset->spec, n->inputs[i]->name, n->op_type, n->name);
    }
    return rf_fail(graph->ctx, RF_ENUMERIC,
                   "the loss on '%s' is not finite: samples and weights are, so numbers outgrow "
                   "float32 on the way; look at them with 'refold compare'",
                   dataset->spec);
}

rf_status rf_evaluate(const rf_graph *graph, const rf_dataset *dataset, int64_t batch,
                      rf_accuracy *out)
{
    rf_context *ctx = graph->ctx;
    const rf_feed_options options = { .batch = batch,
                                      .share = RF_SHARE_OF_BATCHES,
                                      .finite = true,
                                      .plan = { .mode = RF_MODE_INFER } };
    rf_feed *feed = NULL;
    rf_meter meter;
    result found = { 0 };
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
    if ((st = run_epoch(ctx, feed, batch, &meter, &found)))
        goto out;
    const rf_loss_sums sums = found.sums;
    if (sums.samples == 0) {
        st = rf_fail(ctx, RF_EDATA, "the data set '%s' has no samples", dataset->spec);
        goto out;
    }
    if (!isfinite(rf_loss_mean(&sums))) {
        st = fail_not_finite(graph, dataset);
        goto out;
    }
    const double seconds = rf_meter_seconds(&meter);
    *out = (rf_accuracy){
        .samples = sums.samples,
        .top1 = rf_loss_percent(sums.top1, sums.samples),
        .top5 = found.classes >= 5 ? rf_loss_percent(sums.top5, sums.samples) : (double)NAN,
        .loss = rf_loss_mean(&sums),
        .seconds = seconds,
        .img_per_s = seconds > 0.0 ? (double)sums.samples / seconds : 0.0,
    };
out:
    rf_feed_free(feed);
    return st;
}
