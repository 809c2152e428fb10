/* The graph as text, one line a node. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "graph/graph.h"

typedef struct text {
    rf_context *ctx;
    RF_VEC(char) bytes;
    rf_status st;
} text;

static void put(text *t, const char *part)
{
    for (; *part && t->st == RF_OK; part++)
        t->st = RF_VEC_PUSH(t->ctx, &t->bytes, *part);
}

static void put_values(text *t, rf_value *const *values, int count)
{
    put(t, "(");
    for (int i = 0; i < count; i++) {
        put(t, i ? ", " : "");
        put(t, values[i] ? values[i]->name : "");
    }
    put(t, ")");
}

static void put_node(text *t, const rf_node *n)
{
    put(t, n->domain);
    put(t, n->domain[0] ? "." : "");
    put(t, n->op_type);
    put(t, " '");
    put(t, n->name);
    put(t, "' ");
    put_values(t, n->inputs, n->input_count);
    put(t, " -> ");
    put_values(t, n->outputs, n->output_count);
    put(t, "\n");
}

rf_status rf_graph_text(const rf_graph *g, char **out)
{
    text t = { .ctx = g->ctx };
    for (const rf_node *n = g->first; n; n = n->next)
        put_node(&t, n);
    if (t.st == RF_OK)
        t.st = RF_VEC_PUSH(t.ctx, &t.bytes, '\0');
    if (t.st == RF_OK)
        *out = t.bytes.items;
    else
        RF_VEC_RELEASE(t.ctx, &t.bytes);
    return t.st;
}
