/* The graph's life and all that only looks at it: lookups by name, uses, attributes. */
#include "graph/graph.h"

#include <string.h>

#include "base/status.h"

rf_status rf_graph_new(rf_context *ctx, const char *name, rf_graph **out)
{
    rf_graph *g = rf_calloc(ctx, 1, sizeof *g);
    if (!g)
        return RF_ENOMEM;
    g->ctx = ctx;
    rf_arena_init(&g->arena, ctx);
    rf_map_init(&g->value_by_name, ctx);
    rf_map_init(&g->node_by_name, ctx);
    g->producer = "";
    g->name = rf_arena_strdup(&g->arena, name ? name : "");
    if (!g->name) {
        rf_graph_free(g);
        return RF_ENOMEM;
    }
    *out = g;
    return RF_OK;
}

void rf_graph_free(rf_graph *g)
{
    if (!g)
        return;
    rf_context *ctx = g->ctx;
    for (size_t i = 0; i < g->tensors.count; i++)
        rf_tensor_free(g->tensors.items[i]);
    RF_VEC_RELEASE(ctx, &g->tensors);
    RF_VEC_RELEASE(ctx, &g->values);
    RF_VEC_RELEASE(ctx, &g->inputs);
    RF_VEC_RELEASE(ctx, &g->outputs);
    RF_VEC_RELEASE(ctx, &g->opsets);
    RF_VEC_RELEASE(ctx, &g->metadata);
    rf_map_release(&g->value_by_name);
    rf_map_release(&g->node_by_name);
    if (g->origin)
        g->origin_release(g->origin);
    rf_arena_release(&g->arena);
    rf_free(ctx, g);
}

rf_value *rf_graph_find_value(const rf_graph *g, const char *name)
{
    return rf_map_find(&g->value_by_name, name);
}

rf_node *rf_graph_find_node(const rf_graph *g, const char *name)
{
    return rf_map_find(&g->node_by_name, name);
}

int64_t rf_graph_opset(const rf_graph *g, const char *domain)
{
    for (size_t i = 0; i < g->opsets.count; i++)
        if (strcmp(g->opsets.items[i].domain, domain) == 0)
            return g->opsets.items[i].version;
    return 0;
}

const char *rf_graph_metadata(const rf_graph *g, const char *key)
{
    for (size_t i = 0; i < g->metadata.count; i++)
        if (strcmp(g->metadata.items[i].key, key) == 0)
            return g->metadata.items[i].value;
    return NULL;
}

bool rf_graph_holds_sim(const rf_graph *g)
{
    return rf_graph_metadata(g, "refold") != NULL;
}

rf_value *rf_node_input(const rf_node *n, int i)
{
    return i >= 0 && i < n->input_count ? n->inputs[i] : NULL;
}

rf_value *rf_node_output(const rf_node *n, int i)
{
    return i >= 0 && i < n->output_count ? n->outputs[i] : NULL;
}

bool rf_node_is(const rf_node *n, const char *op_type)
{
    return n->domain[0] == '\0' && strcmp(n->op_type, op_type) == 0;
}

int rf_value_use_count(const rf_value *v)
{
    int count = 0;
    for (const rf_use *use = v->uses; use; use = use->next)
        count++;
    return count;
}

bool rf_value_is_used_once(const rf_value *v)
{
    return v->uses && !v->uses->next;
}

rf_node *rf_value_only_consumer(const rf_value *v)
{
    const bool single = rf_value_is_used_once(v) && !v->is_output && !v->pinned;
    return single ? v->uses->node : NULL;
}

const rf_attr *rf_node_attr(const rf_node *n, const char *name)
{
    for (int i = 0; i < n->attr_count; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

int64_t rf_attr_int(const rf_node *n, const char *name, int64_t fallback)
{
    const rf_attr *attr = rf_node_attr(n, name);
    return attr && attr->type == RF_ATTR_INT ? attr->i : fallback;
}

float rf_attr_float(const rf_node *n, const char *name, float fallback)
{
    const rf_attr *attr = rf_node_attr(n, name);
    return attr && attr->type == RF_ATTR_FLOAT ? (float)attr->f : fallback;
}

const char *rf_attr_string(const rf_node *n, const char *name, const char *fallback)
{
    const rf_attr *attr = rf_node_attr(n, name);
    return attr && attr->type == RF_ATTR_STRING ? attr->s : fallback;
}

const int64_t *rf_attr_ints(const rf_node *n, const char *name, int64_t *count_out)
{
    const rf_attr *attr = rf_node_attr(n, name);
    const bool found = attr && attr->type == RF_ATTR_INTS;
    *count_out = found ? attr->count : 0;
    return found ? attr->ints : NULL;
}
