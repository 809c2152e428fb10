/*
 * Clips that QuantizeLinear makes redundant: where both bounds land on the ends of the integer grid, saturation cuts the
 * same values to the same codes. Left in place they keep targets from joining the layer with its quantizer, and ONNX Runtime
 * 1.30 builds an invalid graph from a Clip whose bound lies within half a code of the grid's end.
 */
#include "export/qdq.h"

#include <math.h>

static float element(const rf_value *v)
{
    return rf_tensor_f32(v->constant)[0];
}

static bool is_scalar(const rf_value *v, rf_dtype dtype)
{
    return v && v->constant && v->constant->dtype == dtype && v->constant->count == 1;
}

/* Code of a bound before saturation, as QuantizeLinear computes it; an absent bound cuts nothing. */
static float code_of(const rf_value *bound, const rf_node *quantize, float absent)
{
    const float zero = (float)rf_tensor_get_i64(quantize->inputs[2]->constant, 0);
    return bound ? rintf(element(bound) / element(quantize->inputs[1])) + zero : absent;
}

static bool is_redundant(const rf_node *clip, const rf_node *quantize)
{
    const rf_value *low = rf_node_input(clip, 1), *high = rf_node_input(clip, 2);
    const rf_value *zero = rf_node_input(quantize, 2);
    if ((low && !is_scalar(low, RF_DTYPE_F32)) || (high && !is_scalar(high, RF_DTYPE_F32)) ||
        !is_scalar(rf_node_input(quantize, 1), RF_DTYPE_F32) || !is_scalar(zero, RF_DTYPE_U8))
        return false;
    return code_of(low, quantize, 0) <= 0 && code_of(high, quantize, UINT8_MAX) >= UINT8_MAX;
}

rf_status rf_qdq_drop_redundant_clips(rf_qdq *b)
{
    for (rf_node *n = b->g->first, *next = NULL; n; n = next) {
        next = n->next;
        rf_node *quantize = rf_node_is(n, "Clip") ? rf_value_only_consumer(n->outputs[0]) : NULL;
        if (!quantize || !rf_node_is(quantize, "QuantizeLinear") || !is_redundant(n, quantize))
            continue;
        RF_TRY(rf_node_set_input(b->g, quantize, 0, n->inputs[0]));
        RF_TRY(rf_graph_remove_node(b->g, n));
    }
    return RF_OK;
}
