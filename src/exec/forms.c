/* Forms of the same tensor: codes or real numbers, plain or channels last; each conversion is made once, as a step. */
#include "exec/plan_impl.h"
#include "ops/params.h"

/* A step of the planner's own (op of domain "refold") from slot `from` to a new slot with `view`. */
static rf_status convert(rf_plan *plan, const char *op_type, int from, const rf_view *view,
                         int *out)
{
    const rf_op *op = rf_op_find(op_type, RF_DOMAIN);
    rf_node *n = rf_arena_alloc(&plan->arena, sizeof *n);
    if (!n || !op)
        return n ? rf_fail(plan->ctx, RF_EINTERNAL, "operator '%s' is missing", op_type)
                 : RF_ENOMEM;
    const rf_value *v = plan->slots.items[from].value;
    n->op_type = op_type;
    n->domain = RF_DOMAIN;
    n->name = v ? v->name : op_type;
    n->input_count = n->output_count = 1;
    rf_planned step;
    RF_TRY(rf_plan_new_step(plan, n, op, n->input_count, &step));
    RF_TRY(rf_plan_add_slot(plan, NULL, view, out));
    plan->slots.items[*out].value = NULL;
    step.in[0] = from;
    step.out[0] = *out;
    return rf_plan_push_step(plan, &step);
}

rf_status rf_plan_real_form(rf_plan *plan, int slot, int *out)
{
    rf_slot *s = &plan->slots.items[slot];
    *out = s->has_codes ? s->real : slot;
    if (*out != RF_NO_SLOT)
        return RF_OK;
    rf_view view = s->view;
    view.dtype = RF_DTYPE_F32;
    view.codes = NULL;
    view.data = NULL;
    RF_TRY(convert(plan, "Dequantize", slot, &view, out));
    plan->slots.items[slot].real = *out;
    return RF_OK;
}

void rf_plan_mark_codes(rf_plan *plan, int slot, int maker)
{
    plan->slots.items[slot].has_codes = true;
    plan->slots.items[slot].maker = maker;
}

static rf_status layout_form(rf_plan *plan, int slot, rf_layout layout, int *out)
{
    rf_slot *s = &plan->slots.items[slot];
    if (rf_view_is(&s->view, layout)) {
        *out = slot;
        return RF_OK;
    }
    *out = layout == RF_LAYOUT_PLAIN ? s->plain : s->channels_last;
    if (*out != RF_NO_SLOT)
        return RF_OK;
    rf_view view;
    const rf_shape shape = rf_view_shape(&s->view);
    rf_view_init(&view, s->view.dtype, &shape, layout);
    RF_TRY(convert(plan, "Layout", slot, &view, out));
    s = &plan->slots.items[slot];
    *(layout == RF_LAYOUT_PLAIN ? &s->plain : &s->channels_last) = *out;
    if (s->has_codes)
        rf_plan_mark_codes(plan, *out, s->maker);
    return RF_OK;
}

rf_status rf_plan_plain_form(rf_plan *plan, int slot, int *out)
{
    RF_TRY(rf_plan_real_form(plan, slot, out));
    return plan->slots.items[*out].known ? RF_OK : layout_form(plan, *out, RF_LAYOUT_PLAIN, out);
}

static bool reads_integers(const rf_op *op, bool integers, int i, rf_dtype dtype)
{
    if (integers && i <= 1)
        return true;
    if (i > 0)
        return false;
    return dtype == RF_DTYPE_I32 ? op->takes_sums
                                 : dtype == RF_DTYPE_U8 && (op->takes_codes || op->moves_codes);
}

rf_status rf_plan_fit_input(rf_plan *plan, const rf_op *op, bool integers, int i, int *slot)
{
    if (*slot == RF_NO_SLOT)
        return RF_OK;
    const bool takes_codes = reads_integers(op, integers, i, plan->slots.items[*slot].view.dtype);
    const rf_layout_policy policy = op->layout;
    const bool parameter = i < 5 && op->roles[i] != RF_ROLE_NONE;
    const bool any = policy == RF_LAYOUT_ANY;
    const rf_layout layout = policy == RF_LAYOUT_NEED_CHANNELS_LAST && !parameter
                                 ? RF_LAYOUT_CHANNELS_LAST
                                 : RF_LAYOUT_PLAIN;
    const rf_slot *s = &plan->slots.items[*slot];
    const bool convert_layout = !any && !s->known && !rf_view_is(&s->view, layout);
    const bool moves = s->view.dtype == RF_DTYPE_U8; /* to another layout, as it is */
    if (s->has_codes && (!takes_codes || (convert_layout && !moves)))
        RF_TRY(rf_plan_real_form(plan, *slot, slot));
    return convert_layout ? layout_form(plan, *slot, layout, slot) : RF_OK;
}

rf_layout rf_plan_output_layout(const rf_plan *plan, const rf_planned *step, int rank)
{
    const rf_op *op = step->s.op;
    if (op->layout != RF_LAYOUT_ANY)
        return op->layout == RF_LAYOUT_NEED_CHANNELS_LAST ? RF_LAYOUT_CHANNELS_LAST
                                                          : RF_LAYOUT_PLAIN;
    for (int i = 0; i < step->s.in_count; i++) {
        const rf_slot *s = step->in[i] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[i]];
        if (s && !s->known && s->view.rank == rank && !rf_view_is(&s->view, RF_LAYOUT_PLAIN))
            return RF_LAYOUT_CHANNELS_LAST;
    }
    return RF_LAYOUT_PLAIN;
}
