/*
 * Fusing: what stands alone behind a BatchNormalization, an Add or a layer's integer sums becomes one step with it,
 * which spares passes over memory.
 */
#include <string.h>

#include "exec/plan_impl.h"
#include "ops/params.h"

enum { BN_INPUTS = 5, SUM_INPUTS = 2, WITH_RANGE = BN_INPUTS + 2 };

/* Relu or Clip, then a quantizer; either may be missing. */
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

/* The chain that begins with `next`, behind `last`. */
static chain chain_from(const rf_plan *plan, const rf_node *last, const rf_node *next)
{
    chain c = { .last = last };
    if (clips(next)) {
        c.activation = c.last = next;
        next = follower(next);
    }
    if (quantizes_whole(plan, next))
        c.quantizer = c.last = next;
    return c;
}

/* Observers want to see what a quantizer is given: nothing is fused for them. */
static bool find_bn_chain(const rf_plan *plan, const rf_node *bn, chain *out)
{
    if (!rf_node_is(bn, "BatchNormalization") || plan->options.observe || bn->output_count != 1)
        return false;
    *out = chain_from(plan, bn, follower(bn));
    return out->last != bn;
}

/* Behind a sum, the step makes codes; a static grid rounds in another order. */
static bool makes_codes(const rf_plan *plan, const chain *c)
{
    return c->quantizer && rf_plan_keeps_codes(plan, c->quantizer) &&
           strcmp(rf_attr_string(c->quantizer, "grid", "learned"), "static") != 0;
}

static bool find_add_chain(const rf_plan *plan, const rf_node *n, chain *out)
{
    if (!rf_node_is(n, "Add") || plan->options.observe || !n->inputs[0] || !n->inputs[1] ||
        n->inputs[0]->constant || n->inputs[1]->constant)
        return false;
    *out = chain_from(plan, n, follower(n));
    return makes_codes(plan, out);
}

bool rf_plan_fuses_sum(const rf_plan *plan, const rf_node *n)
{
    chain c;
    return find_add_chain(plan, n, &c);
}

bool rf_plan_requantizes(const rf_plan *plan, const rf_node *n)
{
    if (plan->options.observe || n->output_count != 1 || (!clips(n) && !quantizes_whole(plan, n)))
        return false;
    const chain c = chain_from(plan, NULL, n);
    return makes_codes(plan, &c);
}

/*
 * A layer without BN: its sums, or the real numbers it made, go through the chain that begins with `n`; or codes that
 * moved (MaxPool) take another grid.
 */
static bool find_layer_chain(const rf_plan *plan, const rf_node *n, const int *in, chain *out)
{
    if (in[0] == RF_NO_SLOT || !rf_plan_requantizes(plan, n))
        return false;
    const rf_slot *x = &plan->slots.items[in[0]];
    *out = chain_from(plan, NULL, n);
    return x->view.dtype == RF_DTYPE_I32 ||
           (x->has_codes && x->view.dtype == RF_DTYPE_U8 && rf_view_is_dense(&x->view)) ||
           (out->activation && x->view.dtype == RF_DTYPE_F32 && !x->known);
}

/* The quantizer's own checks, and the slots of its ends. */
static rf_status find_range(rf_plan *plan, const rf_node *quantizer, int x, int *range)
{
    rf_spec specs[RF_OP_MAX_IO] = { 0 };
    int slots[3] = { x, RF_NO_SLOT, RF_NO_SLOT };
    for (int i = 1; i < 3; i++)
        RF_TRY(rf_plan_find_constant(plan, quantizer->inputs[i], &slots[i]));
    memcpy(range, slots + 1, 2 * sizeof *range);
    return rf_plan_infer(plan, quantizer, rf_op_find(quantizer->op_type, quantizer->domain), slots,
                         specs, NULL);
}

static rf_status mark_fused(rf_plan *plan, const rf_node *head, const rf_node *n)
{
    return n && n != head ? RF_VEC_PUSH(plan->ctx, &plan->fused, n) : RF_OK;
}

