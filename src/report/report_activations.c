/* Activation quantizers: their ranges, and what share of real activations lies outside of them. */
#include <math.h>

#include "base/clock.h"
#include "base/status.h"
#include "ops/params.h"
#include "report/report.h"
#include "sim/feed.h"

#define DEFAULT_SAMPLES 256
#define DEFAULT_BATCH 128

/* What one quantizer saw in front of it. */
typedef struct seen {
    double min, max; /* the range that it keeps, then what came */
    double least, most;
    int64_t count, below, above;
} seen;

typedef struct watch {
    rf_sim *sim;
    seen *items; /* [quantizers] */
    int64_t valid, batch;
    float *plain; /* a tensor that does not lie densely, copied */
    int64_t plain_count;
} watch;

static void look_at(seen *s, const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double v = (double)x[i];
        if (!isfinite(v))
            continue;
        s->least = fmin(s->least, v);
        s->most = fmax(s->most, v);
        s->below += v < s->min;
        s->above += v > s->max;
    }
    s->count += count;
}

static rf_status make_plain(watch *w, const rf_view *src, const float **out)
{
    const rf_shape shape = rf_view_shape(src);
    const int64_t count = rf_view_count(src);
    rf_view plain;
    if (count > w->plain_count) {
        rf_free(w->sim->ctx, w->plain);
        w->plain_count = 0;
        RF_NEW_ARRAY(w->sim->ctx, w->plain, count);
        w->plain_count = count;
    }
    rf_view_init(&plain, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    plain.data = w->plain;
    rf_view_copy(src, &plain);
    *out = w->plain;
    return RF_OK;
}

static rf_status observe(void *user, const rf_node *node, const rf_view *src)
{
    watch *w = user;
    size_t i = 0;
    while (i < w->sim->quantizers.count && w->sim->quantizers.items[i] != node)
        i++;
    if (i == w->sim->quantizers.count || rf_quantizer_is_param(node) || src->dtype != RF_DTYPE_F32)
        return RF_OK;
    const float *values = rf_view_f32(src);
    if (!rf_view_is_dense(src))
        RF_TRY(make_plain(w, src, &values));
    /* Dense layouts have the samples outermost: data of a batch that was filled up lie in front. */
    int64_t count = rf_view_count(src);
    if (src->rank > 0 && src->dims[0] == w->batch)
        count = count / w->batch * w->valid;
    look_at(&w->items[i], values, count);
    return RF_OK;
}

static rf_status run(watch *w, const rf_report_options *o)
{
    const rf_feed_options options = {
        .batch = o->batch ? o->batch : DEFAULT_BATCH,
        .limit = o->samples ? o->samples : DEFAULT_SAMPLES,
        .share = RF_SHARE_OF_ALL,
        .plan = { .mode = RF_MODE_INFER,
                  .compute = RF_COMPUTE_FLOAT,
                  .observe = observe,
                  .observe_user = w },
    };
    rf_feed *feed = NULL;
    RF_TRY(rf_feed_new(w->sim->graph, o->dataset, &options, &feed));
    rf_meter meter;
    rf_meter_start(&meter, w->sim->ctx, "measure", "img", rf_feed_samples(feed));
    rf_status st = rf_feed_start(feed, /*epoch=*/0, /*first=*/0);
    for (int64_t i = 0; !st && i < rf_feed_batches(feed); i++) {
        rf_plan *plan = NULL;
        rf_batch batch;
        st = rf_check_interrupt(w->sim->ctx);
        if (!st)
            st = rf_feed_next(feed, &plan, &batch);
        if (st || !plan)
            continue;
        w->valid = batch.count;
        w->batch = rf_plan_input(plan, 0)->dims[0];
        st = rf_plan_forward(plan);
        const int64_t images = rf_feed_images(feed, i + 1);
        rf_meter_update(&meter, images, images);
    }
    rf_feed_free(feed);
    return st;
}

/* Beyond half a code the value itself is cut, not rounded. */
static rf_status begin(watch *w)
{
    RF_NEW_ARRAY(w->sim->ctx, w->items, w->sim->quantizers.count + 1);
    for (size_t i = 0; i < w->sim->quantizers.count; i++) {
        rf_quantizer q;
        seen *s = &w->items[i];
        RF_TRY(rf_sim_quantizer(w->sim, (int)i, &q));
        *s = (seen){ .least = (double)INFINITY, .most = -(double)INFINITY };
        if (q.count == 0)
            continue;
        const int64_t steps = (INT64_C(1) << q.bitwidth) - (q.strict_symmetric ? 2 : 1);
        s->min = q.scale[0] * ((double)q.offset[0] - 0.5);
        s->max = q.scale[0] * ((double)(steps + q.offset[0]) + 0.5);
    }
    return RF_OK;
}

static json_t *share(int64_t part, const seen *s)
{
    return s && s->count ? rf_json_real((double)part / (double)s->count) : json_null();
}

static json_t *activation_json(const rf_quantizer *q, const seen *s)
{
    return json_pack("{s:o, s:o, s:b, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "tensor",
                     rf_json_text(q->tensor), "op", rf_json_text(q->op), "enabled", (int)q->enabled,
                     "bitwidth", q->bitwidth, "symmetric", (int)q->symmetric, "min",
                     q->count ? rf_json_real((double)q->min[0]) : json_null(), "max",
                     q->count ? rf_json_real((double)q->max[0]) : json_null(), "seen_min",
                     s ? rf_json_real(s->least) : json_null(), "seen_max",
                     s ? rf_json_real(s->most) : json_null(), "below", share(s ? s->below : 0, s),
                     "above", share(s ? s->above : 0, s));
}

static rf_status list_activations(const watch *w, json_t **out)
{
    json_t *list = json_array();
    rf_status st = RF_OK;
    for (size_t i = 0; !st && i < w->sim->quantizers.count; i++) {
        rf_quantizer q;
        if (rf_quantizer_is_param(w->sim->quantizers.items[i]))
            continue;
        st = rf_sim_quantizer(w->sim, (int)i, &q);
        if (!st &&
            json_array_append_new(list, activation_json(&q, w->items ? &w->items[i] : NULL)) != 0)
            st = rf_fail(w->sim->ctx, RF_ENOMEM, "out of memory making the report");
    }
    if (st)
        json_decref(list);
    else
        *out = list;
    return st;
}

rf_status rf_report_activations(rf_sim *sim, const rf_report_options *options, json_t **out)
{
    watch w = { .sim = sim };
    rf_status st = RF_OK;
    rf_use_threads(sim->ctx);
    if (options->dataset)
        st = begin(&w);
    if (!st && options->dataset)
        st = run(&w, options);
    if (!st)
        st = list_activations(&w, out);
    rf_free(sim->ctx, w.items);
    rf_free(sim->ctx, w.plain);
    return st;
}
