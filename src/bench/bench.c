/* Timing the steps of a network: what they take, part by part, in which memory, and how far that is from the limit. */
#include "bench/bench.h"

#include <stdlib.h>

#include "base/profile.h"
#include "graph/ports.h"
#include "sim/feed.h"
#include "sim/sim.h"

enum { WARM_UP = 2 };

typedef struct bench {
    rf_context *ctx;
    rf_graph *graph; /* of the simulation where there is one */
    rf_sim *sim;     /* NULL: a plain graph */
    rf_bench_mode mode;
    const rf_dataset *data;
    int64_t batch, steps; /* steps with those that warm up, and one behind that ends the last one */
    rf_profile profile;
} bench;

/* ------------------------------------------------------------------------------------ running --- */

static rf_mode plan_mode(const bench *b)
{
    return b->mode == RF_BENCH_INFER   ? RF_MODE_INFER
           : b->mode == RF_BENCH_TRAIN ? RF_MODE_TRAIN
                                       : RF_MODE_BN_BATCH;
}

static rf_status open_feed(const bench *b, rf_feed **out)
{
    const rf_feed_options options = { .batch = b->batch,
                                      .drop_last = true,
                                      .plan = { .mode = plan_mode(b) } };
    return rf_feed_new(b->graph, b->data, &options, out);
}

static rf_status infer_steps(const bench *b, rf_feed *feed)
{
    for (int64_t i = 0; i < b->steps; i++) {
        rf_plan *plan = NULL;
        rf_batch batch;
        RF_TRY(rf_check_interrupt(b->ctx));
        RF_TRY(rf_feed_next(feed, &plan, &batch));
        if (plan)
            RF_TRY(rf_plan_forward(plan));
    }
    return RF_OK;
}

static rf_status infer(const bench *b)
{
    rf_feed *feed = NULL;
    RF_TRY(open_feed(b, &feed));
    const rf_status st = infer_steps(b, feed);
    rf_feed_free(feed);
    return st;
}

static rf_status train(const bench *b)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    o.steps = b->steps;
    o.batch = b->batch;
    o.learning_rate = 1e-6; /* random labels would otherwise drive the weights apart */
    return b->sim ? rf_train_sim(b->sim, b->data, &o, NULL)
                  : rf_train_graph(b->graph, b->data, &o, NULL);
}

static rf_status reestimate(const bench *b)
{
    rf_reestimate_options o = RF_REESTIMATE_OPTIONS_INIT;
    o.batches = b->steps;
    o.batch = b->batch;
    return b->sim ? rf_reestimate_sim(b->sim, b->data, &o, NULL)
                  : rf_reestimate_graph(b->graph, b->data, &o, NULL);
}

static rf_status run(bench *b)
{
    static rf_status (*const modes[])(const bench *b) = {
        [RF_BENCH_INFER] = infer, [RF_BENCH_TRAIN] = train, [RF_BENCH_REESTIMATE] = reestimate
    };
    rf_context_set_profile(b->ctx, &b->profile);
    const rf_status st = modes[b->mode](b);
    rf_context_set_profile(b->ctx, NULL);
    return st;
}

/* ------------------------------------------------------------------------------------- result --- */

static double length_of(const double *step)
{
    double sum = 0.0;
    for (int part = 0; part < RF_PART_COUNT; part++)
        sum += step[part];
    return sum;
}

static int by_length(const void *a, const void *b)
{
    const double x = length_of(a), y = length_of(b);
    return (x > y) - (x < y);
}

/* The parts of the step of median length, which add up to it; of an even number, the mean of the two in the middle. */
static void take_median(double (*steps)[RF_PART_COUNT], int64_t count, rf_speed *out)
{
    qsort(steps, (size_t)count, sizeof *steps, by_length);
    const double *low = steps[(count - 1) / 2], *high = steps[count / 2];
    for (int part = 0; part < RF_PART_COUNT; part++)
        out->seconds[part] = 0.5 * (low[part] + high[part]);
    out->step_seconds = length_of(out->seconds);
}

