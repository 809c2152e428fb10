/* Editing nodes: adding, removing, and rewiring them. */
#include <assert.h>

#include "base/status.h"
#include "graph/edit.h"

void rf_use_link(rf_node *n, int i, rf_value *v)
{
    rf_use *use = &n->input_uses[i];
    n->inputs[i] = v;
    use->node = n;
    use->index = i;
    use->next = NULL;
    use->link = NULL;
    if (v) {
        use->next = v->uses;
        use->link = &v->uses;
        v->uses = use;
        if (use->next)
            use->next->link = &use->next;
    }
}

void rf_use_unlink(rf_node *n, int i)
{
    rf_use *use = &n->input_uses[i];
    if (!n->inputs[i])
        return;
    *use->link = use->next;
    if (use->next)
        use->next->link = use->link;
    n->inputs[i] = NULL;
}

static rf_status name_node(rf_graph *g, rf_node *n, const char *name)
{
    if (name && name[0] && rf_graph_find_node(g, name))
        return rf_fail(g->ctx, RF_EMODEL, "graph '%s': two nodes have the name '%s'", g->name,
                       name);
    n->name_made_up = !name || !name[0];
    n->name =
        n->name_made_up ? rf_graph_unique_name(g, n->op_type) : rf_arena_strdup(&g->arena, name);
    return n->name ? RF_OK : RF_ENOMEM;
}

static rf_status fill_node(rf_graph *g, rf_node *n, const rf_node_desc *desc)
{
    n->op_type = rf_arena_strdup(&g->arena, desc->op_type);
    n->domain = rf_arena_strdup(&g->arena, desc->domain ? desc->domain : "");
    n->inputs = rf_arena_array(&g->arena, (size_t)desc->input_count, sizeof *n->inputs);
    n->input_uses = rf_arena_array(&g->arena, (size_t)desc->input_count, sizeof *n->input_uses);
    n->outputs = rf_arena_array(&g->arena, (size_t)desc->output_count, sizeof *n->outputs);
    if (!n->op_type || !n->domain || !n->inputs || !n->input_uses || !n->outputs)
        return RF_ENOMEM;
    return name_node(g, n, desc->name);
}

static void insert_before(rf_graph *g, rf_node *n, rf_node *before)
{
    n->next = before;
    n->prev = before ? before->prev : g->last;
    *(n->prev ? &n->prev->next : &g->first) = n;
    *(before ? &before->prev : &g->last) = n;
    g->node_count++;
}

static rf_status check_outputs(const rf_graph *g, const rf_node_desc *desc)
{
    for (int i = 0; i < desc->output_count; i++) {
        const rf_value *v = desc->outputs[i];
        if (v && (v->producer || v->is_input || v->constant))
            return rf_fail(g->ctx, RF_EMODEL,
                           "%s node '%s' makes '%s', that is made elsewhere already", desc->op_type,
                           desc->name ? desc->name : "", v->name);
    }
    return RF_OK;
}

rf_status rf_graph_add_node(rf_graph *g, const rf_node_desc *desc, rf_node **out)
{
    RF_TRY(check_outputs(g, desc));
    rf_node *n = rf_arena_alloc(&g->arena, sizeof *n);
    if (!n)
        return RF_ENOMEM;
    RF_TRY(fill_node(g, n, desc));
    RF_TRY(rf_map_put(&g->node_by_name, n->name, n));
    n->input_count = desc->input_count;
    n->output_count = desc->output_count;
    for (int i = 0; i < n->input_count; i++)
        rf_use_link(n, i, desc->inputs[i]);
    for (int i = 0; i < n->output_count; i++) {
        n->outputs[i] = desc->outputs[i];
        if (n->outputs[i])
            n->outputs[i]->producer = n;
    }
    insert_before(g, n, desc->before);
    if (out)
        *out = n;
    return RF_OK;
}

rf_status rf_graph_remove_node(rf_graph *g, rf_node *n)
{
    for (int i = 0; i < n->input_count; i++)
        rf_use_unlink(n, i);
    for (int i = 0; i < n->output_count; i++)
        if (n->outputs[i])
            n->outputs[i]->producer = NULL;
    *(n->prev ? &n->prev->next : &g->first) = n->next;
    *(n->next ? &n->next->prev : &g->last) = n->prev;
    g->node_count--;
    rf_map_remove(&g->node_by_name, n->name);
    return RF_OK;
}

/* The arrays move, and with them the links of every use. */
static rf_status grow_inputs(rf_graph *g, rf_node *n, int count)
{
    rf_value **inputs = rf_arena_array(&g->arena, (size_t)count, sizeof *inputs);
    rf_use *uses = rf_arena_array(&g->arena, (size_t)count, sizeof *uses);
    if (!inputs || !uses)
        return RF_ENOMEM;
    const int old_count = n->input_count;
    for (int i = 0; i < old_count; i++) {
        inputs[i] = n->inputs[i];
        rf_use_unlink(n, i);
    }
    n->inputs = inputs;
    n->input_uses = uses;
    n->input_count = count;
    for (int i = 0; i < count; i++)
        rf_use_link(n, i, inputs[i]);
    return RF_OK;
}

rf_status rf_node_set_input(rf_graph *g, rf_node *n, int i, rf_value *v)
{
    assert(i >= 0);
    if (i >= n->input_count) {
        if (!v)
            return RF_OK;
        RF_TRY(grow_inputs(g, n, i + 1));
    }
    rf_use_unlink(n, i);
    rf_use_link(n, i, v);
    return RF_OK;
}

rf_status rf_node_set_output(rf_graph *g, rf_node *n, int i, rf_value *v)
{
    assert(i >= 0 && i < n->output_count);
    if (v && v != n->outputs[i] && (v->producer || v->is_input || v->constant))
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s' cannot make '%s': it is made elsewhere",
                       n->op_type, n->name, v->name);
    if (n->outputs[i])
        n->outputs[i]->producer = NULL;
    n->outputs[i] = v;
    if (v)
        v->producer = n;
    return RF_OK;
}

static void replace_output(rf_graph *g, rf_value *from, rf_value *to)
{
    for (size_t i = 0; i < g->outputs.count; i++)
        if (g->outputs.items[i] == from)
            g->outputs.items[i] = to;
    from->is_output = false;
    to->is_output = true;
}

rf_status rf_graph_replace_uses(rf_graph *g, rf_value *from, rf_value *to, const rf_node *except)
{
    if (from == to)
        return RF_OK;
    if (from->is_output && to->is_output)
        return rf_fail(g->ctx, RF_EUNSUPPORTED,
                       "outputs '%s' and '%s' would become one tensor under two names", from->name,
                       to->name);
    for (rf_use *use = from->uses, *next; use; use = next) {
        next = use->next;
        if (use->node == except)
            continue;
        rf_node *n = use->node;
        const int i = use->index;
        rf_use_unlink(n, i);
        rf_use_link(n, i, to);
    }
    if (from->is_output)
        replace_output(g, from, to);
    return RF_OK;
}
