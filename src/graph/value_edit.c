/* Editing values: making them, and replacing the constants they hold. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "graph/edit.h"

rf_status rf_graph_own_tensor(rf_graph *g, rf_tensor *t)
{
    const rf_status st = RF_VEC_PUSH(g->ctx, &g->tensors, t);
    if (st)
        rf_tensor_free(t);
    return st;
}

void rf_graph_drop_tensor(rf_graph *g, rf_tensor *t)
{
    for (size_t i = g->tensors.count; i-- > 0;) {
        if (g->tensors.items[i] != t)
            continue;
        rf_tensor_free(t);
        memmove(&g->tensors.items[i], &g->tensors.items[i + 1],
                (g->tensors.count - i - 1) * sizeof g->tensors.items[0]);
        g->tensors.count--;
        return;
    }
}

rf_status rf_graph_add_value(rf_graph *g, const char *name, rf_dtype dtype, const rf_shape *shape,
                             rf_value **out)
{
    if (!name[0])
        return rf_fail(g->ctx, RF_EMODEL, "graph '%s': a tensor has an empty name", g->name);
    if (rf_graph_find_value(g, name))
        return rf_fail(g->ctx, RF_EMODEL,
                       "graph '%s': two tensors have the name '%s'; names must be unique", g->name,
                       name);
    rf_value *v = rf_arena_alloc(&g->arena, sizeof *v);
    char *copy = rf_arena_strdup(&g->arena, name);
    if (!v || !copy)
        return RF_ENOMEM;
    v->name = copy;
    v->dtype = dtype;
    v->shape = shape ? *shape : (rf_shape){ .rank = -1 };
    RF_TRY(RF_VEC_PUSH(g->ctx, &g->values, v));
    if (rf_map_put(&g->value_by_name, v->name, v)) {
        g->values.count--;
        return RF_ENOMEM;
    }
    if (out)
        *out = v;
    return RF_OK;
}

rf_status rf_graph_add_input(rf_graph *g, const char *name, rf_dtype dtype, const rf_shape *shape,
                             rf_value **out)
{
    rf_value *v = NULL;
    RF_TRY(rf_graph_add_value(g, name, dtype, shape, &v));
    RF_TRY(RF_VEC_PUSH(g->ctx, &g->inputs, v));
    v->is_input = true;
    if (out)
        *out = v;
    return RF_OK;
}

rf_status rf_graph_mark_output(rf_graph *g, rf_value *v)
{
    if (v->is_output)
        return rf_fail(g->ctx, RF_EMODEL, "graph '%s': '%s' is listed twice as an output", g->name,
                       v->name);
    RF_TRY(RF_VEC_PUSH(g->ctx, &g->outputs, v));
    v->is_output = true;
    return RF_OK;
}

rf_status rf_graph_take_constant(rf_graph *g, const char *name, rf_tensor *t, rf_value **out)
{
    rf_value *v = NULL;
    RF_TRY(rf_graph_own_tensor(g, t));
    const rf_status st = rf_graph_add_value(g, name, t->dtype, &t->shape, &v);
    if (st) {
        rf_graph_drop_tensor(g, t);
        return st;
    }
    v->constant = t;
    if (out)
        *out = v;
    return RF_OK;
}

void rf_value_touch(rf_value *v)
{
    v->origin = NULL;
    if (!v->producer)
        return;
    for (int i = 0; i < v->producer->attr_count; i++)
        v->producer->attrs[i].origin = NULL;
}

/* A Constant node holds its tensor as attribute too; the forms value_float, value_ints, ... give way to `value`. */
static rf_status set_constant_node(rf_graph *g, rf_node *n, rf_tensor *t)
{
    n->attr_count = 0;
    return rf_node_set_tensor(g, n, "value", t);
}

rf_status rf_value_take_constant(rf_graph *g, rf_value *v, rf_tensor *t)
{
    RF_TRY(rf_graph_own_tensor(g, t));
    rf_tensor *old = v->constant;
    if (v->producer)
        RF_TRY(set_constant_node(g, v->producer, t));
    v->constant = t;
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->origin = NULL;
    if (old && old != t)
        rf_graph_drop_tensor(g, old);
    return RF_OK;
}

static void forget_value(rf_graph *g, rf_value *v)
{
    rf_map_remove(&g->value_by_name, v->name);
    if (v->constant)
        rf_graph_drop_tensor(g, v->constant);
    v->constant = NULL;
}

void rf_graph_remove_values(rf_graph *g, bool (*leads_nowhere)(const rf_value *v))
{
    size_t kept = 0;
    for (size_t i = 0; i < g->values.count; i++) {
        rf_value *v = g->values.items[i];
        if (leads_nowhere(v))
            forget_value(g, v);
        else
            g->values.items[kept++] = v;
    }
    g->values.count = kept;
}

static bool is_taken(const rf_graph *g, const char *name)
{
    return rf_graph_find_value(g, name) || rf_graph_find_node(g, name);
}

/* Numbers are taken from 1 on: doubling and halving finds the next, where thousands of nodes have no name. */
const char *rf_graph_unique_name(rf_graph *g, const char *base)
{
    const size_t size = strlen(base) + sizeof "_2147483647";
    char *name = rf_arena_alloc(&g->arena, size);
    if (!name)
        return NULL;
    int taken = 0, open = 1;
    snprintf(name, size, "%s", base);
    if (!is_taken(g, name))
        return name;
    for (;; taken = open, open *= 2) {
        snprintf(name, size, "%s_%d", base, open);
        if (!is_taken(g, name))
            break;
    }
    while (open - taken > 1) {
        const int middle = taken + (open - taken) / 2;
        snprintf(name, size, "%s_%d", base, middle);
        *(is_taken(g, name) ? &taken : &open) = middle;
    }
    snprintf(name, size, "%s_%d", base, open);
    return name;
}
