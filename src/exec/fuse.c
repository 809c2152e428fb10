/* Fusing: a BatchNormalization and what stands alone behind it become one step, which spares passes over memory. */
#include <string.h>

#include "exec/plan_impl.h"
#include "ops/params.h"

enum { BN_INPUTS = 5, WITH_RANGE = 7 };

/* BatchNormalization, then Relu or Clip, then a quantizer; one of the latter two may be missing. */
typedef struct chain {
    const rf_node *activation, *quantizer, *last;
} chain;

bool rf_plan_is_fused(const rf_plan *plan, const rf_node *n)
{
    for (size_t i = plan->fused.count; i > 0;
         i--) /* chains are short: mostly the last one or two */
        if (plan->fused.items[i - 1] == n)
            return true;
    return false;
}

/* The node that alone reads the output of `n`, as its first input; NULL: there is none. */
static const rf_node *follower(const rf_node *n)
{
    const rf_value *v = rf_node_output(n, 0);
    const rf_use *use = v && !v->is_output && !v->pinned ? v->uses : NULL;
    return use && !use->next && use->index == 0 && use->node->output_count == 1 ? use->node : NULL;
}

static bool is_single_float(const rf_value *v)
{
    return v && v->constant && v->constant->dtype == RF_DTYPE_F32 && v->constant->count == 1;
}

static bool clips(const rf_node *n)
{
    if (!n || rf_node_is(n, "Relu"))
        return n != NULL;
    for (int i = 1; rf_node_is(n, "Clip") && i < n->input_count; i++)
        if (n->inputs[i] && !is_single_float(n->inputs[i]))
            return false;
    return rf_node_is(n, "Clip");
}

static bool quantizes_whole(const rf_plan *plan, const rf_node *n)
{
    return rf_node_is_fakequant(n) && !rf_plan_passes_through(plan, n) && n->input_count == 3 &&
           rf_attr_int(n, "axis", -1) < 0 && is_single_float(n->inputs[1]) &&
           is_single_float(n->inputs[2]);
}

/* Observers want to see what a quantizer is given: nothing is fused for them. */
static bool find_chain(const rf_plan *plan, const rf_node *bn, chain *out)
{
    if (!rf_node_is(bn, "BatchNormalization") || plan->options.observe || bn->output_count != 1)
        return false;
    *out = (chain){ .last = bn };
    const rf_node *next = follower(bn);
    if (clips(next)) {
        out->activation = out->last = next;
        next = follower(next);
    }
    if (quantizes_whole(plan, next))
        out->quantizer = out->last = next;
    return out->last != bn;
}

/* The quantizer's own checks, and the slots of its ends. */
static rf_status find_range(rf_plan *plan, const rf_node *quantizer, int *in)
{
    rf_spec specs[RF_OP_MAX_IO] = { 0 };
    int slots[3] = { in[0], RF_NO_SLOT, RF_NO_SLOT };
    for (int i = 1; i < 3; i++)
        RF_TRY(rf_plan_find_constant(plan, quantizer->inputs[i], &slots[i]));
    memcpy(in + BN_INPUTS, slots + 1, 2 * sizeof *in);
    return rf_plan_infer(plan, quantizer, rf_op_find(quantizer->op_type, quantizer->domain), slots,
                         specs, NULL);
}

static rf_status add_output(rf_plan *plan, const chain *c, rf_planned *step)
{
    const rf_shape shape = rf_view_shape(&plan->slots.items[step->in[0]].view);
    const bool codes = c->quantizer && rf_plan_keeps_codes(plan, c->quantizer);
    rf_view view;
    rf_view_init(&view, codes ? RF_DTYPE_U8 : RF_DTYPE_F32, &shape, RF_LAYOUT_CHANNELS_LAST);
    RF_TRY(rf_plan_add_slot(plan, c->last->outputs[0], &view, &step->out[0]));
    if (codes)
        rf_plan_mark_codes(plan, step->out[0], (int)plan->steps.count);
    if (c->activation)
        RF_TRY(RF_VEC_PUSH(plan->ctx, &plan->fused, c->activation));
    return c->quantizer ? RF_VEC_PUSH(plan->ctx, &plan->fused, c->quantizer) : RF_OK;
}

rf_status rf_plan_fuse(rf_plan *plan, const rf_node *n, const int *in, bool *fused_out)
{
    const rf_op *op = rf_op_find("BnActivation", RF_DOMAIN);
    int slots[WITH_RANGE];
    rf_planned step;
    chain c;
    *fused_out = find_chain(plan, n, &c);
    if (!*fused_out)
        return RF_OK;
    memcpy(slots, in, BN_INPUTS * sizeof *slots);
    if (c.quantizer)
        RF_TRY(find_range(plan, c.quantizer, slots));
    for (int i = 0; i < BN_INPUTS; i++)
        RF_TRY(rf_plan_fit_input(plan, op, /*integers=*/false, i, &slots[i]));
    const int count = c.quantizer ? WITH_RANGE : BN_INPUTS;
    RF_TRY(rf_plan_new_step(plan, n, op, count, &step));
    memcpy(step.in, slots, (size_t)count * sizeof *slots);
    step.s.activation = c.activation;
    step.s.quantizer = c.quantizer;
    RF_TRY(add_output(plan, &c, &step));
    return rf_plan_push_step(plan, &step);
}

bool rf_plan_fuses_sum(const rf_plan *plan, const rf_node *n)
{
    (void)plan;
    (void)n;
    return false;
}
