/* GraphDef -> nodes: names become references, calls become what the function holds. */
#include "formats/tf_graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { DEEPEST_CALL = 64, MOST_NODES = 1 << 20, LONGEST_NAME = 4096 };

/* --- attributes --- */

const Tf__AttrValue *rf_tf_attr(const rf_tf_node *n, const char *key)
{
    for (size_t i = 0; i < n->def->n_attr; i++)
        if (strcmp(n->def->attr[i]->key, key) == 0)
            return n->def->attr[i]->value;
    return NULL;
}

int64_t rf_tf_attr_int(const rf_tf_node *n, const char *key, int64_t fallback)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    return a ? a->i : fallback;
}

float rf_tf_attr_float(const rf_tf_node *n, const char *key, float fallback)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    return a ? a->f : fallback;
}

bool rf_tf_attr_bool(const rf_tf_node *n, const char *key, bool fallback)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    return a ? a->b != 0 : fallback;
}

int rf_tf_attr_type(const rf_tf_node *n, const char *key)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    return a ? a->type : 0;
}

bool rf_tf_attr_is(const rf_tf_node *n, const char *key, const char *text)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    return a && a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

const char *rf_tf_attr_text(rf_arena *arena, const rf_tf_node *n, const char *key)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    return a && a->s.len ? rf_arena_strndup(arena, (const char *)a->s.data, a->s.len) : NULL;
}

bool rf_tf_is(const rf_tf_node *n, const char *op)
{
    return n && strcmp(n->op, op) == 0;
}

/* --- making nodes --- */

/* The nodes of one GraphDef or function body, and what its arguments are. */
typedef struct frame {
    rf_tf_graph *g;
    const Tf__FunctionDef *function; /* NULL: the graph itself */
    const rf_tf_node *call;
    rf_map local; /* name -> node */
    int depth;
} frame;

static rf_status fail(const rf_tf_graph *g, const rf_tf_node *n, const char *what, const char *name)
{
    return rf_fail(g->ctx, RF_EMODEL, "%s node '%s' %s '%.200s'", n->op, n->name, what, name);
}

static const char *unique_name(frame *f, const char *name)
{
    rf_tf_graph *g = f->g;
    const char *base = name;
    if (rf_map_find(&g->by_name, name) && f->call)
        name = base = rf_arena_printf(&g->arena, "%s/%s", f->call->name, name);
    for (int i = 1; name && rf_map_find(&g->by_name, name); i++)
        name = rf_arena_printf(&g->arena, "%s_%d", base, i);
    return name;
}

static rf_status make_node(frame *f, const Tf__NodeDef *def)
{
    rf_tf_graph *g = f->g;
    if (!def->name[0] || !def->op[0] || strlen(def->name) > LONGEST_NAME)
        return rf_fail(g->ctx, RF_EMODEL,
                       "node '%.60s' has no name, no operator or a name too long", def->name);
    if (rf_map_find(&f->local, def->name))
        return rf_fail(g->ctx, RF_EMODEL, "two nodes have the name '%s'", def->name);
    if (g->nodes.count >= MOST_NODES)
        return rf_fail(g->ctx, RF_EMODEL,
                       "the graph unfolds to more than %d nodes; no real model does",
                       (int)MOST_NODES);
    rf_tf_node *n = rf_arena_alloc(&g->arena, sizeof *n);
    if (!n || !(n->name = unique_name(f, def->name)))
        return RF_ENOMEM;
    n->op = def->op;
    n->def = def;
    n->index = (int)g->nodes.count;
    RF_TRY(RF_VEC_PUSH(g->ctx, &g->nodes, n));
    RF_TRY(rf_map_put(&g->by_name, n->name, n));
    return rf_map_put(&f->local, def->name, n);
}

/* --- references --- */

/* Operators with several named outputs, in their order; what stands here in a function is "node:name:0". */
static const struct {
    const char *op;
    const char *outputs[6];
} named_outputs[] = {
    { "FusedBatchNorm",
      { "y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2" } },
    { "FusedBatchNormV2",
      { "y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2" } },
    { "FusedBatchNormV3",
      { "y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2",
        "reserve_space_3" } },
    { "Switch", { "output_false", "output_true" } },
    { "Merge", { "output", "value_index" } },
    { "TopKV2", { "values", "indices" } },
};

