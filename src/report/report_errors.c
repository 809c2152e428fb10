/* How far tensors lie apart: the simulation from its own network in float32, and the target from the simulation. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "report/report.h"

#define DEFAULT_SAMPLES 256

static rf_compare_options compare_options(const rf_report_options *o, bool outputs_only)
{
    rf_compare_options options = RF_COMPARE_OPTIONS_INIT;
    options.dataset = o->dataset;
    options.samples = o->samples ? o->samples : DEFAULT_SAMPLES;
    options.batch = o->batch;
    options.outputs_only = outputs_only;
    return options;
}

static json_t *tensor_json(const rf_compared_tensor *t)
{
    return json_pack("{s:o, s:o, s:o}", "tensor", rf_json_text(t->name), "sqnr_db",
                     rf_json_real(t->sqnr_db), "max_abs", rf_json_real(t->max_abs));
}

/* Tensors in the order of computing, outputs last. */
static json_t *compared_json(const rf_compared *c)
{
    json_t *tensors = json_array();
    for (int i = 0; i < c->tensor_count; i++)
        json_array_append_new(tensors, tensor_json(&c->tensors[i]));
    for (int i = 0; i < c->output_count; i++)
        json_array_append_new(tensors, tensor_json(&c->outputs[i]));
    return json_pack("{s:I, s:o, s:o}", "samples", (json_int_t)c->samples, "top1_agreement",
                     rf_json_real(c->top1_agreement), "tensors", tensors);
}

static json_t *reason_json(const char *reason)
{
    return json_pack("{s:o}", "reason", rf_json_text(reason));
}

/* A comparison that cannot be made leaves its reason; only being out of memory or interrupted ends the report. */
static rf_status settle(rf_context *ctx, rf_status st, rf_compared *found, json_t **out)
{
    if (st == RF_ENOMEM || st == RF_EINTERRUPTED)
        return st;
    *out = st ? reason_json(rf_context_message(ctx)) : compared_json(found);
    rf_compared_free(found);
    return RF_OK;
}

/* One simulation against its own weights in float32; all tensors are there. */
static rf_status against_float(rf_sim *sim, const rf_report_options *o, json_t **out)
{
    const rf_compare_options options = compare_options(o, false);
    rf_graph *plain = NULL;
    rf_compared *found = NULL;
    rf_status st = rf_sim_strip(sim, &plain);
    if (!st)
        st = rf_compare(plain, sim->graph, &options, &found);
    rf_graph_free(plain);
    return settle(sim->ctx, st, found, out);
}

/* The network as it came, against what became of it. */
static rf_status against_origin(rf_sim *sim, const rf_report_options *o, json_t **out)
{
    const rf_compare_options options = compare_options(o, true);
    rf_graph *plain = NULL;
    rf_compared *found = NULL;
    rf_status st = rf_sim_strip(o->calibrated, &plain);
    if (!st)
        st = rf_compare(plain, sim->graph, &options, &found);
    rf_graph_free(plain);
    return settle(sim->ctx, st, found, out);
}

static rf_status against_target(rf_sim *sim, const rf_report_options *o, json_t **out)
{
    rf_compare_options options = compare_options(o, false);
    rf_compared *found = NULL;
    if (!o->target || !o->runner) {
        *out = reason_json(o->no_target ? o->no_target : "no exported model was given");
        return RF_OK;
    }
    options.runner = o->runner;
    const rf_status st = rf_compare(sim->graph, o->target, &options, &found);
    return settle(sim->ctx, st, found, out);
}

rf_status rf_report_errors(rf_sim *sim, const rf_report_options *o, json_t **out)
{
    json_t *before = NULL, *after = NULL, *origin = NULL, *target = NULL;
    rf_status st = against_float(sim, o, &after);
    if (!st && o->calibrated && o->calibrated != sim)
        st = against_float(o->calibrated, o, &before);
    if (!st && o->calibrated)
        st = against_origin(sim, o, &origin);
    if (!st)
        st = against_target(sim, o, &target);
    *out = json_pack("{s:o, s:o, s:o, s:o}", "before", before ? before : json_null(), "after",
                     after ? after : json_null(), "origin", origin ? origin : json_null(), "target",
                     target ? target : json_null());
    if (!st && *out)
        return RF_OK;
    json_decref(*out);
    *out = NULL;
    return st ? st : rf_fail(sim->ctx, RF_ENOMEM, "out of memory making the report");
}