/* One step for `head` and the chain, from slots `in`; the output lies as in[0] does. */
static rf_status push_fused(rf_plan *plan, const rf_node *head, const rf_op *op, const int *in,
                            int count, const chain *c)
{
    rf_planned step;
    RF_TRY(rf_plan_new_step(plan, head, op, count, &step));
    memcpy(step.in, in, (size_t)count * sizeof *in);
    step.s.activation = c->activation;
    step.s.quantizer = c->quantizer;
    const bool codes = c->quantizer && rf_plan_keeps_codes(plan, c->quantizer);
    rf_view view = plan->slots.items[in[0]].view;
    view.dtype = codes ? RF_DTYPE_U8 : RF_DTYPE_F32;
    view.data = NULL;
    view.codes = NULL;
    RF_TRY(rf_plan_add_slot(plan, c->last->outputs[0], &view, &step.out[0]));
    if (codes)
        rf_plan_mark_codes(plan, step.out[0], (int)plan->steps.count);
    RF_TRY(mark_fused(plan, head, c->activation));
    RF_TRY(mark_fused(plan, head, c->quantizer));
    return rf_plan_push_step(plan, &step);
}

static rf_status fuse_bn(rf_plan *plan, const rf_node *n, const int *in, const chain *c)
{
    const rf_op *op = rf_op_find("BnActivation", RF_DOMAIN);
    int slots[WITH_RANGE];
    memcpy(slots, in, BN_INPUTS * sizeof *slots);
    if (c->quantizer)
        RF_TRY(find_range(plan, c->quantizer, in[0], slots + BN_INPUTS));
    for (int i = 0; i < BN_INPUTS; i++)
        RF_TRY(rf_plan_fit_input(plan, op, /*integers=*/false, i, &slots[i]));
    return push_fused(plan, n, op, slots, c->quantizer ? WITH_RANGE : BN_INPUTS, c);
}

/* Real numbers or codes, dense, and both in the same order. */
static bool adds_up(const rf_plan *plan, const int *in)
{
    const rf_slot *a = &plan->slots.items[in[0]], *b = &plan->slots.items[in[1]];
    const bool few = a->view.dtype == RF_DTYPE_U8 || b->view.dtype == RF_DTYPE_U8;
    return rf_view_is_dense(&a->view) && rf_view_same_order(&a->view, &b->view) && !a->known &&
           !b->known && (few || plan->options.mode != RF_MODE_TRAIN);
}

static rf_status fuse_sum(rf_plan *plan, const rf_node *n, const int *in, const chain *c)
{
    const rf_op *op = rf_op_find("SumActivation", RF_DOMAIN);
    int slots[SUM_INPUTS + 2] = { in[0], RF_NO_SLOT };
    RF_TRY(find_range(plan, c->quantizer, in[0], slots + SUM_INPUTS));
    if (rf_node_is(n, "Add")) {
        slots[1] = in[1];
        for (int i = 0; i < SUM_INPUTS; i++) /* codes stay, a layer's sums do not */
            if (plan->slots.items[slots[i]].view.dtype == RF_DTYPE_I32)
                RF_TRY(rf_plan_real_form(plan, slots[i], &slots[i]));
    }
    return push_fused(plan, n, op, slots, SUM_INPUTS + 2, c);
}

rf_status rf_plan_fuse(rf_plan *plan, const rf_node *n, const int *in, bool *fused_out)
{
    chain c;
    *fused_out = true;
    if (find_bn_chain(plan, n, &c))
        return fuse_bn(plan, n, in, &c);
    if (find_add_chain(plan, n, &c) && adds_up(plan, in))
        return fuse_sum(plan, n, in, &c);
    if (find_layer_chain(plan, n, in, &c))
        return fuse_sum(plan, n, in, &c);
    *fused_out = false;
    return RF_OK;
}