static int output_base(const rf_tf_graph *g, const rf_tf_node *n, const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof named_outputs / sizeof named_outputs[0]; i++)
        for (int k = 0; k < 6 && rf_tf_is(n, named_outputs[i].op); k++)
            if (named_outputs[i].outputs[k] && strlen(named_outputs[i].outputs[k]) == size &&
                strncmp(named_outputs[i].outputs[k], name, size) == 0)
                return k;
    const Tf__FunctionDef *called = rf_map_find(&g->functions, n->op);
    for (size_t k = 0; called && called->signature && k < called->signature->n_output_arg; k++)
        if (strlen(called->signature->output_arg[k]->name) == size &&
            strncmp(called->signature->output_arg[k]->name, name, size) == 0)
            return (int)k;
    return 0;
}

static int parse_index(const char *text)
{
    const long value = strtol(text, NULL, 10);
    return value < 0 || value > 65535 ? -1 : (int)value;
}

/* An argument of the function that has no colon in its name. */
static bool find_argument(const frame *f, const char *name, rf_tf_ref *out)
{
    const Tf__OpDef *s = f->function ? f->function->signature : NULL;
    for (size_t i = 0; s && i < s->n_input_arg; i++)
        if (strcmp(s->input_arg[i]->name, name) == 0 && (int)i < f->call->input_count) {
            *out = f->call->inputs[i];
            return true;
        }
    return false;
}

/* "name", "name:2", or in functions "name:output:2". */
static rf_status resolve(const frame *f, const rf_tf_node *reader, const char *text, rf_tf_ref *out)
{
    char name[LONGEST_NAME + 1];
    const size_t size = strcspn(text, ":");
    if (size > LONGEST_NAME)
        return fail(f->g, reader, "reads a name too long,", text);
    memcpy(name, text, size);
    name[size] = '\0';
    if (!text[size] && find_argument(f, name, out))
        return RF_OK;
    rf_tf_node *n = rf_map_find(&f->local, name);
    if (!n)
        return fail(f->g, reader, "reads a node that is not there,", text);
    *out = (rf_tf_ref){ n, 0 };
    if (!text[size])
        return RF_OK;
    const char *rest = text + size + 1, *second = strchr(rest, ':');
    const int base = second ? output_base(f->g, n, rest, (size_t)(second - rest)) : 0;
    const int index = parse_index(second ? second + 1 : rest);
    if (index < 0)
        return fail(f->g, reader, "reads an output that is no number,", text);
    out->output = base + index;
    return RF_OK;
}

static rf_status link_inputs(const frame *f, rf_tf_node *n)
{
    const size_t count = n->def->n_input;
    n->inputs = rf_arena_array(&f->g->arena, count ? count : 1, sizeof *n->inputs);
    if (!n->inputs)
        return RF_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (n->def->input[i][0] != '^')
            RF_TRY(resolve(f, n, n->def->input[i], &n->inputs[n->input_count++]));
    return RF_OK;
}

/* --- functions --- */

static const Tf__FunctionDef *called_function(const rf_tf_graph *g, const rf_tf_node *n)
{
    const bool is_call = rf_tf_is(n, "PartitionedCall") || rf_tf_is(n, "StatefulPartitionedCall");
    const Tf__AttrValue *f = is_call ? rf_tf_attr(n, "f") : NULL;
    return rf_map_find(&g->functions, f && f->func ? f->func->name : n->op);
}

static rf_status expand(rf_tf_graph *g, Tf__NodeDef *const *defs, size_t count,
                        const Tf__FunctionDef *function, rf_tf_node *call, int depth);

static const char *returned_name(const Tf__FunctionDef *f, const char *output)
{
    for (size_t i = 0; i < f->n_ret; i++)
        if (strcmp(f->ret[i]->key, output) == 0)
            return f->ret[i]->value;
    return NULL;
}

