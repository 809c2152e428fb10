/* What is switched on and off together: the quantizers of a layer, by kind. */
#include <string.h>

#include "analyze/analyze.h"
#include "base/status.h"
#include "ops/params.h"

/* Of the layer; of the tensor where that is an input of the model. */
static const char *name_of(const rf_node *fakequant)
{
    const rf_node *layer = rf_quantizer_layer(fakequant);
    return layer ? layer->name : rf_quantizer_tensor(fakequant)->name;
}

static rf_part *find(rf_parts *parts, const char *layer)
{
    for (size_t i = 0; i < parts->count; i++)
        if (strcmp(parts->items[i].layer, layer) == 0)
            return &parts->items[i];
    return NULL;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static void count_in(rf_part *part, const rf_node *fakequant)
{
    const int bits = rf_quantizer_spec(fakequant).bitwidth;
    const bool is_param = rf_quantizer_is_param(fakequant);
    int *widest = is_param ? &part->bits_of_params : &part->bits_of_activations;
    *widest = larger(*widest, bits);
    part->params = part->params || is_param;
    part->activations = part->activations || !is_param;
    part->quantizers++;
}

/* One part a layer and kind: with `params` those of parameters alone, and so on. */
static rf_status collect(const rf_graph *g, bool params, bool activations, rf_parts *out)
{
    for (const rf_node *n = g->first; n; n = n->next) {
        if (!rf_node_is_fakequant(n) || !rf_quantizer_enabled(n) ||
            !(rf_quantizer_is_param(n) ? params : activations))
            continue;
        const char *layer = name_of(n);
        rf_part *part = find(out, layer);
        if (!part) {
            const rf_node *owner = rf_quantizer_layer(n);
            const rf_part fresh = { .layer = layer, .op_type = owner ? owner->op_type : "" };
            RF_TRY(RF_VEC_PUSH(g->ctx, out, fresh));
            part = &out->items[out->count - 1];
        }
        count_in(part, n);
    }
    return RF_OK;
}

static rf_status append(rf_context *ctx, const rf_parts *from, bool only_both, rf_parts *out)
{
    for (size_t i = 0; i < from->count; i++) {
        const rf_part *p = &from->items[i];
        if (!only_both || (p->params && p->activations))
            RF_TRY(RF_VEC_PUSH(ctx, out, *p));
    }
    return RF_OK;
}

rf_status rf_parts_find(const rf_graph *g, rf_parts *out)
{
    static const bool kinds[][2] = { { true, false }, { false, true }, { true, true } };
    rf_status st = RF_OK;
    *out = (rf_parts){ 0 };
    for (int k = 0; st == RF_OK && k < 3; k++) {
        const bool together = kinds[k][0] && kinds[k][1];
        rf_parts found = { 0 };
        st = collect(g, kinds[k][0], kinds[k][1], &found);
        if (st == RF_OK)
            st = append(g->ctx, &found, together, out);
        RF_VEC_RELEASE(g->ctx, &found);
    }
    return st;
}
