/*
 * The integer engine's choices: which tensors are kept as codes, and which layers compute with them. A layer does where
 * its input and weights are codes, oneDNN has such sums, and they are exact; else it runs in real numbers, and the
 * reason is kept for who asks.
 */
#include <string.h>

#include "dnn/dnn.h"
#include "exec/plan_impl.h"
#include "ops/params.h"

enum { CODE_BITS = 8 };

/* ------------------------------------------------------------------- tensors of codes --- */

static bool is_activation_quantizer(const rf_node *n)
{
    return rf_node_is_fakequant(n) && strcmp(rf_attr_string(n, "kind", "activation"), "param") != 0;
}

static bool reads_codes(const rf_plan *plan, const rf_use *u)
{
    const rf_op *op = rf_op_find(u->node->op_type, u->node->domain);
    if (!op || u->node->output_count != 1)
        return false;
    if (rf_plan_fuses_sum(plan, u->node) || (u->index == 0 && rf_plan_requantizes(plan, u->node)))
        return true;
    return u->index == 0 &&
           (op->takes_codes ||
            (op->moves_codes && rf_plan_value_reads_codes(plan, u->node->outputs[0])));
}

bool rf_plan_value_reads_codes(const rf_plan *plan, const rf_value *v)
{
    if (!v || v->is_output)
        return false;
    for (const rf_use *u = v->uses; u; u = u->next)
        if (reads_codes(plan, u))
            return true;
    return false;
}

bool rf_plan_keeps_codes(const rf_plan *plan, const rf_node *n)
{
    return is_activation_quantizer(n) && rf_attr_int(n, "bitwidth", 8) <= CODE_BITS &&
           rf_attr_int(n, "axis", -1) < 0 && rf_plan_value_reads_codes(plan, n->outputs[0]);
}

/* --------------------------------------------------------------------- layers on codes --- */

static int64_t largest_code(const rf_node *quantizer)
{
    bool gated;
    const rf_qspec spec = rf_fakequant_spec(quantizer, &gated);
    return rf_qspec_steps(&spec);
}

/* The quantizer behind the codes of a slot; data may have moved in between. */
static const rf_node *quantizer_of(const rf_plan *plan, int slot)
{
    const rf_slot *s = &plan->slots.items[slot];
    const rf_step *step = &plan->steps.items[s->maker].s;
    return step->quantizer ? step->quantizer : step->node;
}

/* Largest |q + offset| of weight codes; 0: they do not fit a signed byte. */
static int64_t largest_weight(const rf_node *quantizer)
{
    bool gated;
    const rf_qspec spec = rf_fakequant_spec(quantizer, &gated);
    const int64_t steps = rf_qspec_steps(&spec);
    const bool centred = spec.symmetric && (spec.grid != RF_GRID_STATIC || !spec.is_unsigned);
    if (centred) /* a static grid that is not fails when it runs: ops/fake_quant.c */
        return (steps + 1) / 2 <= 128 ? (steps + 1) / 2 : 0;
    return steps <= 127 && spec.grid == RF_GRID_LEARNED ? steps : 0;
}

/* The step that makes the weights, where that is their quantizer and nobody else reads them; -1: none. */
static int weight_quantizer(const rf_plan *plan, const rf_node *layer, int slot, int axis)
{
    const rf_value *v = layer->inputs[1];
    const int producer = slot == RF_NO_SLOT ? -1 : plan->slots.items[slot].producer;
    if (producer < 0 || !v || v->is_output || !v->uses || v->uses->next)
        return -1;
    const rf_planned *step = &plan->steps.items[producer];
    const rf_node *n = step->s.node;
    if (!rf_node_is_fakequant(n) || is_activation_quantizer(n) || step->bypass ||
        step->out[0] != slot || plan->slots.items[slot].view.dtype != RF_DTYPE_F32)
        return -1;
    const int64_t channels = rf_attr_int(n, "axis", -1);
    return channels < 0 || channels == axis ? producer : -1;
}

