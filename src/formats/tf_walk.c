/* Looking around in a TensorFlow graph: by name, behind nodes that hand on, in the order of computation. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/tf_graph.h"

rf_tf_node *rf_tf_graph_find(const rf_tf_graph *g, const char *name)
{
    return rf_map_find(&g->by_name, name);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a > b && strcmp(text + a - b, end) == 0 && text[a - b - 1] == '/';
}

/* A node whose path ends so; the shortest. */
static const char *similar_name(const rf_tf_graph *g, const char *name)
{
    const char *slash = strrchr(name, '/'), *best = NULL;
    const char *tail = slash ? slash + 1 : name;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const char *other = g->nodes.items[i]->name;
        if (ends_with(other, tail) && (!best || strlen(other) < strlen(best)))
            best = other;
    }
    return best;
}

rf_status rf_tf_graph_tensor(const rf_tf_graph *g, const char *name, rf_tf_ref *out)
{
    const char *colon = strrchr(name, ':');
    rf_arena scratch;
    rf_arena_init(&scratch, g->ctx);
    const char *node_name =
        rf_arena_strndup(&scratch, name, colon ? (size_t)(colon - name) : strlen(name));
    rf_tf_node *n = node_name ? rf_tf_graph_find(g, node_name) : NULL;
    rf_status st = node_name ? RF_OK : RF_ENOMEM;
    const char *other = !n && node_name ? similar_name(g, node_name) : NULL;
    if (!st && !n)
        st = rf_fail(g->ctx, RF_EARG, "the graph has no tensor '%.200s'%s%s%s", name,
                     other ? "; did you mean '" : "", other ? other : "", other ? ":0'?" : "");
    rf_arena_release(&scratch);
    if (st)
        return st;
    rf_tf_ref ref = { n, colon ? atoi(colon + 1) : 0 };
    if (ref.output < 0 || ref.output > 65535 || (n->results && ref.output >= n->result_count))
        return rf_fail(g->ctx, RF_EARG, "node '%s' has no output %d", n->name, ref.output);
    *out = n->results ? n->results[ref.output] : ref;
    return RF_OK;
}

/* --- handing on --- */

/* In inference, and as far as the numbers of the first output go. */
static bool hands_on(const rf_tf_node *n)
{
    static const char *const ops[] = { "Identity",        "ReadVariableOp", "StopGradient",
                                       "PreventGradient", "CheckNumerics",  "Snapshot",
                                       "EnsureShape",     "IdentityN" };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(n->op, ops[i]) == 0)
            return true;
    return false;
}

rf_tf_ref rf_tf_source(rf_tf_ref ref)
{
    for (int steps = 0; ref.node && hands_on(ref.node) && steps < 4096; steps++) {
        const int i = rf_tf_is(ref.node, "IdentityN") ? ref.output : 0;
        if (i >= ref.node->input_count)
            return (rf_tf_ref){ 0 };
        ref = ref.node->inputs[i];
    }
    return ref;
}

rf_tf_ref rf_tf_input(const rf_tf_node *n, int i)
{
    return n && i < n->input_count ? rf_tf_source(n->inputs[i]) : (rf_tf_ref){ 0 };
}

/* --- order --- */

enum { UNSEEN, ENTERED, DONE };

typedef struct walk {
    rf_tf_graph *g;
    const rf_map *inputs;
    RF_VEC(rf_tf_node *) stack;
    rf_tf_nodes *order;
} walk;

/* Depth first without recursion: graphs are thousands of nodes deep. */
static rf_status enter(walk *w, rf_tf_node *n)
{
    if (n->mark == DONE)
        return RF_OK;
    if (n->mark == ENTERED)
        return rf_fail(
            w->g->ctx, RF_EUNSUPPORTED,
            "%s node '%s' needs its own result: loops are not supported; cut them off with "
            "--inputs and --outputs",
            n->op, n->name);
    return RF_VEC_PUSH(w->g->ctx, &w->stack, n);
}

static rf_status visit(walk *w, rf_tf_node *n)
{
    n->mark = ENTERED;
    if (rf_map_find(w->inputs, n->name))
        return RF_OK;
    for (int i = n->input_count; i-- > 0;)
        RF_TRY(enter(w, n->inputs[i].node));
    return n->also ? enter(w, n->also) : RF_OK;
}

static rf_status walk_from(walk *w, rf_tf_node *n)
{
    RF_TRY(enter(w, n));
    while (w->stack.count) {
        rf_tf_node *top = w->stack.items[w->stack.count - 1];
        if (top->mark == UNSEEN) {
            RF_TRY(visit(w, top));
            continue;
        }
        w->stack.count--;
        if (top->mark == ENTERED) {
            top->mark = DONE;
            RF_TRY(RF_VEC_PUSH(w->g->ctx, w->order, top));
        }
    }
    return RF_OK;
}

static void count_consumers(const walk *w)
{
    for (size_t i = 0; i < w->order->count; i++) {
        rf_tf_node *n = w->order->items[i];
        for (int k = 0; k < n->input_count && !rf_map_find(w->inputs, n->name); k++) {
            n->inputs[k].node->consumers++;
            n->inputs[k].node->consumer = n;
        }
    }
}

rf_status rf_tf_graph_sort(rf_tf_graph *g, const rf_tf_ref *outputs, int output_count,
                           const rf_map *inputs, rf_tf_nodes *out)
{
    walk w = { .g = g, .inputs = inputs, .order = out };
    rf_status st = RF_OK;
    for (int i = 0; i < output_count && !st; i++)
        st = walk_from(&w, outputs[i].node);
    RF_VEC_RELEASE(g->ctx, &w.stack);
    if (st)
        return st;
    count_consumers(&w);
    for (int i = 0; i < output_count; i++)
        outputs[i].node->consumers++;
    return RF_OK;
}
