/* A graph fed from a data set: batches from the loader into the inputs of a plan of the right size. */
#include "sim/feed.h"

#include <string.h>

#include "base/finite.h"
#include "base/group.h"
#include "base/profile.h"
#include "graph/ports.h"

struct rf_feed {
    rf_context *ctx;
    rf_graph *graph;
    rf_feed_options options;
    rf_loader *loader;
    int64_t samples;
    bool fixed;       /* the graph fixes its batch: short batches are filled up with zeros */
    rf_plan *full;    /* of a whole batch, or this process's share of it */
    rf_plan *partial; /* of the last, short one; made when it first comes */
    int64_t full_batch, partial_batch;
};

/* Dims that the graph leaves open are the data's. */
static rf_status make_plan(rf_feed *feed, int64_t batch, rf_plan **out)
{
    rf_plan_options o = feed->options.plan;
    rf_shape *shapes = NULL;
    RF_NEW_ARRAY(feed->ctx, shapes, feed->graph->inputs.count);
    for (size_t i = 0; i < feed->graph->inputs.count; i++) {
        const rf_shape *sample = rf_loader_sample_shape(feed->loader, (int)i);
        shapes[i] = (rf_shape){ .rank = sample->rank + 1, .dims = { batch } };
        memcpy(shapes[i].dims + 1, sample->dims, (size_t)sample->rank * sizeof *sample->dims);
    }
    o.batch = batch;
    o.input_shapes = shapes;
    const rf_status st = rf_plan_new(feed->graph, &o, out);
    rf_free(feed->ctx, shapes);
    return st;
}

static rf_share share_of(const rf_feed *feed)
{
    return (rf_share){ .rank = rf_distributed_rank(feed->ctx),
                       .size = rf_distributed_size(feed->ctx),
                       .of = feed->options.share };
}

static rf_status make_loader(rf_feed *feed, const rf_dataset *dataset)
{
    const size_t count = feed->graph->inputs.count;
    const char **names = NULL;
    rf_shape *shapes = NULL;
    rf_status st = RF_OK;
    names = rf_calloc(feed->ctx, count + 1, sizeof *names);
    shapes = rf_calloc(feed->ctx, count + 1, sizeof *shapes);
    if (!names || !shapes)
        st = RF_ENOMEM;
    for (size_t i = 0; st == RF_OK && i < count; i++) {
        names[i] = feed->graph->inputs.items[i]->name;
        st = rf_graph_sample_shape(feed->graph, (int)i, &shapes[i]);
    }
    const rf_loader_options o = {
        .batch = feed->options.batch,
        .limit = feed->options.limit,
        .shuffle = feed->options.shuffle,
        .augment = feed->options.augment,
        .drop_last = feed->options.drop_last,
        .input_count = (int)count,
        .input_names = names,
        .sample_shapes = shapes,
        .share = share_of(feed),
        .channels_last = true,
    };
    if (st == RF_OK)
        st = rf_loader_new(feed->ctx, dataset, &o, &feed->loader);
    rf_free(feed->ctx, names);
    rf_free(feed->ctx, shapes);
    return st;
}

void rf_feed_free(rf_feed *feed)
{
    if (!feed)
        return;
    rf_loader_free(feed->loader);
    rf_plan_free(feed->full);
    rf_plan_free(feed->partial);
    rf_free(feed->ctx, feed);
}

/* Samples of an epoch, and the batch: no larger than the data, or what the graph fixes. */
static void settle_sizes(rf_feed *feed, const rf_dataset *dataset)
{
    const int64_t fixed = rf_graph_fixed_batch(feed->graph), all = rf_dataset_count(dataset);
    const int64_t limit = feed->options.limit;
    feed->samples = limit > 0 && limit < all ? limit : all;
    feed->fixed = fixed > 0;
    if (feed->fixed)
        feed->options.batch = fixed;
    else if (feed->options.batch > feed->samples && feed->samples > 0)
        feed->options.batch = feed->samples;
    const rf_share share = share_of(feed);
    const int64_t batch = feed->options.batch;
    feed->full_batch = share.of != RF_SHARE_OF_SAMPLES ? batch
                                                       : batch * (share.rank + 1) / share.size -
                                                             batch * share.rank / share.size;
}