static bool is_exact(const rf_int8_layer *layer, int64_t src_most, int64_t weight_most)
{
    return layer->never_saturates ? rf_dnn_int8_fits(layer->terms, src_most, weight_most)
                                  : rf_dnn_int8_is_exact(layer->terms, src_most, weight_most);
}

static const char *why_float(const rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                             int *quantizer_out)
{
    rf_int8_layer layer;
    const rf_slot *x = &plan->slots.items[in[0]], *w = &plan->slots.items[in[1]];
    const rf_shape xs = rf_view_shape(&x->view), ws = rf_view_shape(&w->view);
    if (plan->options.compute == RF_COMPUTE_FLOAT || plan->options.observe)
        return "the float engine was asked for";
    if (!x->has_codes || x->view.dtype != RF_DTYPE_U8)
        return "its input is not quantized to 8 bits or less";
    if (!rf_view_is(&x->view,
                    op->layout == RF_LAYOUT_NEED_PLAIN ? RF_LAYOUT_PLAIN : RF_LAYOUT_CHANNELS_LAST))
        return "its input lies in another order";
    if (!op->int8(plan->ctx, n, &xs, &ws, &layer))
        return "there are no sums of codes for its shape";
    *quantizer_out = weight_quantizer(plan, n, in[1], layer.axis);
    if (*quantizer_out < 0)
        return "its weights have no quantizer of their own, per tensor or per output channel";
    const int64_t most = largest_weight(plan->steps.items[*quantizer_out].s.node);
    if (!most)
        return "its weight codes do not fit 8 signed bits";
    if (!is_exact(&layer, largest_code(quantizer_of(plan, in[0])), most))
        return "sums of its codes could saturate on this CPU (weights of at most 7 bits do not)";
    return NULL;
}

/* The weights' quantizer was lowered before its reader was known: it hands on codes from now on. */
static void make_weight_codes(rf_plan *plan, int quantizer)
{
    rf_planned *step = &plan->steps.items[quantizer];
    rf_slot *w = &plan->slots.items[step->out[0]];
    w->view.dtype = step->s.out[0].dtype = RF_DTYPE_I8;
    w->has_codes = true;
    w->maker = quantizer;
}

void rf_plan_choose_integers(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                             bool *chosen_out, const char **reason_out)
{
    int quantizer = -1;
    *chosen_out = false;
    *reason_out = NULL;
    if (!op->int8 || in[0] == RF_NO_SLOT || in[1] == RF_NO_SLOT)
        return;
    *reason_out = why_float(plan, n, op, in, &quantizer);
    *chosen_out = *reason_out == NULL;
    if (*chosen_out)
        make_weight_codes(plan, quantizer);
}

rf_dtype rf_plan_output_dtype(const rf_plan *plan, const rf_planned *step, bool integers,
                              rf_dtype dtype, int *maker_out)
{
    const rf_slot *in =
        step->s.in_count < 1 || step->in[0] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[0]];
    *maker_out = (int)plan->steps.count;
    if (integers)
        return RF_DTYPE_I32;
    if (rf_node_is_fakequant(step->s.node) && rf_plan_keeps_codes(plan, step->s.node))
        return RF_DTYPE_U8;
    *maker_out = step->s.op->moves_codes && in && in->has_codes ? in->maker : -1;
    return *maker_out < 0 ? dtype : RF_DTYPE_U8;
}

void rf_plan_tell_float_layers(const rf_plan *plan)
{
    for (size_t i = 0; i < plan->steps.count && plan->options.compute == RF_COMPUTE_INT8; i++) {
        const rf_planned *step = &plan->steps.items[i];
        if (step->why_float)
            rf_log(plan->ctx, RF_LOG_INFO, "%s '%s' computes in float32: %s", step->s.node->op_type,
                   step->s.node->name, step->why_float);
    }
}
