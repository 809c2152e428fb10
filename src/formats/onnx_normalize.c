/* Networks exported in training form (torch's TrainingMode.TRAINING, opset 9 to 13 BN with 5 outputs) in inference form. */
#include "base/status.h"
#include "formats/onnx_parts.h"
#include "graph/edit.h"

static bool is_used(const rf_value *v)
{
    return v->uses || v->is_output || v->pinned;
}

static bool leads_nowhere(const rf_value *v)
{
    return !v->producer && !is_used(v) && !v->is_input && !v->origin && !v->constant;
}

/* The running and saved statistics that training would hand on. */
static rf_status drop_statistics(rf_node *n, rf_context *ctx)
{
    for (int i = 1; i < n->output_count; i++) {
        rf_value *v = n->outputs[i];
        if (v && is_used(v))
            return rf_fail(
                ctx, RF_EUNSUPPORTED,
                "BatchNormalization node '%s' is in training form and its output '%s' is "
                "used; export the model in inference form with BN kept",
                n->name, v->name);
        if (v)
            v->producer = NULL;
        n->outputs[i] = NULL;
    }
    n->output_count = 1;
    return RF_OK;
}

static rf_status normalize_bn(rf_graph *g, rf_node *n)
{
    if (rf_attr_int(n, "spatial", 1) != 1)
        return rf_fail(
            g->ctx, RF_EUNSUPPORTED,
            "BatchNormalization node '%s' has spatial = 0 (statistics a position); refold "
            "takes statistics a channel",
            n->name);
    if (n->output_count > 1 || rf_attr_int(n, "training_mode", 0))
        g->training_form = true;
    if (n->output_count > 1)
        RF_TRY(drop_statistics(n, g->ctx));
    rf_node_remove_attr(n, "training_mode");
    return RF_OK;
}

/* A training_mode that is computed counts as true: whoever wrote it meant to train. */
static rf_status normalize_dropout(rf_graph *g, rf_node *n)
{
    const rf_value *mode = rf_node_input(n, 2);
    if (!mode)
        return RF_OK;
    const rf_tensor *t = mode->constant;
    if (t && t->count == 1 && rf_tensor_get_i64(t, 0) == 0)
        return RF_OK;
    return rf_node_set_input(g, n, 2, NULL);
}

rf_status rf_onnx_normalize(rf_graph *g)
{
    for (rf_node *n = g->first; n; n = n->next) {
        if (rf_node_is(n, "BatchNormalization"))
            RF_TRY(normalize_bn(g, n));
        else if (rf_node_is(n, "Dropout"))
            RF_TRY(normalize_dropout(g, n));
    }
    rf_graph_remove_values(g, leads_nowhere);
    return RF_OK;
}
