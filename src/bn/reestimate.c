/* Re-estimation of BN statistics: batches through the network with BN on batch statistics, and the way back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/group.h"
#include "bn/estimator.h"
#include "exec/computed_params.h"
#include "graph/ports.h"
#include "ops/params.h"
#include "sim/feed.h"
#include "sim/sim.h"

typedef struct layer {
    rf_node *node;
    rf_value *mean, *var;
    rf_bn_layer report; /* names and the four arrays, in the arena */
    rf_estimate estimate;
} layer;

struct rf_reestimation {
    rf_context *ctx;
    rf_arena arena;
    rf_sim *sim; /* NULL: a plain graph */
    rf_state old_state;
    int64_t batches;
    RF_VEC(layer) layers;
    bool undone;
};

void rf_reestimation_free(rf_reestimation *r)
{
    if (!r)
        return;
    RF_VEC_RELEASE(r->ctx, &r->layers);
    rf_arena_release(&r->arena);
    rf_free(r->ctx, r);
}

/* --- the layers --- */

static const float *copy_floats(rf_arena *arena, const float *from, int64_t count)
{
    float *copy = rf_arena_array(arena, (size_t)count, sizeof *copy);

    if (copy)
        memcpy(copy, from, (size_t)count * sizeof *copy);
    return copy;
}

static rf_status add_layer(rf_reestimation *r, rf_node *bn, rf_value *mean, rf_value *var)
{
    const int64_t channels = mean->constant->count;
    layer l = { .node = bn, .mean = mean, .var = var };

    l.report = (rf_bn_layer){
        .bn = rf_arena_strdup(&r->arena, bn->name),
        .mean = rf_arena_strdup(&r->arena, mean->name),
        .var = rf_arena_strdup(&r->arena, var->name),
        .channels = channels,
        .mean_before = copy_floats(&r->arena, rf_tensor_f32(mean->constant), channels),
        .var_before = copy_floats(&r->arena, rf_tensor_f32(var->constant), channels),
    };
    RF_TRY(rf_estimate_init(&l.estimate, &r->arena, channels));
    if (!l.report.bn || !l.report.mean || !l.report.var || !l.report.mean_before ||
        !l.report.var_before)
        return RF_ENOMEM;
    return RF_VEC_PUSH(r->ctx, &r->layers, l);
}

/* Every BN whose running statistics are there, fold or no fold; two nodes may share theirs: the later one decides. */
static rf_status collect_layers(rf_reestimation *r, rf_graph *g)
{
    for
        RF_GRAPH_EACH_NODE(n, g)
        {
            rf_value *mean = rf_node_input(n, 3), *var = rf_node_input(n, 4);
            if (!rf_node_is(n, "BatchNormalization") || !mean || !var || !mean->constant ||
                !var->constant)
                continue;
            if (mean->constant->dtype == RF_DTYPE_F32 && var->constant->dtype == RF_DTYPE_F32 &&
                mean->constant->count == var->constant->count)
                RF_TRY(add_layer(r, n, mean, var));
        }
    if (r->layers.count == 0 && !r->sim)
        return rf_fail(r->ctx, RF_ESTATE,
                       "there is no BatchNormalization with running statistics to re-estimate; "
                       "were they folded already?");
    return RF_OK;
}

/* --- the batches --- */

/* Numbers that a batch leaves, all layers in a row: means, variances, and the count, 0 where a layer had no batch. */
static size_t record_size(const rf_reestimation *r)
{
    size_t size = 0;

    for (size_t i = 0; i < r->layers.count; i++)
        size += 2 * (size_t)r->layers.items[i].report.channels + 1;
    return size;
}

static rf_status record_batch(const rf_reestimation *r, const rf_plan *plan, double *record)
{
    for (size_t i = 0; i < r->layers.count; i++) {
        const layer *l = &r->layers.items[i];
        const rf_step *step = rf_plan_step_of(plan, l->node);
        const size_t channels = (size_t)l->report.channels;
        rf_bn_batch batch = { 0 };
        if (step) { /* else fed by constants only: it has no statistics to learn from data */
            rf_bn_step_batch(step, &batch);
            if (batch.count < 2)
                return rf_fail(r->ctx, RF_EDATA,
                               "BatchNormalization '%s' sees one value a channel in a batch, which "
                               "has no variance; use a larger batch",
                               l->node->name);
            memcpy(record, batch.mean, channels * sizeof *record);
            memcpy(record + channels, batch.var, channels * sizeof *record);
        }
        record[2 * channels] = (double)batch.count;
        record += 2 * channels + 1;
    }
    return RF_OK;
}

static void add_record(rf_reestimation *r, const double *record, rf_estimator estimator)
{
    for (size_t i = 0; i < r->layers.count; i++) {
        layer *l = &r->layers.items[i];
        const int64_t channels = l->report.channels;
        const rf_bn_batch batch = { .channels = channels,
                                    .count = (int64_t)record[2 * channels],
                                    .mean = record,
                                    .var = record + channels };
        if (batch.count > 0)
            rf_estimate_add(&l->estimate, estimator, &batch);
        record += 2 * channels + 1;
    }
    r->batches++;
}

