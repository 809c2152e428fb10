/* Sensitivity: one part of the network quantized at a time, and all but one. */
#include "analyze/analyze.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "graph/copy.h"
#include "ops/params.h"

enum { DEFAULT_SAMPLES = 512, DEFAULT_BATCH = 128 };

typedef enum metric { BY_TOP1, BY_LOSS, BY_SQNR } metric;
static const char *const metric_names[] = {
    [BY_TOP1] = "top1", [BY_LOSS] = "loss", [BY_SQNR] = "sqnr"
};

typedef struct analyzing {
    rf_analysis report; /* first: the handle users hold */
    rf_arena arena;
    rf_context *ctx;
    const rf_sim *sim;
    const rf_dataset *dataset;
    rf_graph *graph;              /* outline of the simulation's, whose quantizers are switched */
    RF_VEC(rf_node *) quantizers; /* that are on in the simulation */
    rf_parts parts;
    rf_kept_samples samples;
    rf_compared *tensors; /* owned; the report shows it */
    rf_meter meter;
    int64_t done, batch;
    metric by;
} analyzing;

/* --------------------------------------------------------------------------------- switching --- */

static rf_status switch_to(analyzing *a, rf_node *quantizer, bool on)
{
    if (rf_quantizer_enabled(quantizer) == on) /* setting an attribute costs memory */
        return RF_OK;
    return rf_node_set_int(a->graph, quantizer, "enabled", on);
}

static bool belongs(const rf_node *quantizer, const rf_part *part)
{
    const rf_node *layer = rf_quantizer_layer(quantizer);
    const bool right_kind = rf_quantizer_is_param(quantizer) ? part->params : part->activations;
    return right_kind &&
           (!part->layer ||
            strcmp(part->layer, layer ? layer->name : rf_quantizer_tensor(quantizer)->name) == 0);
}

/* Quantizers of the part are `inside`, the others are not. */
static rf_status try_part(analyzing *a, const rf_part *part, bool inside, rf_measured *out)
{
    for (size_t i = 0; i < a->quantizers.count; i++) {
        rf_node *q = a->quantizers.items[i];
        RF_TRY(switch_to(a, q, belongs(q, part) == inside));
    }
    return rf_trial_run(a->graph, &a->samples, &a->meter, &a->done, out);
}

static rf_status find_quantizers(analyzing *a)
{
    RF_TRY(rf_graph_outline(a->sim->graph, &a->graph));
    RF_TRY(rf_parts_find(a->graph, &a->parts));
    for (rf_node *n = a->graph->first; n; n = n->next)
        if (rf_node_is_fakequant(n) && rf_quantizer_enabled(n))
            RF_TRY(RF_VEC_PUSH(a->ctx, &a->quantizers, n));
    return a->quantizers.count > 0
               ? RF_OK
               : rf_fail(a->ctx, RF_ESTATE, "the simulation has no quantizer that is enabled");
}

/* -------------------------------------------------------------------------------- measuring --- */

static int64_t samples_wanted(const analyzing *a, const rf_analyze_options *o)
{
    const int64_t all = rf_dataset_count(a->dataset);
    const int64_t limit = o->samples > 0 ? o->samples : DEFAULT_SAMPLES;
    return limit < all ? limit : all;
}

/* As many trials as there are wholes, and each part alone and left out. */
static rf_status keep_samples(analyzing *a, int64_t limit)
{
    enum { WHOLES = 4 };
    RF_TRY(rf_samples_keep(a->graph, a->dataset, limit, a->batch, &a->samples));
    rf_meter_start(&a->meter, a->ctx, "analyze", "img",
                   a->samples.count * (WHOLES + 2 * (int64_t)a->parts.count));
    return RF_OK;
}

/* A part without a layer is all layers'. */
static rf_status try_wholes(analyzing *a)
{
    const rf_part none = { 0 }, params = { .params = true }, activations = { .activations = true },
                  both = { .params = true, .activations = true };
    RF_TRY(try_part(a, &none, true, &a->report.fp32));
    RF_TRY(try_part(a, &params, true, &a->report.params));
    RF_TRY(try_part(a, &activations, true, &a->report.activations));
    return try_part(a, &both, true, &a->report.quantized);
}

static const char *kind_of(const rf_part *part)
{
    return !part->activations ? "param" : !part->params ? "activation" : "both";
}

static rf_status try_parts(analyzing *a, rf_sensitivity *rows)
{
    for (size_t i = 0; i < a->parts.count; i++) {
        const rf_part *part = &a->parts.items[i];
        rf_sensitivity *row = &rows[i];
        *row = (rf_sensitivity){
            .layer = rf_arena_strdup(&a->arena, part->layer),
            .op_type = rf_arena_strdup(&a->arena, part->op_type),
            .kind = kind_of(part),
            .param_bw = part->bits_of_params,
            .output_bw = part->bits_of_activations,
            .quantizers = part->quantizers,
        };
        if (!row->layer || !row->op_type)
            return RF_ENOMEM;
        RF_TRY(try_part(a, part, true, &row->only));
        RF_TRY(try_part(a, part, false, &row->all_but));
    }
    return RF_OK;
}

/* ---------------------------------------------------------------------------------- sorting --- */

/* NaN is the worst there is. */
static double sqnr_harm(const rf_measured *m)
{
    return isnan(m->sqnr_db) ? (double)INFINITY : -m->sqnr_db;
}

