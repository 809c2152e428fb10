/* Parameters computed from constants, evaluated once by a plan over a copy that holds only the nodes that make them. */
#include "exec/computed_params.h"

#include "exec/plan.h"
#include "graph/copy.h"
#include "graph/edit.h"

typedef RF_VEC(rf_value *) values;

/* --- what depends on constants alone; node->mark says so --- */

static bool is_known(const rf_value *v)
{
    return !v || v->constant || (v->producer && v->producer->mark);
}

/* A parameter as PyTorch stores it, which rf_param_behind finds: training, ranges and files know it by its own name. */
static bool is_looked_through(const rf_node *n)
{
    const rf_value *v = rf_node_input(n, 0);
    if (!v || !v->constant)
        return false;
    const rf_node *reader = rf_value_only_consumer(n->outputs[0]);
    return (rf_node_is(n, "Transpose") && v->constant->shape.rank == 2) ||
           (rf_node_is(n, "Unsqueeze") && reader && rf_node_is(reader, "PRelu"));
}

static bool is_evaluable(const rf_node *n)
{
    const rf_op *op = rf_op_find(n->op_type, n->domain);
    if (!op || op->never_constant || n->input_count == 0 || is_looked_through(n))
        return false;
    for (int i = 0; i < n->input_count; i++)
        if (!is_known(n->inputs[i]))
            return false;
    return true;
}

static void mark_evaluable(rf_graph *g)
{
    for
        RF_GRAPH_EACH_NODE(n, g)
    n->mark = is_evaluable(n);
}

/* --- which of that are parameters --- */

static bool is_param_of(const rf_use *use)
{
    const rf_op *op = rf_op_find(use->node->op_type, use->node->domain);
    const int roles = (int)(sizeof op->roles / sizeof op->roles[0]);
    return op && !use->node->mark && use->index < roles && op->roles[use->index] != RF_ROLE_NONE;
}

static bool is_computed_param(const rf_value *v)
{
    if (v->constant || !v->producer || !v->producer->mark || v->is_output || v->pinned)
        return false;
    for (const rf_use *use = v->uses; use; use = use->next)
        if (is_param_of(use))
            return true;
    return false;
}

/* The constant that `v` is by another name, where nobody else has a use for it. */
static rf_value *renamed_constant(rf_value *v)
{
    while (v->producer && rf_node_is(v->producer, "Identity")) {
        v = v->producer->inputs[0];
        if (!rf_value_is_used_once(v) || v->is_output || v->pinned)
            return NULL;
    }
    return v->constant ? v : NULL;
}

/* Those that have to be evaluated; chains of Identity nodes are stepped over here and now. */
static rf_status find_params(rf_graph *g, values *found, bool *any_out)
{
    for (size_t i = 0; i < g->values.count; i++) {
        rf_value *v = g->values.items[i];
        if (!is_computed_param(v))
            continue;
        *any_out = true;
        rf_value *constant = renamed_constant(v);
        if (constant)
            RF_TRY(rf_graph_replace_uses(g, v, constant, NULL));
        else
            RF_TRY(RF_VEC_PUSH(g->ctx, found, v));
    }
    return RF_OK;
}

/* --- evaluating --- */

/* Only the marked nodes, and what they make of constants as outputs. */
static rf_status cut_out(const values *params, rf_graph *part)
{
    mark_evaluable(part);
    for (size_t i = 0; i < part->outputs.count; i++)
        part->outputs.items[i]->is_output = false;
    part->inputs.count = 0;
    part->outputs.count = 0;
    for (rf_node *n = part->last, *prev = NULL; n; n = prev) {
        prev = n->prev;
        if (!n->mark && !rf_node_is(n, "Constant"))
            RF_TRY(rf_graph_remove_node(part, n));
    }
    for (size_t i = 0; i < params->count; i++)
        RF_TRY(rf_graph_mark_output(part, rf_graph_find_value(part, params->items[i]->name)));
    return rf_graph_prune(part);
}

static rf_status take_result(rf_graph *g, rf_value *v, const rf_view *result)
{
    const rf_shape shape = rf_view_shape(result);
    rf_tensor *t = NULL;
    rf_view dst;
    if (result->dtype != RF_DTYPE_F32)
        return RF_OK;
    RF_TRY(rf_tensor_new_shape(g->ctx, result->dtype, &shape, &t));
    rf_view_init(&dst, t->dtype, &t->shape, RF_LAYOUT_PLAIN);
    dst.data = t->data;
    rf_view_copy(result, &dst);
    RF_TRY(rf_graph_own_tensor(g, t));
    for (int i = 0; i < v->producer->output_count; i++)
        if (v->producer->outputs[i] == v)
            v->producer->outputs[i] = NULL;
    v->producer = NULL;
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->constant = t;
    return RF_OK;
}

static rf_status evaluate(rf_graph *g, const values *params, rf_graph *part)
{
    const rf_plan_options options = { .batch = 1, .mode = RF_MODE_INFER };
    rf_plan *plan = NULL;
    RF_TRY(cut_out(params, part));
    rf_status st = rf_plan_new(part, &options, &plan);
    if (!st)
        st = rf_plan_forward(plan);
    for (size_t i = 0; !st && i < params->count; i++)
        st = take_result(g, params->items[i], rf_plan_output(plan, (int)i));
    rf_plan_free(plan);
    return st;
}

static rf_status compute(rf_graph *g, const values *params)
{
    rf_graph *part = NULL;
    RF_TRY(rf_graph_outline(g, &part));
    const rf_status st = evaluate(g, params, part);
    rf_graph_free(part);
    return st == RF_EUNSUPPORTED ? RF_OK : st;
}

rf_status rf_graph_compute_params(rf_graph *g)
{
    values params = { 0 };
    bool any = false;
    mark_evaluable(g);
    rf_status st = find_params(g, &params, &any);
    if (!st && params.count)
        st = compute(g, &params);
    RF_VEC_RELEASE(g->ctx, &params);
    return st || !any ? st : rf_graph_prune(g);
}