static rf_status link_results(const frame *f, rf_tf_node *call)
{
    const Tf__OpDef *s = f->function->signature;
    call->results = rf_arena_array(&f->g->arena, s->n_output_arg + 1, sizeof *call->results);
    if (!call->results)
        return RF_ENOMEM;
    for (size_t i = 0; i < s->n_output_arg; i++) {
        const char *name = returned_name(f->function, s->output_arg[i]->name);
        if (!name)
            return fail(f->g, call, "calls a function that does not return",
                        s->output_arg[i]->name);
        RF_TRY(resolve(f, call, name, &call->results[call->result_count++]));
    }
    return RF_OK;
}

static rf_status expand_call(const frame *f, rf_tf_node *n)
{
    const Tf__FunctionDef *function = called_function(f->g, n);
    if (!function)
        return RF_OK;
    if (!function->signature)
        return fail(f->g, n, "calls a function without a signature,", n->name);
    if (f->depth >= DEEPEST_CALL)
        return rf_fail(f->g->ctx, RF_EUNSUPPORTED,
                       "node '%s' calls '%s' %d calls deep; functions that call themselves are not "
                       "supported",
                       n->name, function->signature->name, f->depth);
    return expand(f->g, function->node_def, function->n_node_def, function, n, f->depth + 1);
}

static rf_status expand_frame(frame *f, Tf__NodeDef *const *defs, size_t count, rf_tf_node *call)
{
    const size_t first = f->g->nodes.count;
    for (size_t i = 0; i < count; i++)
        RF_TRY(make_node(f, defs[i]));
    for (size_t i = 0; i < count; i++)
        RF_TRY(link_inputs(f, f->g->nodes.items[first + i]));
    if (call)
        RF_TRY(link_results(f, call));
    for (size_t i = 0; i < count; i++)
        RF_TRY(expand_call(f, f->g->nodes.items[first + i]));
    return RF_OK;
}

static rf_status expand(rf_tf_graph *g, Tf__NodeDef *const *defs, size_t count,
                        const Tf__FunctionDef *function, rf_tf_node *call, int depth)
{
    frame f = { .g = g, .function = function, .call = call, .depth = depth };
    rf_map_init(&f.local, g->ctx);
    const rf_status st = expand_frame(&f, defs, count, call);
    rf_map_release(&f.local);
    return st;
}

/* Through calls to what makes the tensor. A function that returns its own result would go round for ever. */
static rf_status skip_calls(const rf_tf_graph *g, const rf_tf_node *reader, rf_tf_ref *ref)
{
    for (size_t steps = 0; ref->node->results; steps++) {
        if (ref->output >= ref->node->result_count || steps > 2 * DEEPEST_CALL + g->nodes.count)
            return fail(g, reader, "reads what the call does not return,", ref->node->name);
        *ref = ref->node->results[ref->output];
    }
    return RF_OK;
}

static rf_status skip_all_calls(rf_tf_graph *g)
{
    for (size_t i = 0; i < g->nodes.count; i++) {
        rf_tf_node *n = g->nodes.items[i];
        for (int k = 0; k < n->input_count; k++)
            RF_TRY(skip_calls(g, n, &n->inputs[k]));
    }
    for (size_t i = 0; i < g->nodes.count; i++) {
        rf_tf_node *n = g->nodes.items[i];
        for (int k = 0; k < n->result_count; k++)
            RF_TRY(skip_calls(g, n, &n->results[k]));
    }
    return RF_OK;
}

rf_status rf_tf_graph_init(rf_tf_graph *g, rf_context *ctx, const Tf__GraphDef *def)
{
    *g = (rf_tf_graph){ .ctx = ctx };
    rf_arena_init(&g->arena, ctx);
    rf_map_init(&g->by_name, ctx);
    rf_map_init(&g->functions, ctx);
    for (size_t i = 0; def->library && i < def->library->n_function; i++) {
        Tf__FunctionDef *f = def->library->function[i];
        if (f->signature)
            RF_TRY(rf_map_put(&g->functions, f->signature->name, f));
    }
    RF_TRY(expand(g, def->node, def->n_node, NULL, NULL, 0));
    return skip_all_calls(g);
}

void rf_tf_graph_release(rf_tf_graph *g)
{
    if (!g->ctx)
        return;
    RF_VEC_RELEASE(g->ctx, &g->nodes);
    rf_map_release(&g->by_name);
    rf_map_release(&g->functions);
    rf_arena_release(&g->arena);
}
