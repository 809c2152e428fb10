/* Topological order, the graph's invariants, and dropping what leads nowhere. */
#include "base/status.h"
#include "graph/edit.h"

static void number_nodes(const rf_graph *g)
{
    int position = 0;
    for (rf_node *n = g->first; n; n = n->next)
        n->mark = position++;
}

/* The first input that is made by n itself or behind it; NULL when there is none. Needs number_nodes. */
static const rf_value *reads_later(const rf_node *n)
{
    for (int i = 0; i < n->input_count; i++) {
        const rf_value *v = n->inputs[i];
        if (v && v->producer && v->producer->mark >= n->mark)
            return v;
    }
    return NULL;
}

static bool is_sorted(const rf_graph *g)
{
    number_nodes(g);
    for (const rf_node *n = g->first; n; n = n->next)
        if (reads_later(n))
            return false;
    return true;
}

static int count_produced_inputs(const rf_node *n)
{
    int count = 0;
    for (int i = 0; i < n->input_count; i++)
        count += n->inputs[i] && n->inputs[i]->producer;
    return count;
}

/* n has its place: whoever waited only for its outputs is next. Returns the new end of the queue. */
static size_t release_consumers(const rf_node *n, rf_node **queue, size_t end)
{
    for (int i = 0; i < n->output_count; i++)
        for (const rf_use *use = n->outputs[i] ? n->outputs[i]->uses : NULL; use; use = use->next)
            if (--use->node->mark == 0)
                queue[end++] = use->node;
    return end;
}

/* Kahn's algorithm: mark counts the inputs that are still to be made. */
static size_t order_nodes(const rf_graph *g, rf_node **queue)
{
    size_t end = 0;
    for (rf_node *n = g->first; n; n = n->next) {
        n->mark = count_produced_inputs(n);
        if (n->mark == 0)
            queue[end++] = n;
    }
    for (size_t i = 0; i < end; i++)
        end = release_consumers(queue[i], queue, end);
    return end;
}

static const rf_node *waiting_node(const rf_graph *g)
{
    const rf_node *n = g->first;
    while (n->mark == 0)
        n = n->next;
    return n;
}

static void relink(rf_graph *g, rf_node *const *order, size_t count)
{
    g->first = order[0];
    g->last = order[count - 1];
    for (size_t i = 0; i < count; i++) {
        order[i]->prev = i ? order[i - 1] : NULL;
        order[i]->next = i + 1 < count ? order[i + 1] : NULL;
    }
}

rf_status rf_graph_sort(rf_graph *g)
{
    if (is_sorted(g))
        return RF_OK;
    rf_node **queue = NULL;
    RF_NEW_ARRAY(g->ctx, queue, g->node_count);
    const size_t ordered = order_nodes(g, queue);
    rf_status st = RF_OK;
    if (ordered == (size_t)g->node_count) {
        relink(g, queue, ordered);
    } else {
        const rf_node *n = waiting_node(g);
        st = rf_fail(g->ctx, RF_EMODEL,
                     "graph '%s': %s node '%s' lies on or behind a cycle; expected a graph without",
                     g->name, n->op_type, n->name);
    }
    rf_free(g->ctx, queue);
    return st;
}

/* --- invariants --- */

static rf_status check_input(const rf_graph *g, const rf_node *n, int i)
{
    const rf_value *v = n->inputs[i];
    if (!v)
        return RF_OK;
    if (rf_graph_find_value(g, v->name) != v)
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s' reads '%s', that is not in the graph",
                       n->op_type, n->name, v->name);
    if (!v->producer && !v->is_input && !v->constant)
        return rf_fail(
            g->ctx, RF_EMODEL,
            "%s node '%s' reads '%s', that is no input, has no value, and is made by no node",
            n->op_type, n->name, v->name);
    const rf_use *use = &n->input_uses[i];
    if (use->node != n || use->index != i || !use->link || *use->link != use)
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s': input %d '%s' does not list this use",
                       n->op_type, n->name, i, v->name);
    return RF_OK;
}

static rf_status check_node(const rf_graph *g, const rf_node *n)
{
    if (rf_graph_find_node(g, n->name) != n)
        return rf_fail(g->ctx, RF_EMODEL, "two nodes have the name '%s'", n->name);
    const rf_value *later = reads_later(n);
    if (later)
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s' reads '%s', that is made later", n->op_type,
                       n->name, later->name);
    for (int i = 0; i < n->input_count; i++)
        RF_TRY(check_input(g, n, i));
    for (int i = 0; i < n->output_count; i++) {
        const rf_value *v = n->outputs[i];
        if (v && (v->producer != n || rf_graph_find_value(g, v->name) != v))
            return rf_fail(g->ctx, RF_EMODEL, "%s node '%s': output '%s' belongs to another node",
                           n->op_type, n->name, v->name);
    }
    return RF_OK;
}

static rf_status check_value(const rf_graph *g, const rf_value *v)
{
    if (rf_graph_find_value(g, v->name) != v)
        return rf_fail(g->ctx, RF_EMODEL, "two tensors have the name '%s'", v->name);
    if (v->is_output && !v->producer && !v->is_input && !v->constant)
        return rf_fail(g->ctx, RF_EMODEL, "output '%s' is made by no node", v->name);
    if (v->constant && !rf_shape_equal(&v->constant->shape, &v->shape))
        return rf_fail(g->ctx, RF_EMODEL, "'%s' declares another shape than its constant has",
                       v->name);
    for (const rf_use *use = v->uses; use; use = use->next)
        if (use->node->inputs[use->index] != v)
            return rf_fail(g->ctx, RF_EMODEL, "'%s' lists %s node '%s' as a consumer, that is none",
                           v->name, use->node->op_type, use->node->name);
    return RF_OK;
}

rf_status rf_graph_check(const rf_graph *g)
{
    number_nodes(g);
    for (size_t i = 0; i < g->values.count; i++)
        RF_TRY(check_value(g, g->values.items[i]));
    for (const rf_node *n = g->first; n; n = n->next)
        RF_TRY(check_node(g, n));
    return RF_OK;
}

/* --- what leads to an output --- */

static bool is_read(const rf_value *v)
{
    bool read = v->is_output;
    for (const rf_use *use = v->uses; use && !read; use = use->next)
        read = use->node->mark != 0;
    return read;
}

void rf_graph_mark_needed(rf_graph *g)
{
    for (rf_node *n = g->last; n; n = n->prev) {
        n->mark = 0;
        for (int i = 0; i < n->output_count && !n->mark; i++)
            n->mark = n->outputs[i] && is_read(n->outputs[i]);
    }
}

/* --- pruning --- */

static bool is_needed(const rf_value *v)
{
    return v->uses || v->is_output || v->is_input || v->pinned;
}

static bool makes_something(const rf_node *n)
{
    for (int i = 0; i < n->output_count; i++)
        if (n->outputs[i] && is_needed(n->outputs[i]))
            return true;
    return false;
}

static bool leads_nowhere(const rf_value *v)
{
    return !v->producer && !is_needed(v);
}

rf_status rf_graph_prune(rf_graph *g)
{
    for (rf_node *n = g->last, *prev; n; n = prev) {
        prev = n->prev;
        if (!makes_something(n))
            RF_TRY(rf_graph_remove_node(g, n));
    }
    rf_graph_remove_values(g, leads_nowhere);
    return RF_OK;
}
