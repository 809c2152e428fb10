/*
 * Calibration: weights from their values, then activations from the data, as AIMET v1 does it: float activations of a
 * network whose weights are quantized; v2 does the same with its own analyzers. On failure every quantizer is as it was
 * before.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/group.h"
#include "base/status.h"
#include "ops/params.h"
#include "sim/feed.h"
#include "sim/sim_impl.h"

#define DEFAULT_SAMPLES 1024
#define DEFAULT_BATCH 128

/* A quantizer before calibration. */
typedef struct saved_range {
    bool enabled;
    int64_t count;
    float *ends; /* [2 * count] min, max */
} saved_range;

typedef struct calibration {
    rf_sim *sim;
    rf_context *ctx;
    saved_range *saved;      /* [quantizers] */
    rf_analyzer **analyzers; /* [quantizers] of activations; NULL elsewhere */
    rf_tally *tallies;    /* [quantizers] of this process's batch, while each process has its own */
    bool apart;           /* the same */
    int64_t valid, batch; /* samples in this batch that are data, and in all */
    float *plain;         /* a tensor that does not lie densely, copied */
    int64_t plain_count;
} calibration;

static rf_node *quantizer(const calibration *c, size_t i)
{
    return c->sim->quantizers.items[i];
}

static bool is_frozen(const rf_node *n)
{
    return rf_attr_int(n, "frozen", 0) != 0;
}

static rf_status new_analyzer(const calibration *c, double percentile, rf_analyzer **out)
{
    return c->sim->compat_v2 ? rf_analyzer_new_v2(c->ctx, c->sim->scheme, percentile, out)
                             : rf_analyzer_new(c->ctx, c->sim->scheme, percentile, out);
}

/* ------------------------------------------------------------------------ way back --- */

static rf_status save_range(calibration *c, size_t i)
{
    const rf_node *n = quantizer(c, i);
    saved_range *s = &c->saved[i];
    s->enabled = rf_quantizer_enabled(n);
    s->count = rf_quantizer_count(n);
    RF_NEW_ARRAY(c->ctx, s->ends, 2 * s->count);
    memcpy(s->ends, rf_quantizer_min(n), (size_t)s->count * sizeof(float));
    memcpy(s->ends + s->count, rf_quantizer_max(n), (size_t)s->count * sizeof(float));
    return RF_OK;
}

/* Counts do not change in a calibration, so nothing here allocates. */
static void restore_ranges(calibration *c)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++) {
        rf_node *n = quantizer(c, i);
        const saved_range *s = &c->saved[i];
        if (!s->ends)
            continue;
        memcpy(rf_quantizer_min(n), s->ends, (size_t)s->count * sizeof(float));
        memcpy(rf_quantizer_max(n), s->ends + s->count, (size_t)s->count * sizeof(float));
        (void)rf_node_set_int(c->sim->graph, n, "enabled", s->enabled);
    }
}

/* -------------------------------------------------------------------------- weights --- */

static rf_status check_finite(rf_context *ctx, const rf_value *v)
{
    for (int64_t i = 0; i < v->constant->count; i++) {
        if (!isfinite(rf_tensor_f32(v->constant)[i]))
            return rf_fail(ctx, RF_ENUMERIC,
                           "cannot calibrate: parameter '%s' holds %g at element %lld; repair or "
                           "re-export the model",
                           v->name, (double)rf_tensor_f32(v->constant)[i], (long long)i);
    }
    return RF_OK;
}

/* Slices of one channel each: `outer` runs of `inner` elements, `stride` apart. */
typedef struct slices {
    int64_t count, outer, inner;
} slices;

static slices slices_of(const rf_tensor *t, int axis)
{
    slices s = { 1, 1, t->count };
    if (axis < 0)
        return s;
    s.count = t->shape.dims[axis];
    for (int i = 0; i < axis; i++)
        s.outer *= t->shape.dims[i];
    s.inner = t->count / (s.outer * s.count);
    return s;
}

