/* Copying a graph, and taking helper nodes out of it again. */
#include "graph/copy.h"

#include <string.h>

#include "base/status.h"
#include "graph/edit.h"

/* The copy of `t`: tensors are copied in the order in which the graph owns them. */
static rf_tensor *find_copy(const rf_graph *g, const rf_graph *copy, rf_tensor *t)
{
    if (copy->is_outline)
        return t;
    for (size_t i = 0; t && i < g->tensors.count; i++)
        if (g->tensors.items[i] == t)
            return copy->tensors.items[i];
    return NULL;
}

static rf_status copy_tensors(const rf_graph *g, rf_graph *copy)
{
    for (size_t i = 0; !copy->is_outline && i < g->tensors.count; i++) {
        rf_tensor *t = NULL;
        RF_TRY(rf_tensor_copy(g->tensors.items[i], &t));
        RF_TRY(rf_graph_own_tensor(copy, t));
    }
    return RF_OK;
}

static rf_status copy_value(const rf_graph *g, rf_graph *copy, const rf_value *v)
{
    rf_value *twin = NULL;
    RF_TRY(rf_graph_add_value(copy, v->name, v->dtype, &v->shape, &twin));
    twin->is_input = v->is_input;
    twin->is_output = v->is_output;
    twin->pinned = v->pinned;
    twin->trainable = v->trainable;
    twin->onnx_type = v->onnx_type;
    twin->origin = v->origin;
    twin->constant = find_copy(g, copy, v->constant);
    return RF_OK;
}

static rf_status copy_values(const rf_graph *g, rf_graph *copy)
{
    for (size_t i = 0; i < g->values.count; i++)
        RF_TRY(copy_value(g, copy, g->values.items[i]));
    for (size_t i = 0; i < g->inputs.count; i++)
        RF_TRY(RF_VEC_PUSH(copy->ctx, &copy->inputs,
                           rf_graph_find_value(copy, g->inputs.items[i]->name)));
    for (size_t i = 0; i < g->outputs.count; i++)
        RF_TRY(RF_VEC_PUSH(copy->ctx, &copy->outputs,
                           rf_graph_find_value(copy, g->outputs.items[i]->name)));
    return RF_OK;
}

static rf_status copy_attr(const rf_graph *g, rf_graph *copy, const rf_attr *from, rf_node *n)
{
    rf_attr *to = rf_node_new_attr(copy, n, from->name);
    if (!to)
        return RF_ENOMEM;
    const char *name = to->name;
    *to = *from;
    to->name = name;
    to->tensor = find_copy(g, copy, from->tensor);
    to->s = from->s ? rf_arena_strdup(&copy->arena, from->s) : NULL;
    if (from->s && !to->s)
        return RF_ENOMEM;
    if (from->ints) {
        int64_t *ints = rf_arena_array(&copy->arena, (size_t)from->count, sizeof *ints);
        if (!ints)
            return RF_ENOMEM;
        to->ints = memcpy(ints, from->ints, (size_t)from->count * sizeof *ints);
    }
    if (from->floats) {
        float *floats = rf_arena_array(&copy->arena, (size_t)from->count, sizeof *floats);
        if (!floats)
            return RF_ENOMEM;
        to->floats = memcpy(floats, from->floats, (size_t)from->count * sizeof *floats);
    }
    return RF_OK;
}

/* The values of `copy` that have the names of `values`, in its arena. */
static rf_value **find_twins(rf_graph *copy, rf_value *const *values, int count)
{
    rf_value **twins = rf_arena_array(&copy->arena, (size_t)count, sizeof *twins);
    for (int i = 0; twins && i < count; i++)
        twins[i] = values[i] ? rf_graph_find_value(copy, values[i]->name) : NULL;
    return twins;
}

/* The output of a Constant node has its tensor already, which rf_graph_add_node would refuse: link it by hand. */
static void link_outputs(rf_node *n, rf_value *const *outputs)
{
    for (int i = 0; i < n->output_count; i++) {
        n->outputs[i] = outputs[i];
        if (outputs[i])
            outputs[i]->producer = n;
    }
}