/* Of the steps between those that warm up and the last one, which nothing ended. */
static rf_status summarize(const bench *b, rf_speed *out)
{
    const int64_t steps = b->profile.started - WARM_UP - 1;
    if (steps < 1)
        return rf_fail(b->ctx, RF_EDATA,
                       "the data set '%s' has %lld batches of %lld; a benchmark takes at least %d",
                       b->data->spec, (long long)b->profile.started, (long long)b->batch,
                       WARM_UP + 2);
    *out = (rf_speed){ .batch = b->batch, .steps = steps };
    take_median(b->profile.steps + WARM_UP, steps, out);
    out->img_per_s = (double)b->batch / out->step_seconds;
    return RF_OK;
}

/* A plain graph has no codes to compute with. */
static void tell_float_layers(const bench *b, const rf_plan *plan)
{
    for (int i = 0; b->sim && i < rf_plan_step_count(plan); i++) {
        const rf_node *n = rf_plan_step(plan, i)->node;
        const char *reason = rf_plan_step_why_float(plan, i);
        if (reason)
            rf_log(b->ctx, RF_LOG_DEBUG, "%s '%s' computes in float32: %s", n->op_type, n->name,
                   reason);
    }
}

static rf_status add_limit(const bench *b, rf_speed *speed)
{
    rf_feed *feed = NULL;
    RF_TRY(rf_copy_rate(b->ctx, &speed->copy_bytes_per_s));
    RF_TRY(open_feed(b, &feed));
    tell_float_layers(b, rf_feed_plan(feed));
    const rf_status st = rf_bench_limit(b->graph, rf_feed_plan(feed), b->mode == RF_BENCH_TRAIN,
                                        speed->copy_bytes_per_s, &speed->limit_seconds);
    rf_feed_free(feed);
    speed->limit_ratio = speed->limit_seconds / speed->step_seconds;
    return st;
}

static rf_status measure(bench *b, rf_speed *out)
{
    rf_speed speed;
    rf_peak_memory_reset();
    RF_TRY(run(b));
    RF_TRY(summarize(b, &speed));
    speed.peak_bytes = rf_peak_memory();
    RF_TRY(add_limit(b, &speed));
    *out = speed;
    return RF_OK;
}

static rf_status bench_steps(rf_graph *g, rf_sim *sim, rf_bench_mode mode, const rf_dataset *data,
                             const rf_bench_options *options, rf_speed *out)
{
    const rf_bench_options o = options ? *options : (rf_bench_options)RF_BENCH_OPTIONS_INIT;
    const int64_t fixed = rf_graph_fixed_batch(g), repeat = o.repeat > 0 ? o.repeat : 10;
    bench b = { .ctx = g->ctx, .graph = g, .sim = sim, .mode = mode, .data = data };
    if (o.batch < 0 || o.repeat < 0 || (unsigned)mode > RF_BENCH_REESTIMATE)
        return rf_fail(b.ctx, RF_EARG,
                       "mode %d, batches of %lld, %lld steps: expected a mode and numbers of 0 "
                       "(default) or more",
                       (int)mode, (long long)o.batch, (long long)o.repeat);
    b.batch = fixed > 0 ? fixed : o.batch > 0 ? o.batch : 128;
    if (b.batch > rf_dataset_count(data))
        b.batch = rf_dataset_count(data);
    b.steps = WARM_UP + repeat + 1;
    b.profile = (rf_profile){ .capacity = b.steps, .part = RF_PART_OTHER };
    RF_NEW_ARRAY(b.ctx, b.profile.steps, b.steps);
    const rf_status st = measure(&b, out);
    rf_free(b.ctx, b.profile.steps);
    return st;
}

rf_status rf_bench_graph(rf_graph *graph, rf_bench_mode mode, const rf_dataset *dataset,
                         const rf_bench_options *options, rf_speed *out)
{
    return bench_steps(graph, NULL, mode, dataset, options, out);
}

rf_status rf_bench_sim(rf_sim *sim, rf_bench_mode mode, const rf_dataset *dataset,
                       const rf_bench_options *options, rf_speed *out)
{
    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "a benchmark"));
    return bench_steps(sim->graph, sim, mode, dataset, options, out);
}
