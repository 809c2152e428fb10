/* What running the network takes: multiply-adds, memory, and the nodes that refold cannot run. */
#include "base/status.h"
#include "exec/plan.h"
#include "graph/ports.h"
#include "inspect/inspection.h"
#include "ops/params.h"

enum { LOADED_BATCHES = 3 }; /* one in use, two prepared ahead (data/loader.c) */

typedef struct skipped {
    rf_looking *l;
    rf_status status;
} skipped;

/* "TopK (node 'nms/top')", or with the operator's own words where it is known but not in this form. */
static void note_skipped(void *user, const rf_node *n, rf_status status)
{
    skipped *s = user;
    rf_looking *l = s->l;
    const bool known = rf_op_find(n->op_type, n->domain) != NULL;
    const char *line = rf_arena_printf(&l->arena, "%s%s%s (node '%s')%s%s", n->domain,
                                       *n->domain ? "." : "", n->op_type, n->name,
                                       known ? ": " : "", known ? rf_context_message(l->ctx) : "");
    (void)status;
    if (s->status == RF_OK)
        s->status = line ? RF_VEC_PUSH(l->ctx, &l->unsupported, line) : RF_ENOMEM;
}

static size_t tensor_bytes(const rf_tensor *t)
{
    return (size_t)t->count * rf_dtype_bytes(t->dtype);
}

static int64_t constant_bytes(const rf_graph *g)
{
    size_t bytes = 0;
    for (size_t i = 0; i < g->values.count; i++)
        bytes += g->values.items[i]->constant ? tensor_bytes(g->values.items[i]->constant) : 0;
    return (int64_t)bytes;
}

/* SGD keeps a velocity for each number that it moves. */
static rf_status optimizer_bytes(rf_graph *g, int64_t *out)
{
    rf_params params = { 0 };
    const rf_status st = rf_params_collect(g, &params);
    *out = 0;
    for (size_t i = 0; st == RF_OK && i < params.count; i++)
        if (params.items[i].value->trainable)
            *out += (int64_t)tensor_bytes(params.items[i].value->constant);
    RF_VEC_RELEASE(g->ctx, &params);
    return st;
}

static int64_t fed_bytes(rf_plan *plan, const rf_graph *g)
{
    int64_t bytes = 0;
    for (int i = 0; i < (int)g->inputs.count; i++)
        bytes += rf_view_count(rf_plan_input(plan, i)) * (int64_t)sizeof(float);
    return LOADED_BATCHES * bytes;
}

/* Weights, the plan's buffers, what the optimizer keeps, and batches ahead of their use. 0 where no plan can be made. */
static rf_status predict(rf_graph *g, rf_plan_options o, int64_t *out)
{
    rf_plan *plan = NULL;
    int64_t kept = 0;
    o.skip = NULL;
    if (rf_plan_new(g, &o, &plan) != RF_OK)
        return RF_OK;
    const rf_status st = o.mode == RF_MODE_TRAIN ? optimizer_bytes(g, &kept) : RF_OK;
    *out = constant_bytes(g) + (int64_t)rf_plan_bytes(plan) + kept + fed_bytes(plan, g);
    rf_plan_free(plan);
    return st;
}

static rf_status predict_modes(rf_looking *l, rf_plan_options o)
{
    RF_TRY(predict(l->graph, o, &l->report.infer_bytes));
    o.mode = RF_MODE_TRAIN;
    if (l->simulated)
        RF_TRY(predict(l->graph, o, &l->report.train_bytes));
    if (l->simulated)
        RF_TRY(predict(l->simulated, o, &l->report.qat_bytes));
    o.mode = RF_MODE_BN_BATCH;
    return l->simulated && l->pairs.count > 0
               ? predict(l->simulated, o, &l->report.reestimate_bytes)
               : RF_OK;
}

/* Of one sample, as far as shapes are known. */
static int64_t count_macs(const rf_plan *plan, int64_t batch)
{
    int64_t macs = 0;
    for (int i = 0; i < rf_plan_step_count(plan); i++) {
        const rf_step *s = rf_plan_step(plan, i);
        macs += s->op->macs && !s->late ? s->op->macs(s) / batch : 0;
    }
    return macs;
}

rf_status rf_look_runs(rf_looking *l, int64_t batch)
{
    const int64_t fixed = rf_graph_fixed_batch(l->graph);
    skipped s = { .l = l };
    rf_plan *plan = NULL;
    l->report.batch = fixed > 0 ? fixed : batch;
    const rf_plan_options o = { .batch = l->report.batch,
                                .mode = RF_MODE_INFER,
                                .survey = true,
                                .skip = note_skipped,
                                .skip_user = &s };
    const rf_status st = rf_plan_new(l->graph, &o, &plan);
    if (st == RF_ENOMEM || s.status != RF_OK)
        return st ? st : s.status;
    if (st != RF_OK)
        return rf_advise(l, "Multiply-adds and memory are not known: %s.",
                         rf_context_message(l->ctx));
    l->report.macs = count_macs(plan, l->report.batch);
    l->report.activation_bytes = (int64_t)rf_plan_live_bytes(plan);
    rf_plan_free(plan);
    return l->unsupported.count == 0 ? predict_modes(l, o) : RF_OK;
}