/* One batch forward, in this process. */
static rf_status run_batch(const rf_reestimation *r, rf_feed *feed, double *record)
{
    rf_plan *plan = NULL;
    rf_batch batch;

    RF_TRY(rf_feed_next(feed, &plan, &batch));
    if (!plan)
        return rf_fail(r->ctx, RF_EINTERNAL, "the data ended early");
    RF_TRY(rf_plan_forward(plan));
    return record_batch(r, plan, record);
}

/*
 * Every process takes a batch of its own; what they leave is added up in the order of batches, so that the result is the
 * one of a single process, bit for bit.
 */
static rf_status run_rounds(rf_reestimation *r, rf_feed *feed, int64_t most, rf_estimator estimator,
                            double *records)
{
    const int size = rf_distributed_size(r->ctx), rank = rf_distributed_rank(r->ctx);
    const size_t count = record_size(r);
    double *mine = records + (size_t)size * count;
    rf_meter meter;

    rf_meter_start(&meter, r->ctx, "reestimate", "batch", most);
    RF_TRY(rf_feed_start(feed, 0, 0));
    while (r->batches < most) {
        RF_TRY(rf_group_check_interrupt(r->ctx));
        if (r->batches + rank < most)
            RF_TRY(run_batch(r, feed, mine));
        RF_TRY(rf_group_gather(r->ctx, mine, count * sizeof *mine, records));
        for (int k = 0; k < size && r->batches < most; k++)
            add_record(r, records + (size_t)k * count, estimator);
        rf_meter_update(&meter, r->batches, rf_feed_images(feed, r->batches));
    }
    return RF_OK;
}

static rf_status run_batches(rf_reestimation *r, rf_feed *feed, int64_t most,
                             rf_estimator estimator)
{
    const size_t sets = (size_t)rf_distributed_size(r->ctx) + 1;
    double *records = rf_calloc(r->ctx, sets * record_size(r), sizeof *records);

    if (!records)
        return RF_ENOMEM;
    const rf_status st =
        most < 1 ? rf_fail(r->ctx, RF_EDATA, "the data set has no batch to re-estimate from")
                 : run_rounds(r, feed, most, estimator, records);
    rf_free(r->ctx, records);
    return st;
}

/* All results are looked at before the first one is written. */
static rf_status conclude(rf_reestimation *r, rf_estimator estimator)
{
    for (size_t i = 0; i < r->layers.count; i++) {
        layer *l = &r->layers.items[i];
        const size_t channels = (size_t)l->report.channels;
        float *mean = rf_arena_array(&r->arena, channels, sizeof *mean);
        float *var = rf_arena_array(&r->arena, channels, sizeof *var);
        if (!mean || !var)
            return RF_ENOMEM;
        if (l->estimate.batches == 0) {
            memcpy(mean, l->report.mean_before, channels * sizeof *mean);
            memcpy(var, l->report.var_before, channels * sizeof *var);
        } else {
            rf_estimate_result(&l->estimate, estimator, mean, var);
        }
        for (size_t c = 0; c < channels; c++)
            if (!isfinite(mean[c]) || !isfinite(var[c]))
                return rf_fail(r->ctx, RF_ENUMERIC,
                               "BatchNormalization '%s': mean %g and variance %g of channel %zu "
                               "are not finite; nothing was changed",
                               l->node->name, (double)mean[c], (double)var[c], c);
        l->report.mean_after = mean;
        l->report.var_after = var;
    }
    return RF_OK;
}

static void write_statistics(rf_reestimation *r, bool old)
{
    for (size_t i = 0; i < r->layers.count; i++) {
        const layer *l = &r->layers.items[i];
        const size_t bytes = (size_t)l->report.channels * sizeof(float);
        memcpy(l->mean->constant->data, old ? l->report.mean_before : l->report.mean_after, bytes);
        memcpy(l->var->constant->data, old ? l->report.var_before : l->report.var_after, bytes);
        rf_value_touch(l->mean);
        rf_value_touch(l->var);
    }
}

/* --- the data --- */

static void log_augmentation(rf_context *ctx, const rf_dataset *data, bool off)
{
    const rf_transform *t = &data->transform;
    char crop[40] = "";

    if (!rf_dataset_is_images(data))
        return; /* arrays are taken as they are */
    if (off || !(t->flip || t->crop_padding > 0)) {
        rf_log(ctx, RF_LOG_WARNING,
               "re-estimating without augmentation: if training had some, these statistics are not "
               "those that it saw");
        return;
    }
    if (t->crop_padding > 0)
        snprintf(crop, sizeof crop, "%scrop:%lld", t->flip ? ", " : "", (long long)t->crop_padding);
    rf_log(ctx, RF_LOG_INFO, "re-estimating with the training augmentation (%s%s)",
           t->flip ? "flip" : "", crop);
}

