/* Which tensor of one network is which of the other: by name, looking through what quantization adds to names. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "compare/compare.h"
#include "ops/params.h"
#include "sim/sim.h"

/* Suffixes of a dequantized tensor's name: refold's own, and ONNX Runtime's quantization tool's. */
static const char *const suffixes[] = { "_dequantized", "_DequantizeLinear_Output" };
#define SUFFIXES (sizeof suffixes / sizeof *suffixes)

static bool is_dequantize(const rf_node *n)
{
    return n && strcmp(n->op_type, "DequantizeLinear") == 0;
}

static bool is_quantization(const rf_node *n)
{
    return rf_node_is_fakequant(n) || is_dequantize(n) || strcmp(n->op_type, "QuantizeLinear") == 0;
}

static const rf_value *dequantized(const rf_graph *g, const char *name)
{
    char full[1024]; /* longer names are nobody's */
    for (size_t i = 0; i < SUFFIXES; i++) {
        snprintf(full, sizeof full, "%s%s", name, suffixes[i]);
        const rf_value *v = rf_graph_find_value(g, full);
        if (v && is_dequantize(v->producer))
            return v;
    }
    return NULL;
}

/* What readers of tensor `name` get; NULL: no tensor of that name flows. */
static const rf_value *settled(const rf_graph *g, const char *name)
{
    const rf_value *real = dequantized(g, name), *v = rf_graph_find_value(g, name);
    if (real || !v || v->constant || !v->producer)
        return real;
    const rf_node *q = rf_value_quantizer(v);
    return q && rf_quantizer_enabled(q) && !rf_quantizer_is_param(q) ? q->outputs[0] : v;
}

/* An output's name without a simulation's quantizers. */
static const char *plain_name(const rf_value *v)
{
    while (v->producer && rf_node_is_fakequant(v->producer))
        v = v->producer->inputs[0];
    return v->name;
}

static const rf_value *find_output(const rf_graph *g, const char *name)
{
    for (size_t i = 0; i < g->outputs.count; i++)
        if (strcmp(plain_name(g->outputs.items[i]), name) == 0)
            return g->outputs.items[i];
    return NULL;
}

static int order_of(const rf_graph *g, const rf_value *v)
{
    int order = 0;
    for (const rf_node *n = g->first; n && n != v->producer; n = n->next)
        order++;
    return order;
}

static rf_status pair_output(const rf_graph *a, const rf_graph *b, size_t i, bool by_name,
                             rf_pairs *out)
{
    const rf_value *from = a->outputs.items[i];
    const char *name = plain_name(from);
    const rf_value *to = by_name ? find_output(b, name) : b->outputs.items[i];
    if (!to)
        return RF_OK;
    const rf_pair pair = {
        .name = name, .a = from->name, .b = to->name, .order = order_of(a, from), .is_output = true
    };
    return RF_VEC_PUSH(a->ctx, out, pair);
}

static rf_status pair_outputs(const rf_graph *a, const rf_graph *b, rf_pairs *out)
{
    bool any = false;
    for (size_t i = 0; i < a->outputs.count; i++)
        any = any || find_output(b, plain_name(a->outputs.items[i]));
    if (!any && a->outputs.count != b->outputs.count)
        return rf_fail(a->ctx, RF_EARG,
                       "the networks share no output: the first has %d (first '%s'), the second %d "
                       "(first '%s')",
                       (int)a->outputs.count, plain_name(a->outputs.items[0]),
                       (int)b->outputs.count, plain_name(b->outputs.items[0]));
    for (size_t i = 0; i < a->outputs.count; i++)
        RF_TRY(pair_output(a, b, i, any, out));
    return RF_OK;
}

static rf_status pair_inner(const rf_graph *a, const rf_graph *b, const rf_value *v, int order,
                            rf_pairs *out)
{
    const rf_value *from = settled(a, v->name), *to = settled(b, v->name);
    if (!from || !to || from->is_output || to->is_output || from->dtype != RF_DTYPE_F32)
        return RF_OK;
    const rf_pair pair = { .name = v->name, .a = from->name, .b = to->name, .order = order };
    return RF_VEC_PUSH(a->ctx, out, pair);
}

rf_status rf_pairs_find(const rf_graph *a, const rf_graph *b, bool inner, rf_pairs *out)
{
    int order = 0;
    RF_TRY(pair_outputs(a, b, out));
    for (const rf_node *n = a->first; inner && n; n = n->next, order++) {
        for (int i = 0; !is_quantization(n) && i < n->output_count; i++)
            if (n->outputs[i] && !n->outputs[i]->constant)
                RF_TRY(pair_inner(a, b, n->outputs[i], order, out));
    }
    return RF_OK;
}
