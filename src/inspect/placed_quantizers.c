/* Which tensors have quantizers, or would get them from `refold quantize`. */
#include "base/status.h"
#include "graph/copy.h"
#include "inspect/inspection.h"

static rf_status keep(rf_looking *l, const rf_node *n, const rf_quantizer *q)
{
    const rf_node *op = rf_graph_find_node(l->graph, q->op);
    const rf_planned_quantizer kept = {
        .tensor = rf_arena_strdup(&l->arena, q->tensor),
        .kind = q->kind,
        .op = rf_arena_strdup(&l->arena, q->op),
        .op_type = rf_arena_strdup(&l->arena, op ? op->op_type : ""),
        .bitwidth = q->bitwidth,
        .symmetric = q->symmetric,
        .axis = q->axis,
        .channels = rf_quantizer_count(n),
    };
    if (!kept.tensor || !kept.op || !kept.op_type)
        return RF_ENOMEM;
    *(rf_quantizer_is_param(n) ? &l->report.param_quantizers : &l->report.activation_quantizers) +=
        1;
    return RF_VEC_PUSH(l->ctx, &l->quantizers, kept);
}

static rf_status list(rf_looking *l, rf_sim *sim)
{
    for (int i = 0; i < rf_sim_quantizer_count(sim); i++) {
        rf_quantizer q;
        RF_TRY(rf_sim_quantizer(sim, i, &q));
        if (q.enabled)
            RF_TRY(keep(l, sim->quantizers.items[i], &q));
    }
    return RF_OK;
}

/* Quantizers are off until calibration; plans that predict memory want them on. */
static rf_status switch_on(rf_sim *sim)
{
    for (size_t i = 0; i < sim->quantizers.count; i++)
        RF_TRY(rf_node_set_int(sim->graph, sim->quantizers.items[i], "enabled", 1));
    return RF_OK;
}

rf_status rf_look_quantizers(rf_looking *l, const rf_sim_options *options, rf_sim *sim)
{
    if (!sim && rf_looking_has(l, "QuantizeLinear")) /* quantized by nodes of its own */
        return RF_OK;
    if (!sim) {
        RF_TRY(rf_sim_outline(l->graph, options, &l->planned));
        RF_TRY(switch_on(l->planned));
    }
    RF_TRY(list(l, sim ? sim : l->planned));
    return rf_graph_outline(sim ? sim->graph : l->planned->graph, &l->simulated);
}
