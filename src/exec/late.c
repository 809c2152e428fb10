/*
 * Late steps: nodes whose shapes depend on what flows (NonZero, NonMaxSuppression, a Slice up to a computed index, and
 * what reads their results). Planning cannot place them; each call infers their shapes anew and evaluates them on tensors
 * of their own, row-major, as planning does with constants. They allocate; they stand behind a network, not in it, and in
 * inference only.
 */
#include <string.h>

#include "exec/plan_impl.h"

bool rf_plan_reads_late(const rf_plan *plan, const rf_node *n, const int *in)
{
    for (int i = 0; i < n->input_count; i++)
        if (in[i] != RF_NO_SLOT && plan->slots.items[in[i]].late)
            return true;
    return false;
}

/* The message in the context says why the node is late. */
static rf_status check_mode(const rf_plan *plan, const rf_node *n, const rf_op *op)
{
    const char *purpose = plan->options.mode == RF_MODE_TRAIN ? "trained" : NULL;
    if (plan->options.mode == RF_MODE_BN_BATCH && op->roles[3] == RF_ROLE_BN_MEAN)
        purpose = "re-estimated";
    if (purpose)
        return rf_fail(
            plan->ctx, RF_EUNSUPPORTED,
            "%s '%s': its shapes depend on the data, so that it can be run but not %s; cut the "
            "model in front of it",
            n->op_type, n->name, purpose);
    return RF_OK;
}

static rf_status add_output(rf_plan *plan, const rf_value *v, int *slot)
{
    const rf_shape unknown = { 0 };
    rf_view view;
    rf_view_init(&view, v->dtype, &unknown, RF_LAYOUT_PLAIN);
    RF_TRY(rf_plan_add_slot(plan, v, &view, slot));
    plan->slots.items[*slot].late = true;
    return RF_OK;
}

rf_status rf_plan_add_late(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in)
{
    rf_planned step;
    RF_TRY(check_mode(plan, n, op));
    RF_TRY(rf_plan_new_step(plan, n, op, n->input_count, &step));
    step.s.late = true;
    for (int i = 0; i < n->input_count; i++) {
        step.in[i] = in[i];
        if (in[i] != RF_NO_SLOT && !plan->slots.items[in[i]].late)
            RF_TRY(rf_plan_plain_form(plan, in[i], &step.in[i]));
    }
    for (int i = 0; i < n->output_count; i++) {
        step.out[i] = RF_NO_SLOT;
        if (n->outputs[i])
            RF_TRY(add_output(plan, n->outputs[i], &step.out[i]));
    }
    return rf_plan_push_step(plan, &step);
}

/* --------------------------------------------------------------------------------- running --- */

/* The slots' tensors as they are now; `borrowed` gives what has none of its own a tensor's form. */
static void read_inputs(rf_plan *plan, rf_planned *step, rf_tensor *borrowed)
{
    rf_step *s = &step->s;
    for (int i = 0; i < s->in_count; i++) {
        const rf_slot *slot = step->in[i] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[i]];
        s->in[i] = slot ? slot->view : (rf_view){ 0 };
        s->in_constant[i] = NULL;
        if (!slot)
            continue;
        if (slot->constant)
            s->in[i].data = slot->constant->constant->data;
        borrowed[i] = (rf_tensor){ .ctx = plan->ctx,
                                   .dtype = s->in[i].dtype,
                                   .shape = rf_view_shape(&s->in[i]),
                                   .count = rf_view_count(&s->in[i]),
                                   .data = s->in[i].data };
        s->in_constant[i] = &borrowed[i];
    }
}

static rf_status infer(const rf_plan *plan, const rf_step *s, rf_spec *out)
{
    rf_spec in[RF_OP_MAX_IO];
    for (int i = 0; i < s->in_count; i++) {
        const rf_tensor *t = s->in_constant[i];
        in[i] =
            t ? (rf_spec){ .present = true, .dtype = t->dtype, .shape = t->shape, .constant = t }
              : (rf_spec){ .present = false };
    }
    rf_inference io = { .ctx = plan->ctx,
                        .node = s->node,
                        .opset = s->opset,
                        .in_count = s->in_count,
                        .out_count = s->out_count,
                        .in = in,
                        .out = out };
    return s->op->infer(&io);
}

/* The slot's tensor of that shape; the last call's where it fits. */
static rf_status make_output(rf_plan *plan, rf_slot *slot, const rf_spec *spec, rf_view *view)
{
    if (!slot->folded || slot->folded->dtype != spec->dtype ||
        !rf_shape_equal(&slot->folded->shape, &spec->shape)) {
        rf_tensor_free(slot->folded);
        slot->folded = NULL;
        RF_TRY(rf_tensor_new_shape(plan->ctx, spec->dtype, &spec->shape, &slot->folded));
    }
    rf_view_init(&slot->view, spec->dtype, &spec->shape, RF_LAYOUT_PLAIN);
    slot->view.data = slot->folded->data;
    *view = slot->view;
    return RF_OK;
}

rf_status rf_plan_run_late(rf_plan *plan, rf_planned *step)
{
    rf_tensor borrowed[RF_OP_MAX_IO];
    rf_spec specs[RF_OP_MAX_IO] = { 0 };
    rf_step *s = &step->s;
    read_inputs(plan, step, borrowed);
    if (step->bypass)
        return RF_OK;
    rf_status st = infer(plan, s, specs);
    for (int i = 0; i < s->out_count && !st; i++)
        if (step->out[i] != RF_NO_SLOT)
            st = make_output(plan, &plan->slots.items[step->out[i]], &specs[i], &s->out[i]);
    if (!st)
        st = rf_plan_evaluate(s);
    memset((void *)s->in_constant, 0, (size_t)s->in_count * sizeof *s->in_constant);
    return st;
}