static rf_status analyze_slice(const calibration *c, const rf_node *n, const slices *s,
                               int64_t channel, float *gathered, rf_encoding *out)
{
    const rf_qspec spec = rf_quantizer_spec(n);
    const float *values = rf_tensor_f32(rf_quantizer_tensor(n)->constant);
    rf_analyzer *a = NULL;
    /* Parameters keep all their values under the percentile scheme. */
    RF_TRY(new_analyzer(c, /*percentile=*/100.0, &a));
    for (int64_t o = 0; o < s->outer; o++)
        memcpy(gathered + o * s->inner, values + (o * s->count + channel) * s->inner,
               (size_t)s->inner * sizeof *values);
    rf_analyzer_update(a, gathered, s->outer * s->inner, 1);
    const rf_status st = rf_analyzer_encoding(a, &spec, out);
    rf_analyzer_free(a);
    return st;
}

static rf_status calibrate_param(const calibration *c, rf_node *n)
{
    const rf_value *v = rf_quantizer_tensor(n);
    RF_TRY(check_finite(c->ctx, v));
    const slices s = slices_of(v->constant, rf_quantizer_axis(n));
    rf_encoding *encodings = rf_calloc(c->ctx, (size_t)s.count, sizeof *encodings);
    float *gathered = rf_alloc(c->ctx, (size_t)(s.outer * s.inner) * sizeof *gathered);
    rf_status st = encodings && gathered ? RF_OK : RF_ENOMEM;
    for (int64_t k = 0; st == RF_OK && k < s.count; k++)
        st = analyze_slice(c, n, &s, k, gathered, &encodings[k]);
    if (st == RF_ENUMERIC)
        st = rf_fail(c->ctx, st, "cannot calibrate: the values of parameter '%s' are too large",
                     v->name);
    if (st == RF_OK)
        st = rf_quantizer_store(c->sim, n, encodings, s.count);
    rf_free(c->ctx, gathered);
    rf_free(c->ctx, encodings);
    return st;
}

static rf_status calibrate_params(calibration *c)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++) {
        rf_node *n = quantizer(c, i);
        if (rf_quantizer_is_param(n) && !is_frozen(n))
            RF_TRY(calibrate_param(c, n));
    }
    return RF_OK;
}

rf_status rf_sim_calibrate_params(rf_sim *sim)
{
    calibration c = { .sim = sim, .ctx = sim->ctx };
    return calibrate_params(&c);
}

/* ---------------------------------------------------------------------- activations --- */

static rf_status new_analyzers(calibration *c)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++) {
        const rf_node *n = quantizer(c, i);
        if (!rf_quantizer_is_param(n) && !is_frozen(n))
            RF_TRY(new_analyzer(c, c->sim->percentile, &c->analyzers[i]));
    }
    return RF_OK;
}

static rf_status copy_plain(calibration *c, const rf_view *src, const float **out)
{
    const rf_shape shape = rf_view_shape(src);
    const int64_t count = rf_view_count(src);
    rf_view plain;
    if (count > c->plain_count) {
        rf_free(c->ctx, c->plain);
        c->plain_count = 0;
        RF_NEW_ARRAY(c->ctx, c->plain, count);
        c->plain_count = count;
    }
    rf_view_init(&plain, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    plain.data = c->plain;
    rf_view_copy(src, &plain);
    *out = c->plain;
    return RF_OK;
}

/* Both dense layouts have the samples outermost: data of a batch that was filled up lie in front. */
static int64_t valid_count(const calibration *c, const rf_view *src)
{
    const int64_t count = rf_view_count(src);
    const bool is_batched = src->rank > 0 && src->dims[0] == c->batch;
    return is_batched ? count / c->batch * c->valid : count;
}

static rf_status observe(void *user, const rf_node *node, const rf_view *src)
{
    calibration *c = user;
    size_t i = 0;
    while (i < c->sim->quantizers.count && c->sim->quantizers.items[i] != node)
        i++;
    if (i == c->sim->quantizers.count || !c->analyzers[i])
        return RF_OK;
    const float *values = rf_view_f32(src);
    if (!rf_view_is_dense(src))
        RF_TRY(copy_plain(c, src, &values));
    if (c->apart)
        rf_analyzer_tally(c->analyzers[i], values, valid_count(c, src), 1, &c->tallies[i]);
    else
        rf_analyzer_update(c->analyzers[i], values, valid_count(c, src), 1);
    return RF_OK;
}

/* Next batch of this process, if there is one. */
static rf_status run_batch(calibration *c, rf_feed *feed)
{
    rf_plan *plan = NULL;
    rf_batch batch;
    RF_TRY(rf_feed_next(feed, &plan, &batch));
    if (!plan)
        return RF_OK;
    c->valid = batch.count;
    c->batch = rf_plan_input(plan, 0)->dims[0];
    return rf_plan_forward(plan);
}

/* Whether batches may be looked at apart: the first ones lay the bins of histograms. */
static bool all_laid(const calibration *c)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++)
        if (c->analyzers[i] && !rf_analyzer_is_laid(c->analyzers[i]))
            return false;
    return rf_distributed_size(c->ctx) > 1;
}