static double harm_of(const rf_measured *fp32, const rf_measured *m, metric by)
{
    const double harm = by == BY_TOP1   ? fp32->top1 - m->top1
                        : by == BY_LOSS ? m->loss - fp32->loss
                                        : sqnr_harm(m);
    return isnan(harm) ? (double)INFINITY : harm;
}

/* Worst first; of equals the one with more noise, then the earlier one. */
static int compare_rows(const void *left, const void *right)
{
    const rf_sensitivity *a = left, *b = right;
    if (a->harm != b->harm)
        return a->harm > b->harm ? -1 : 1;
    const double x = sqnr_harm(&a->only), y = sqnr_harm(&b->only);
    if (x != y)
        return x > y ? -1 : 1;
    return a->position - b->position;
}

static void sort_rows(const analyzing *a, rf_sensitivity *rows)
{
    for (size_t i = 0; i < a->parts.count; i++) {
        rows[i].position = (int)i;
        rows[i].harm = harm_of(&a->report.fp32, &rows[i].only, a->by);
    }
    qsort(rows, a->parts.count, sizeof *rows, compare_rows);
}

/* -------------------------------------------------------------------------------- the whole --- */

static rf_status choose_metric(analyzing *a, const char *name)
{
    if (!name)
        return RF_OK; /* when it is known whether there is a top-1 */
    for (int m = BY_TOP1; m <= BY_SQNR; m++) {
        if (strcmp(name, metric_names[m]) != 0)
            continue;
        a->by = (metric)m;
        return m == BY_SQNR || rf_dataset_has_labels(a->dataset)
                   ? RF_OK
                   : rf_fail(a->ctx, RF_EDATA,
                             "sorting by %s needs labels, which this data set does not have; sort "
                             "by sqnr",
                             name);
    }
    return rf_fail(a->ctx, RF_EARG, "sorting by '%s': expected top1, loss or sqnr", name);
}

/* Each tensor with everything quantized, against the same network without quantizers. */
static rf_status compare_tensors(analyzing *a)
{
    rf_compare_options options = RF_COMPARE_OPTIONS_INIT;
    rf_graph *floats = NULL;
    options.dataset = a->dataset;
    options.samples = a->samples.count;
    options.batch = a->batch;
    RF_TRY(rf_sim_strip(a->sim, &floats));
    const rf_status st = rf_compare(floats, a->sim->graph, &options, &a->tensors);
    rf_graph_free(floats);
    if (st != RF_OK)
        return st;
    a->report.tensor_count = a->tensors->tensor_count;
    a->report.tensors = a->tensors->tensors;
    return RF_OK;
}

static rf_status analyze(analyzing *a, const rf_analyze_options *o)
{
    rf_analysis *r = &a->report;
    RF_TRY(rf_sim_need_state(a->sim, RF_STATE_CALIBRATED, "analyze it"));
    RF_TRY(choose_metric(a, o->by));
    RF_TRY(find_quantizers(a));
    RF_TRY(keep_samples(a, samples_wanted(a, o)));
    RF_TRY(try_wholes(a));
    if (!o->by)
        a->by = isnan(r->fp32.top1) ? BY_SQNR : BY_TOP1;
    rf_sensitivity *rows = rf_arena_array(&a->arena, a->parts.count + 1, sizeof *rows);
    if (!rows)
        return RF_ENOMEM;
    RF_TRY(try_parts(a, rows));
    sort_rows(a, rows);
    r->by = metric_names[a->by];
    r->samples = a->samples.count;
    r->row_count = (int)a->parts.count;
    r->rows = rows;
    r->seconds = rf_meter_seconds(&a->meter);
    return compare_tensors(a);
}

static void release_work(analyzing *a)
{
    rf_samples_release(&a->samples);
    RF_VEC_RELEASE(a->ctx, &a->parts);
    RF_VEC_RELEASE(a->ctx, &a->quantizers);
    rf_graph_free(a->graph);
    a->graph = NULL;
}

void rf_analysis_free(rf_analysis *analysis)
{
    analyzing *a = (analyzing *)analysis;
    if (!a)
        return;
    rf_context *ctx = a->ctx;
    rf_compared_free(a->tensors);
    rf_arena_release(&a->arena);
    rf_free(ctx, a);
}

rf_status rf_analyze(const rf_sim *sim, const rf_dataset *dataset,
                     const rf_analyze_options *options, rf_analysis **out)
{
    const rf_analyze_options defaults = RF_ANALYZE_OPTIONS_INIT;
    const rf_analyze_options *o = options ? options : &defaults;
    rf_context *ctx = sim->ctx;
    if (o->samples < 0 || o->batch < 0)
        return rf_fail(ctx, RF_EARG, "analyzing: samples and batch cannot be negative");
    analyzing *a = rf_calloc(ctx, 1, sizeof *a);
    if (!a)
        return RF_ENOMEM;
    a->ctx = ctx;
    a->sim = sim;
    a->dataset = dataset;
    a->batch = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    rf_arena_init(&a->arena, ctx);
    rf_use_threads(ctx);
    const rf_status st = analyze(a, o);
    release_work(a);
    if (st != RF_OK) {
        rf_analysis_free(&a->report);
        return st;
    }
    *out = &a->report;
    return RF_OK;
}