static rf_status copy_node(const rf_graph *g, rf_graph *copy, const rf_node *n)
{
    rf_value **inputs = find_twins(copy, n->inputs, n->input_count);
    rf_value **outputs = find_twins(copy, n->outputs, n->output_count);
    rf_value **none = rf_arena_array(&copy->arena, (size_t)n->output_count, sizeof *none);
    if (!inputs || !outputs || !none)
        return RF_ENOMEM;
    const rf_node_desc desc = {
        .name = n->name,
        .op_type = n->op_type,
        .domain = n->domain,
        .inputs = inputs,
        .input_count = n->input_count,
        .outputs = none,
        .output_count = n->output_count,
    };
    rf_node *twin = NULL;
    RF_TRY(rf_graph_add_node(copy, &desc, &twin));
    link_outputs(twin, outputs);
    twin->name_made_up = n->name_made_up;
    twin->origin = n->origin;
    for (int i = 0; i < n->attr_count; i++)
        RF_TRY(copy_attr(g, copy, &n->attrs[i], twin));
    return RF_OK;
}

static rf_status copy_contents(const rf_graph *g, rf_graph *copy)
{
    RF_TRY(copy_tensors(g, copy));
    RF_TRY(copy_values(g, copy));
    for (const rf_node *n = g->first; n; n = n->next)
        RF_TRY(copy_node(g, copy, n));
    for (size_t i = 0; i < g->opsets.count; i++)
        RF_TRY(rf_graph_set_opset(copy, g->opsets.items[i].domain, g->opsets.items[i].version));
    for (size_t i = 0; i < g->metadata.count; i++)
        RF_TRY(rf_graph_set_metadata(copy, g->metadata.items[i].key, g->metadata.items[i].value));
    return RF_OK;
}

static void share_origin(const rf_graph *g, rf_graph *copy)
{
    if (!g->origin)
        return;
    g->origin_retain(g->origin);
    copy->origin = g->origin;
    copy->origin_retain = g->origin_retain;
    copy->origin_release = g->origin_release;
}

static rf_status make_copy(const rf_graph *g, bool is_outline, rf_graph **out)
{
    rf_graph *copy = NULL;
    RF_TRY(rf_graph_new(g->ctx, g->name, &copy));
    copy->is_outline = is_outline;
    copy->training_form = g->training_form;
    copy->open_batch = g->open_batch;
    share_origin(g, copy);
    rf_status st = copy_contents(g, copy);
    if (!st && !(copy->producer = rf_arena_strdup(&copy->arena, g->producer)))
        st = RF_ENOMEM;
    if (st) {
        rf_graph_free(copy);
        return st;
    }
    *out = copy;
    return RF_OK;
}

rf_status rf_graph_clone(const rf_graph *g, rf_graph **out)
{
    return make_copy(g, /*is_outline=*/false, out);
}

rf_status rf_graph_outline(const rf_graph *g, rf_graph **out)
{
    return make_copy(g, /*is_outline=*/true, out);
}

static rf_status strip_node(rf_graph *g, rf_node *n)
{
    rf_value *src = rf_node_input(n, 0), *dst = rf_node_output(n, 0);
    if (!src || !dst)
        return rf_fail(g->ctx, RF_EINTERNAL,
                       "%s node '%s' cannot be taken out: it lacks input or output 0", n->op_type,
                       n->name);
    RF_TRY(rf_graph_replace_uses(g, dst, src, n));
    RF_TRY(rf_graph_remove_node(g, n));
    return RF_OK;
}

static bool leads_nowhere(const rf_value *v)
{
    return !v->producer && !v->uses && !v->is_input && !v->is_output && !v->pinned && !v->origin;
}

rf_status rf_graph_strip(rf_graph *g, const char *op_type, const char *domain)
{
    for (rf_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (strcmp(n->op_type, op_type) == 0 && strcmp(n->domain, domain) == 0)
            RF_TRY(strip_node(g, n));
    }
    /* What only the stripped nodes used, and their own outputs; the file's own unused tensors have an origin and stay. */
    rf_graph_remove_values(g, leads_nowhere);
    return RF_OK;
}
