/*
 * Carrying grids of a QDQ graph over operators that only move data: targets look for a DequantizeLinear right in front
 * of a layer, and quantizing numbers anew that lie on the grid already changes none of them.
 */
#include "export/qdq.h"

#include <string.h>

#include "bn/bias_grid.h"

/* The DequantizeLinear of an activation that makes `v`, or NULL. */
static const rf_node *dequantizes(const rf_value *v)
{
    const rf_node *n = v ? v->producer : NULL;
    return n && !strcmp(n->op_type, "DequantizeLinear") && !n->inputs[0]->constant ? n : NULL;
}

static bool wants_grid(const rf_value *v)
{
    if (!v || !v->uses || v->is_output)
        return false;
    const rf_node *consumer = rf_value_only_consumer(v);
    return !consumer || strcmp(consumer->op_type, "QuantizeLinear");
}

/* Behind `v`: QuantizeLinear and DequantizeLinear as `like` has them. */
static rf_status carry(rf_qdq *b, rf_value *v, const rf_node *like)
{
    rf_value *codes = NULL, *real = NULL;
    rf_value *scale = like->inputs[1], *zero = like->inputs[2];
    rf_node *before = v->producer->next;
    RF_TRY(rf_qdq_new_value(b->g, v->name, "quantized", zero->dtype, &v->shape, &codes));
    RF_TRY(rf_qdq_new_value(b->g, v->name, "dequantized", RF_DTYPE_F32, &v->shape, &real));
    RF_TRY(rf_graph_replace_uses(b->g, v, real, NULL));
    RF_TRY(rf_qdq_new_node(b, "QuantizeLinear", (rf_value *[3]){ v, scale, zero }, codes,
                           like->domain, before));
    return rf_qdq_new_node(b, "DequantizeLinear", (rf_value *[3]){ codes, scale, zero }, real,
                           like->domain, before);
}

rf_status rf_qdq_carry_grids(rf_qdq *b)
{
    for (rf_node *n = b->g->first; n; n = n->next) {
        const rf_node *like = rf_node_moves_data(n) ? dequantizes(rf_node_input(n, 0)) : NULL;
        const int count = rf_node_is(n, "Split") ? n->output_count : 1;
        for (int i = 0; like && i < count; i++)
            if (wants_grid(n->outputs[i]))
                RF_TRY(carry(b, n->outputs[i], like));
    }
    return RF_OK;
}
