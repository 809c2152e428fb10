/* Lowering to be looked at: what cannot be planned is told and left out, and planning goes on behind it. */
#include "exec/plan_impl.h"
#include "graph/activation_match.h"

/* In a survey the makers of a node's inputs may have been left out. */
static bool is_within_reach(const rf_plan *plan, const rf_node *n)
{
    rf_activation activation;
    if (rf_activation_has_inner(n))
        return true;
    if (rf_activation_match(n, &activation))
        return rf_plan_slot_of(plan, activation.input) != RF_NO_SLOT;
    for (int i = 0; i < n->input_count; i++)
        if (n->inputs[i] && !n->inputs[i]->constant &&
            rf_plan_slot_of(plan, n->inputs[i]) == RF_NO_SLOT)
            return false;
    return true;
}

/* What a node that is left out makes, by the shapes that the file declares. */
static rf_status declare_outputs(rf_plan *plan, const rf_node *n)
{
    for (int i = 0; i < n->output_count; i++) {
        const rf_value *v = n->outputs[i];
        if (!v || rf_plan_slot_of(plan, v) != RF_NO_SLOT)
            continue;
        rf_shape shape = v->shape;
        rf_view view;
        int64_t count = 0;
        int slot = 0;
        if (shape.rank > 0 && shape.dims[0] < 0)
            shape.dims[0] = plan->options.batch;
        if (!rf_shape_known(&shape) || rf_shape_count(plan->ctx, &shape, &count) != RF_OK)
            continue;
        rf_view_init(&view, v->dtype, &shape, RF_LAYOUT_CHANNELS_LAST);
        RF_TRY(rf_plan_add_slot(plan, v, &view, &slot));
    }
    return RF_OK;
}

rf_status rf_plan_survey_node(rf_plan *plan, const rf_node *n)
{
    if (is_within_reach(plan, n)) {
        const rf_status st = rf_plan_lower_node(plan, n);
        if (st == RF_OK || st == RF_ENOMEM)
            return st;
        plan->options.skip(plan->options.skip_user, n, st);
    }
    return declare_outputs(plan, n);
}