static void add_tallies(calibration *c, const rf_tally *tallies)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++)
        if (c->analyzers[i] && tallies[i].seen > 0)
            rf_analyzer_add(c->analyzers[i], &tallies[i]);
}

/* Every process takes a batch of its own; what they hold is added in the order of batches, as if by one process. */
static rf_status run_rounds(calibration *c, rf_feed *feed, rf_meter *meter, int64_t first)
{
    const int size = rf_distributed_size(c->ctx);
    const size_t count = c->sim->quantizers.count;
    rf_tally *all = rf_calloc(c->ctx, (size_t)size * count + 1, sizeof *all);
    c->tallies = rf_calloc(c->ctx, count + 1, sizeof *c->tallies);
    c->apart = true;
    rf_feed_set_share(feed, RF_SHARE_OF_BATCHES);
    rf_status st = all && c->tallies ? rf_feed_start(feed, /*epoch=*/0, first) : RF_ENOMEM;
    for (int64_t done = first; !st && done < rf_feed_batches(feed); done += size) {
        memset(c->tallies, 0, count * sizeof *c->tallies);
        st = rf_group_check_interrupt(c->ctx);
        if (!st)
            st = run_batch(c, feed);
        if (!st)
            st = rf_group_gather(c->ctx, c->tallies, count * sizeof *c->tallies, all);
        for (int r = 0; !st && r < size; r++)
            add_tallies(c, all + (size_t)r * count);
        const int64_t images = rf_feed_images(feed, done + size);
        rf_meter_update(meter, images, images);
    }
    rf_free(c->ctx, all);
    return st;
}

static rf_status run_batches(calibration *c, rf_feed *feed, int64_t *samples_out)
{
    const int64_t batches = rf_feed_batches(feed);
    int64_t done = 0;
    rf_meter meter;
    *samples_out = rf_feed_samples(feed);
    if (*samples_out == 0)
        return rf_fail(c->ctx, RF_EDATA, "cannot calibrate: the data set has no samples");
    rf_meter_start(&meter, c->ctx, "calibrate", "img", *samples_out);
    RF_TRY(rf_feed_start(feed, /*epoch=*/0, /*first=*/0));
    while (done < batches && !all_laid(c)) {
        RF_TRY(rf_group_check_interrupt(c->ctx));
        RF_TRY(run_batch(c, feed));
        done++;
        const int64_t images = rf_feed_images(feed, done);
        rf_meter_update(&meter, images, images);
    }
    return done < batches ? run_rounds(c, feed, &meter, done) : RF_OK;
}

static rf_status observe_data(calibration *c, const rf_dataset *dataset,
                              const rf_calibrate_options *o, int64_t *samples_out)
{
    const int64_t limit = o->samples ? o->samples : DEFAULT_SAMPLES;
    const rf_feed_options options = {
        .batch = o->batch ? o->batch : DEFAULT_BATCH,
        .limit = limit,
        .share = RF_SHARE_OF_ALL,
        /* Class folders come class by class; AIMET's users take the first batches of their loader. */
        .shuffle = limit < rf_dataset_count(dataset) && !c->sim->compat_aimet,
        .plan = { .mode = RF_MODE_INFER,
                  .compute = RF_COMPUTE_FLOAT,
                  .bypass_activations = true,
                  .observe = observe,
                  .observe_user = c },
    };
    rf_feed *feed = NULL;
    RF_TRY(rf_feed_new(c->sim->graph, dataset, &options, &feed));
    const rf_status st = run_batches(c, feed, samples_out);
    rf_feed_free(feed);
    return st;
}

