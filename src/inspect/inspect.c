/* Inspection: what a network is made of, where its BN go, what quantize would do, and what to know before. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exec/computed_params.h"
#include "graph/copy.h"
#include "inspect/inspection.h"

/* They stand on the caller's graph, which may go before the report does. */
static void release_outlines(rf_looking *l)
{
    rf_graph_free(l->simulated);
    rf_sim_free(l->planned);
    rf_graph_free(l->graph);
    l->simulated = l->graph = NULL;
    l->planned = NULL;
}

void rf_inspection_free(rf_inspection *handle)
{
    rf_looking *l = (rf_looking *)handle;
    if (!l)
        return;
    rf_context *ctx = l->ctx;
    release_outlines(l);
    RF_VEC_RELEASE(ctx, &l->pairs);
    RF_VEC_RELEASE(ctx, &l->unsupported);
    RF_VEC_RELEASE(ctx, &l->advice);
    RF_VEC_RELEASE(ctx, &l->quantizers);
    rf_arena_release(&l->arena);
    rf_free(ctx, l);
}

rf_status rf_advise(rf_looking *l, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *kept = rf_arena_strdup(&l->arena, text);
    return kept ? RF_VEC_PUSH(l->ctx, &l->advice, kept) : RF_ENOMEM;
}

bool rf_looking_has(const rf_looking *l, const char *op_type)
{
    for
        RF_GRAPH_EACH_NODE(n, l->graph)
    if (rf_node_is(n, op_type))
        return true;
    return false;
}

static rf_status describe_file(rf_looking *l)
{
    l->report.opset = rf_graph_opset(l->graph, "");
    l->report.producer = rf_arena_strdup(&l->arena, l->graph->producer);
    return l->report.producer ? RF_OK : RF_ENOMEM;
}

static rf_status list_batch_norms(rf_looking *l)
{
    RF_TRY(rf_bn_pairs_find(l->graph, &l->pairs));
    rf_bn_info *infos = rf_arena_array(&l->arena, l->pairs.count + 1, sizeof *infos);
    if (!infos)
        return RF_ENOMEM;
    for (size_t i = 0; i < l->pairs.count; i++) {
        const rf_bn_pair *p = &l->pairs.items[i];
        const char *reason = rf_bn_pair_stays(p);
        const bool folds = !reason;
        const char *why = folds ? p->layer->name : reason;
        const char *kept = rf_arena_strdup(&l->arena, why);
        infos[i].bn = rf_arena_strdup(&l->arena, p->bn->name);
        infos[i].folds_into = folds ? kept : NULL;
        infos[i].reason = folds ? NULL : kept;
        if (!infos[i].bn || !kept)
            return RF_ENOMEM;
    }
    l->report.batch_norms = infos;
    l->report.batch_norm_count = (int)l->pairs.count;
    return RF_OK;
}

static rf_status look(rf_looking *l, const rf_graph *graph, const rf_inspect_options *o)
{
    RF_TRY(rf_graph_outline(graph, &l->graph));
    RF_TRY(describe_file(l));
    RF_TRY(rf_look_count(l));
    RF_TRY(rf_graph_compute_params(l->graph)); /* as every step does that changes parameters */
    RF_TRY(list_batch_norms(l));
    RF_TRY(rf_look_quantizers(l, &o->simulation, o->sim));
    RF_TRY(rf_look_provenance(l));
    RF_TRY(rf_look_runs(l, o->batch ? o->batch : 128));
    RF_TRY(rf_look_advice(l));
    l->report.unsupported = l->unsupported.items;
    l->report.unsupported_count = (int)l->unsupported.count;
    l->report.advice = l->advice.items;
    l->report.advice_count = (int)l->advice.count;
    l->report.quantizers = l->quantizers.items;
    l->report.quantizer_count = (int)l->quantizers.count;
    return RF_OK;
}

rf_status rf_inspect(const rf_graph *graph, const rf_inspect_options *options, rf_inspection **out)
{
    static const rf_inspect_options defaults = RF_INSPECT_OPTIONS_INIT;
    rf_context *ctx = graph->ctx;
    const rf_inspect_options *o = options ? options : &defaults;
    if (o->batch < 0)
        return rf_fail(ctx, RF_EARG, "batch %lld: expected 1 or more", (long long)o->batch);
    rf_looking *l = rf_calloc(ctx, 1, sizeof *l);
    if (!l)
        return RF_ENOMEM;
    l->ctx = ctx;
    rf_arena_init(&l->arena, ctx);
    const rf_status st = look(l, graph, o);
    release_outlines(l);
    if (st != RF_OK) {
        rf_inspection_free(&l->report);
        return st;
    }
    *out = &l->report;
    return RF_OK;
}