/* Zeros that fill up a fixed batch may stand behind the last samples only, not behind each process's share. */
static rf_status check_share(const rf_feed *feed)
{
    const rf_share share = share_of(feed);
    if (!feed->fixed || share.size == 1 || share.of != RF_SHARE_OF_SAMPLES)
        return RF_OK;
    return rf_fail(feed->ctx, RF_EMODEL,
                   "the model fixes its batch to %lld, which %d processes cannot share; export it "
                   "with a dynamic batch",
                   (long long)feed->options.batch, share.size);
}

rf_status rf_feed_new(rf_graph *g, const rf_dataset *dataset, const rf_feed_options *options,
                      rf_feed **out)
{
    RF_TRY(rf_graph_need_float_inputs(g));
    rf_feed *feed = rf_calloc(g->ctx, 1, sizeof *feed);
    if (!feed)
        return RF_ENOMEM;
    feed->ctx = g->ctx;
    feed->graph = g;
    feed->options = *options;
    settle_sizes(feed, dataset);
    rf_status st = check_share(feed);
    if (st == RF_OK)
        st = make_loader(feed, dataset);
    if (st == RF_OK && feed->full_batch > 0)
        st = make_plan(feed, feed->full_batch, &feed->full);
    if (st == RF_OK)
        st = rf_feed_start(feed, 0, 0);
    if (st != RF_OK) {
        rf_feed_free(feed);
        return st;
    }
    *out = feed;
    return RF_OK;
}

int64_t rf_feed_batches(const rf_feed *feed)
{
    return rf_loader_batches(feed->loader);
}

int64_t rf_feed_samples(const rf_feed *feed)
{
    return feed->samples;
}

int64_t rf_feed_images(const rf_feed *feed, int64_t batches)
{
    const int64_t all = batches * feed->options.batch;
    return all < feed->samples ? all : feed->samples;
}

rf_plan *rf_feed_plan(const rf_feed *feed)
{
    return feed->full;
}

void rf_feed_set_share(rf_feed *feed, rf_share_of of)
{
    rf_loader_set_share(feed->loader, of);
}

rf_status rf_feed_start(rf_feed *feed, int64_t epoch, int64_t first)
{
    return rf_loader_start(feed->loader, epoch, first);
}

static rf_status plan_for(rf_feed *feed, int64_t count, rf_plan **out)
{
    *out = feed->full;
    if (feed->fixed || count == feed->full_batch)
        return RF_OK;
    if (feed->partial_batch != count) {
        rf_plan_free(feed->partial);
        feed->partial = NULL;
        RF_TRY(make_plan(feed, count, &feed->partial));
        feed->partial_batch = count;
    }
    *out = feed->partial;
    return RF_OK;
}

static rf_status check_finite(const rf_feed *feed, int input, const rf_batch *batch, int64_t filled)
{
    const int64_t each = filled / batch->count;
    const float *x = batch->inputs[input];
    if (rf_all_finite(x, filled))
        return RF_OK;
    int64_t sample = 0;
    while (rf_all_finite(x + sample * each, each))
        sample++;
    return rf_fail(feed->graph->ctx, RF_ENUMERIC,
                   "the data is not finite: NaN or infinity in input '%s', sample %lld of a batch; "
                   "check the file and the preprocessing",
                   feed->graph->inputs.items[input]->name, (long long)(batch->first + sample + 1));
}

static rf_status next_batch(rf_feed *feed, rf_plan **plan_out, rf_batch *batch_out)
{
    RF_TRY(rf_loader_next(feed->loader, batch_out));
    *plan_out = NULL;
    if (batch_out->count == 0)
        return RF_OK;
    RF_TRY(plan_for(feed, batch_out->count, plan_out));
    for (int i = 0; i < (int)feed->graph->inputs.count; i++) {
        const rf_view *view = rf_plan_input(*plan_out, i);
        const int64_t total = rf_view_count(view);
        const int64_t filled = total / view->dims[0] * batch_out->count;
        if (feed->options.finite)
            RF_TRY(check_finite(feed, i, batch_out, filled));
        memcpy(view->data, batch_out->inputs[i], (size_t)filled * sizeof(float));
        memset((float *)view->data + filled, 0, (size_t)(total - filled) * sizeof(float));
    }
    return RF_OK;
}

/* Every loop asks for its next batch where a step of it begins. */
rf_status rf_feed_next(rf_feed *feed, rf_plan **plan_out, rf_batch *batch_out)
{
    rf_profile_begin_step(feed->ctx);
    const rf_step_part before = rf_profile_enter(feed->ctx, RF_PART_DATA);
    const rf_status st = next_batch(feed, plan_out, batch_out);
    rf_profile_enter(feed->ctx, before);
    return st;
}