static rf_status conclude_activation(calibration *c, size_t i)
{
    rf_node *n = quantizer(c, i);
    const rf_qspec spec = rf_quantizer_spec(n);
    const char *name = rf_quantizer_tensor(n)->name;
    rf_encoding e;
    const rf_status st = rf_analyzer_encoding(c->analyzers[i], &spec, &e);
    if (st == RF_OK)
        return rf_quantizer_store(c->sim, n, &e, 1);
    return rf_fail(c->ctx, st,
                   "cannot calibrate: tensor '%s' holds values that are NaN, infinite or beyond "
                   "any sensible range; "
                   "check the model and the preprocessing of the data",
                   name);
}

/* One that never saw a value (its part of the network did not run) has no range. */
static rf_status disable(calibration *c, rf_node *n)
{
    rf_log(c->ctx, RF_LOG_WARNING, "tensor '%s' saw no data in calibration: its quantizer is off",
           rf_quantizer_tensor(n)->name);
    return rf_node_set_int(c->sim->graph, n, "enabled", 0);
}

static rf_status conclude_activations(calibration *c)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++) {
        const rf_analyzer *a = c->analyzers[i];
        if (!a)
            continue;
        if (rf_analyzer_is_empty(a))
            RF_TRY(disable(c, quantizer(c, i)));
        else
            RF_TRY(conclude_activation(c, i));
    }
    return RF_OK;
}

/* ------------------------------------------------------------------------------ all --- */

static rf_status check_options(const rf_sim *sim, const rf_calibrate_options *o)
{
    if (sim->state > RF_STATE_CALIBRATED)
        return rf_fail(
            sim->ctx, RF_ESTATE,
            "cannot calibrate: the simulation is %s already; build it anew from the float model",
            rf_state_name(sim->state));
    if (o->samples < 0 || o->batch < 0)
        return rf_fail(sim->ctx, RF_EARG, "calibration of %lld samples in batches of %lld",
                       (long long)o->samples, (long long)o->batch);
    return RF_OK;
}

static rf_status begin(calibration *c)
{
    const size_t count = c->sim->quantizers.count;
    RF_NEW_ARRAY(c->ctx, c->saved, count + 1);
    RF_NEW_ARRAY(c->ctx, c->analyzers, count + 1);
    for (size_t i = 0; i < count; i++)
        RF_TRY(save_range(c, i));
    return new_analyzers(c);
}

static void release(calibration *c)
{
    for (size_t i = 0; i < c->sim->quantizers.count; i++) {
        if (c->saved)
            rf_free(c->ctx, c->saved[i].ends);
        if (c->analyzers)
            rf_analyzer_free(c->analyzers[i]);
    }
    rf_free(c->ctx, c->saved);
    rf_free(c->ctx, c->analyzers);
    rf_free(c->ctx, c->tallies);
    rf_free(c->ctx, c->plain);
}

static void report(const calibration *c, int64_t samples, double seconds, rf_calibration *out)
{
    *out = (rf_calibration){ .samples = samples, .seconds = seconds };
    for (size_t i = 0; i < c->sim->quantizers.count; i++)
        *(rf_quantizer_enabled(quantizer(c, i)) ? &out->enabled : &out->disabled) += 1;
}

rf_status rf_sim_calibrate(rf_sim *sim, const rf_dataset *dataset,
                           const rf_calibrate_options *options, rf_calibration *out)
{
    static const rf_calibrate_options defaults = RF_CALIBRATE_OPTIONS_INIT;
    const rf_calibrate_options *o = options ? options : &defaults;
    const double start = rf_clock_seconds();
    int64_t samples = 0;
    calibration c = { .sim = sim, .ctx = sim->ctx };
    RF_TRY(check_options(sim, o));
    rf_use_threads(sim->ctx);
    rf_status st = begin(&c);
    if (st == RF_OK)
        st = calibrate_params(&c);
    if (st == RF_OK)
        st = observe_data(&c, dataset, o, &samples);
    if (st == RF_OK)
        st = conclude_activations(&c);
    if (st == RF_OK) {
        sim->state = RF_STATE_CALIBRATED;
        if (out)
            report(&c, samples, rf_clock_seconds() - start, out);
    } else if (c.saved) {
        restore_ranges(&c);
    }
    release(&c);
    return st;
}
