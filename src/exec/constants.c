/* Values known at planning: shape arithmetic is evaluated here, once, instead of at each step. */
#include "exec/plan_impl.h"

#include <string.h>

bool rf_plan_all_known(const rf_plan *plan, const rf_node *n, const int *in)
{
    for (int i = 0; i < n->input_count; i++)
        if (in[i] != RF_NO_SLOT && !plan->slots.items[in[i]].known)
            return false;
    return true;
}

rf_status rf_plan_fold_node(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                            const rf_spec *specs)
{
    rf_planned step;
    RF_TRY(rf_plan_new_step(plan, n, op, n->input_count, &step));
    memcpy(step.in, in, (size_t)n->input_count * sizeof *in);
    step.s.mode = RF_MODE_INFER;
    for (int i = 0; i < n->output_count; i++) {
        step.out[i] = RF_NO_SLOT;
        if (!n->outputs[i])
            continue;
        rf_tensor *t = NULL;
        RF_TRY(rf_tensor_new_shape(plan->ctx, specs[i].dtype, &specs[i].shape, &t));
        rf_view view;
        rf_view_init(&view, t->dtype, &t->shape, RF_LAYOUT_PLAIN);
        view.data = t->data;
        const rf_status st = rf_plan_add_slot(plan, n->outputs[i], &view, &step.out[i]);
        if (st != RF_OK) {
            rf_tensor_free(t);
            return st;
        }
        rf_slot *slot = &plan->slots.items[step.out[i]];
        slot->folded = t;
        slot->known = t;
    }
    rf_plan_fill_views(plan, &step);
    return rf_plan_evaluate(&step.s);
}