static rf_status open_feed(rf_reestimation *r, rf_graph *g, const rf_dataset *data,
                           const rf_reestimate_options *o, rf_feed **out)
{
    const int64_t fixed = rf_graph_fixed_batch(g), wanted = o->batch > 0 ? o->batch : 128;
    const int64_t batch = fixed > 0 ? fixed : wanted, samples = rf_dataset_count(data);
    /* A short last batch would weigh as much as a full one. Alone it is all there is, unless zeros fill it up. */
    const rf_feed_options options = { .batch = batch,
                                      .shuffle = !o->no_shuffle,
                                      .augment = !o->no_augment,
                                      .finite = true,
                                      .drop_last = samples >= batch || fixed > 0,
                                      .share = RF_SHARE_OF_BATCHES,
                                      .plan = { .mode = RF_MODE_BN_BATCH } };

    if (samples < 1 || (fixed > 0 && samples < fixed))
        return rf_fail(r->ctx, RF_EDATA,
                       "the data set '%s' has %lld samples, too few for one batch of %lld",
                       data->spec, (long long)samples, (long long)batch);
    log_augmentation(r->ctx, data, o->no_augment);
    return rf_feed_new(g, data, &options, out);
}

static rf_status new_reestimation(rf_graph *g, rf_sim *sim, rf_reestimation **out)
{
    rf_reestimation *r = rf_calloc(g->ctx, 1, sizeof *r);

    if (!r)
        return RF_ENOMEM;
    r->ctx = g->ctx;
    r->sim = sim;
    r->old_state = sim ? sim->state : RF_STATE_BUILT;
    rf_arena_init(&r->arena, g->ctx);
    *out = r;
    return RF_OK;
}

static rf_status estimate(rf_reestimation *r, rf_graph *g, const rf_dataset *data,
                          const rf_reestimate_options *o)
{
    rf_feed *feed = NULL;
    rf_status st;

    rf_use_threads(r->ctx);
    RF_TRY(collect_layers(r, g));
    if (r->layers.count == 0) {
        rf_log(r->ctx, RF_LOG_WARNING,
               "the network has no BatchNormalization, so there is nothing to re-estimate; if it "
               "should have some, 'refold inspect' says how to export it with them");
        return RF_OK;
    }
    RF_TRY(open_feed(r, g, data, o, &feed));
    const int64_t most = o->batches > 0 ? o->batches : 100, there = rf_feed_batches(feed);
    st = run_batches(r, feed, there < most ? there : most, o->estimator);
    rf_feed_free(feed);
    return st ? st : conclude(r, o->estimator);
}

static rf_status reestimate(rf_graph *g, rf_sim *sim, const rf_dataset *data,
                            const rf_reestimate_options *options, rf_reestimation **out)
{
    const rf_reestimate_options o =
        options ? *options : (rf_reestimate_options)RF_REESTIMATE_OPTIONS_INIT;
    rf_reestimation *r = NULL;

    if (o.batches < 0 || o.batch < 0)
        return rf_fail(g->ctx, RF_EARG,
                       "%lld batches of %lld samples: expected 0 (default) or more",
                       (long long)o.batches, (long long)o.batch);
    RF_TRY(new_reestimation(g, sim, &r));
    const rf_status st = estimate(r, g, data, &o);
    if (!st) {
        write_statistics(r, /*old=*/false);
        if (sim)
            sim->state = RF_STATE_BN_REESTIMATED;
    }
    if (!st && out)
        *out = r;
    else
        rf_reestimation_free(r);
    return st;
}

rf_status rf_reestimate_graph(rf_graph *graph, const rf_dataset *dataset,
                              const rf_reestimate_options *options, rf_reestimation **out)
{
    RF_TRY(rf_graph_compute_params(graph));
    return reestimate(graph, NULL, dataset, options, out);
}

rf_status rf_reestimate_sim(rf_sim *sim, const rf_dataset *dataset,
                            const rf_reestimate_options *options, rf_reestimation **out)
{
    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "re-estimation"));
    if (sim->state == RF_STATE_FOLDED)
        return rf_fail(sim->ctx, RF_ESTATE,
                       "the simulation is folded: its BN statistics are part of the weights now; "
                       "re-estimate before folding");
    return reestimate(sim->graph, sim, dataset, options, out);
}

/* --- what it did --- */

int64_t rf_reestimation_batches(const rf_reestimation *r)
{
    return r->batches;
}

int rf_reestimation_layer_count(const rf_reestimation *r)
{
    return (int)r->layers.count;
}

rf_status rf_reestimation_layer(const rf_reestimation *r, int index, rf_bn_layer *out)
{
    if (index < 0 || (size_t)index >= r->layers.count)
        return rf_fail(r->ctx, RF_EARG, "layer %d: there are %zu", index, r->layers.count);
    *out = r->layers.items[index].report;
    return RF_OK;
}

void rf_reestimation_undo(rf_reestimation *r)
{
    if (!r || r->undone)
        return;
    write_statistics(r, /*old=*/true);
    if (r->sim)
        r->sim->state = r->old_state;
    r->undone = true;
}
