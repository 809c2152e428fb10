/* Lowering: graph nodes become prepared steps on slots; shape arithmetic is evaluated here and now. */
#include "exec/plan_impl.h"

#include <string.h>

#include "graph/activation_match.h"
#include "ops/params.h"

int rf_plan_slot_of(const rf_plan *plan, const rf_value *v)
{
    return (int)(intptr_t)rf_map_find(&plan->slot_of, v->name) - 1;
}

static rf_status remember(rf_plan *plan, const rf_value *v, int slot)
{
    return rf_map_put(&plan->slot_of, v->name, (void *)(intptr_t)(slot + 1));
}

rf_status rf_plan_add_slot(rf_plan *plan, const rf_value *v, const rf_view *view, int *out)
{
    const int index = (int)plan->slots.count;
    const rf_slot slot = {
        .view = *view,
        .value = v,
        .producer = -1,
        .last_use = -1,
        .storage = index,
        .plain = RF_NO_SLOT,
        .channels_last = RF_NO_SLOT,
        .real = RF_NO_SLOT,
        .buffer = RF_NO_SLOT,
        .diff_buffer = RF_NO_SLOT,
        .first_diff = RF_NO_SLOT,
        .last_diff = RF_NO_SLOT,
    };
    RF_TRY(RF_VEC_PUSH(plan->ctx, &plan->slots, slot));
    if (v)
        RF_TRY(remember(plan, v, index));
    *out = index;
    return RF_OK;
}

/* ------------------------------------------------------------------ what flows in --- */

static rf_status input_shape(const rf_plan *plan, int index, rf_shape *out)
{
    const rf_value *v = plan->graph->inputs.items[index];
    char text[RF_SHAPE_TEXT];
    *out = plan->options.input_shapes ? plan->options.input_shapes[index] : v->shape;
    if (out->rank < 0)
        return rf_fail(plan->ctx, RF_ESHAPE, "input '%s' has no declared shape", v->name);
    if (out->rank > 0 && out->dims[0] < 0)
        out->dims[0] = plan->options.batch;
    if (!rf_shape_known(out))
        return rf_fail(plan->ctx, RF_ESHAPE,
                       "input '%s' is %s: only the first dim, the batch, may be free; export the "
                       "model with fixed sizes",
                       v->name, rf_shape_text(out, text));
    if (out->rank > 0 && out->dims[0] != plan->options.batch)
        return rf_fail(plan->ctx, RF_EARG,
                       "input '%s' is fixed to a batch of %lld, asked for %lld; export the model "
                       "with a dynamic batch axis, or use that batch",
                       v->name, (long long)out->dims[0], (long long)plan->options.batch);
    return RF_OK;
}

static rf_status add_inputs(rf_plan *plan)
{
    for (size_t i = 0; i < plan->graph->inputs.count; i++) {
        const rf_value *v = plan->graph->inputs.items[i];
        rf_shape shape;
        RF_TRY(input_shape(plan, (int)i, &shape));
        int64_t count = 0;
        RF_TRY(rf_shape_count(plan->ctx, &shape, &count));
        rf_view view;
        rf_view_init(&view, v->dtype, &shape, RF_LAYOUT_CHANNELS_LAST);
        int slot = 0;
        RF_TRY(rf_plan_add_slot(plan, v, &view, &slot));
        plan->slots.items[slot].is_input = true;
        RF_TRY(RF_VEC_PUSH(plan->ctx, &plan->inputs, slot));
    }
    return RF_OK;
}

rf_status rf_plan_find_constant(rf_plan *plan, const rf_value *v, int *out)
{
    rf_view view;
    *out = rf_plan_slot_of(plan, v);
    if (*out != RF_NO_SLOT)
        return RF_OK;
    rf_view_init(&view, v->constant->dtype, &v->constant->shape, RF_LAYOUT_PLAIN);
    RF_TRY(rf_plan_add_slot(plan, v, &view, out));
    rf_slot *slot = &plan->slots.items[*out];
    slot->constant = v;
    slot->view.data = v->constant->data;
    if (v->trainable)
        return RF_VEC_PUSH(plan->ctx, &plan->params, *out);
    slot->known = v->constant;
    return RF_OK;
}

static rf_status no_producer(const rf_plan *plan, const rf_node *n, const rf_value *v)
{
    return rf_fail(plan->ctx, RF_EMODEL, "node '%s' reads tensor '%s', which nothing produces",
                   n->name, v->name);
}

rf_status rf_plan_find_inputs(rf_plan *plan, const rf_node *n, int *in)
{
    for (int i = 0; i < n->input_count; i++) {
        const rf_value *v = n->inputs[i];
        in[i] = v ? rf_plan_slot_of(plan, v) : RF_NO_SLOT;
        if (v && in[i] == RF_NO_SLOT && v->constant)
            RF_TRY(rf_plan_find_constant(plan, v, &in[i]));
        else if (v && in[i] == RF_NO_SLOT)
            return no_producer(plan, n, v);
    }
    return RF_OK;
}

/* ---------------------------------------------------------------------- one step --- */

static rf_status check_counts(const rf_plan *plan, const rf_node *n, const rf_op *op)
{
    const int max_in = op->max_in < 0 ? RF_OP_MAX_IO : op->max_in;
    const int max_out = op->max_out < 0 ? RF_OP_MAX_IO : op->max_out;
    if (n->input_count < op->min_in || n->input_count > max_in)
        return rf_fail(plan->ctx, RF_EMODEL, "%s '%s' has %d inputs, expected %d to %d", n->op_type,
                       n->name, n->input_count, op->min_in, max_in);
    if (n->output_count < op->min_out || n->output_count > max_out)
        return rf_fail(plan->ctx, RF_EUNSUPPORTED,
                       "%s '%s' has %d outputs; refold supports %d to %d", n->op_type, n->name,
                       n->output_count, op->min_out, max_out);
    for (int i = 0; i < op->min_in; i++)
        if (!n->inputs[i])
            return rf_fail(plan->ctx, RF_EMODEL, "%s '%s' lacks its input %d", n->op_type, n->name,
                           i);
    return RF_OK;
}

static rf_spec spec_of(const rf_plan *plan, int slot)
{
    if (slot == RF_NO_SLOT)
        return (rf_spec){ .present = false };
    const rf_slot *s = &plan->slots.items[slot];
    return (rf_spec){ .present = true,
                      .dtype = s->has_codes ? RF_DTYPE_F32 : s->view.dtype,
                      .shape = rf_view_shape(&s->view),
                      .constant = s->known };
}

rf_status rf_plan_infer(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                        rf_spec *out, bool *late_out)
{
    rf_spec specs[RF_OP_MAX_IO];
    for (int i = 0; i < n->input_count; i++)
        specs[i] = spec_of(plan, in[i]);
    rf_inference io = { .ctx = plan->ctx,
                        .node = n,
                        .opset = rf_graph_opset(plan->graph, n->domain),
                        .in_count = n->input_count,
                        .out_count = n->output_count,
                        .in = specs,
                        .out = out };
    const rf_status st = op->infer(&io);
    if (late_out)
        *late_out = st && io.depends_on_data;
    RF_TRY(st);
    for (int i = 0; i < n->output_count; i++) {
        int64_t count = 0;
        if (n->outputs[i])
            RF_TRY(rf_shape_count(plan->ctx, &out[i].shape, &count));
    }
    return RF_OK;
}

rf_status rf_plan_new_step(rf_plan *plan, const rf_node *n, const rf_op *op, int in_count,
                           rf_planned *out)
{
    rf_arena *a = &plan->arena;
    const size_t ni = (size_t)in_count, no = (size_t)n->output_count;
    *out = (rf_planned){ .needed = true, .saved_buffer = RF_NO_SLOT };
    out->in = rf_arena_array(a, ni + 1, sizeof *out->in);
    out->out = rf_arena_array(a, no + 1, sizeof *out->out);
    out->diff_temp = rf_arena_array(a, ni + 1, sizeof *out->diff_temp);
    rf_step *s = &out->s;
    s->ctx = plan->ctx;
    s->node = n;
    s->op = op;
    s->opset = rf_graph_opset(plan->graph, n->domain);
    s->mode = plan->options.mode;
    s->bn_sync = plan->options.bn_sync;
    s->bn_frozen = plan->options.bn_frozen;
    s->in_count = in_count;
    s->out_count = n->output_count;
    s->in = rf_arena_array(a, ni + 1, sizeof *s->in);
    s->diff_in = rf_arena_array(a, ni + 1, sizeof *s->diff_in);
    s->out = rf_arena_array(a, no + 1, sizeof *s->out);
    s->diff_out = rf_arena_array(a, no + 1, sizeof *s->diff_out);
    s->in_constant = rf_arena_array(a, ni + 1, sizeof *s->in_constant);
    const bool complete = out->in && out->out && out->diff_temp && s->in && s->diff_in && s->out &&
                          s->diff_out && s->in_constant;
    return complete ? RF_OK : RF_ENOMEM;
}

void rf_plan_fill_views(const rf_plan *plan, rf_planned *step)
{
    rf_step *s = &step->s;
    for (int i = 0; i < s->in_count; i++)
        if (step->in[i] != RF_NO_SLOT) {
            s->in[i] = plan->slots.items[step->in[i]].view;
            s->in_constant[i] = plan->slots.items[step->in[i]].known;
        }
    for (int i = 0; i < s->out_count; i++)
        if (step->out[i] != RF_NO_SLOT)
            s->out[i] = plan->slots.items[step->out[i]].view;
}

rf_status rf_plan_push_step(rf_plan *plan, rf_planned *step)
{
    const int index = (int)plan->steps.count;
    rf_plan_fill_views(plan, step);
    for (int i = 0; i < step->s.out_count; i++)
        if (step->out[i] != RF_NO_SLOT)
            plan->slots.items[step->out[i]].producer = index;
    RF_TRY(RF_VEC_PUSH(plan->ctx, &plan->steps,
                       *step)); /* first, so that a failed prepare is released */
    rf_planned *kept = &plan->steps.items[index];
    return kept->s.op->prepare && !kept->bypass && !kept->s.late ? kept->s.op->prepare(&kept->s)
                                                                 : RF_OK;
}

/* ------------------------------------------------------------------- quantizers --- */

static bool is_activation_quantizer(const rf_node *n)
{
    return rf_node_is_fakequant(n) && strcmp(rf_attr_string(n, "kind", "activation"), "param") != 0;
}

bool rf_plan_passes_through(const rf_plan *plan, const rf_node *n)
{
    return rf_node_is_fakequant(n) &&
           (!rf_attr_int(n, "enabled", 1) || rf_attr_int(n, "bitwidth", 8) >= 32 ||
            (plan->options.bypass_activations && is_activation_quantizer(n) &&
             !rf_attr_int(n, "frozen", 0)));
}

static rf_status add_bypass(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in)
{
    rf_planned step;
    RF_TRY(rf_plan_new_step(plan, n, op, n->input_count, &step));
    step.bypass = true;
    step.s.late = plan->slots.items[in[0]].late;
    step.s.in_count = 1;
    step.s.out_count = 0;
    RF_TRY(rf_plan_real_form(plan, in[0], &step.in[0]));
    RF_TRY(remember(plan, n->outputs[0], in[0]));
    return rf_plan_push_step(plan, &step);
}

/* ------------------------------------------------------------------------ the whole --- */

/* Of the last node of an activation that is spelt out: the operator that it stands for, and what that reads. */
static rf_status find_operands(rf_plan *plan, const rf_node *n, const rf_op **op, int *in)
{
    rf_activation activation;
    if (!rf_activation_match(n, &activation))
        return rf_plan_find_inputs(plan, n, in);
    *op = rf_op_find(activation.op_type, "");
    in[0] = rf_plan_slot_of(plan, activation.input);
    for (int i = 1; i < n->input_count; i++)
        in[i] = RF_NO_SLOT;
    return in[0] == RF_NO_SLOT ? no_producer(plan, n, activation.input) : RF_OK;
}

/* What the user can do about an operator of control flow or recurrence. */
static const char *advice(const rf_node *n)
{
    static const char *const flow[] = { "Loop", "Scan", "LSTM", "GRU", "RNN" };
    if (rf_node_is(n, "If"))
        return ": its condition must be a constant; export with fixed sizes, or simplify the model "
               "first";
    for (size_t i = 0; i < sizeof flow / sizeof flow[0]; i++)
        if (rf_node_is(n, flow[i]))
            return ": refold runs networks without loops and recurrence; cut the model in front of "
                   "it";
    return strncmp(n->op_type, "Sequence", 8) || *n->domain
               ? ""
               : ": refold runs networks of tensors; export without sequences";
}

rf_status rf_plan_lower_node(rf_plan *plan, const rf_node *n)
{
    if (rf_node_is(n, "Constant") && n->outputs[0] && n->outputs[0]->constant)
        return RF_OK;
    if (rf_plan_is_fused(plan, n) || rf_activation_has_inner(n))
        return RF_OK;
    const rf_op *op = rf_op_find(n->op_type, n->domain);
    if (!op)
        return rf_fail(
            plan->ctx, RF_EUNSUPPORTED,
            "operator '%s%s%s' (node '%s') is not supported%s; 'refold inspect' lists all "
            "such nodes",
            n->domain, *n->domain ? "." : "", n->op_type, n->name, advice(n));
    RF_TRY(check_counts(plan, n, op));
    int in[RF_OP_MAX_IO];
    rf_spec specs[RF_OP_MAX_IO] = { 0 };
    RF_TRY(find_operands(plan, n, &op, in));
    if (rf_plan_passes_through(plan, n))
        return add_bypass(plan, n, op, in);
    bool late = rf_plan_reads_late(plan, n, in);
    const rf_status inferred = late ? RF_OK : rf_plan_infer(plan, n, op, in, specs, &late);
    if (late)
        return rf_plan_add_late(plan, n, op, in);
    RF_TRY(inferred);
    const bool shape_only = rf_node_is(n, "Shape") || rf_node_is(n, "Size");
    if (!op->never_constant && (shape_only || rf_plan_all_known(plan, n, in)))
        return rf_plan_fold_node(plan, n, op, in, specs);
    bool fused = false;
    RF_TRY(rf_plan_fuse(plan, n, in, &fused));
    if (fused)
        return RF_OK;

    bool integers;
    const char *why_float;
    rf_plan_choose_integers(plan, n, op, in, &integers, &why_float);
    for (int i = 0; i < n->input_count; i++)
        RF_TRY(rf_plan_fit_input(plan, op, integers, i, &in[i]));
    rf_planned step;
    RF_TRY(rf_plan_new_step(plan, n, op, n->input_count, &step));
    step.why_float = why_float;
    memcpy(step.in, in, (size_t)n->input_count * sizeof *in);
    for (int i = 0; i < n->output_count; i++) {
        step.out[i] = RF_NO_SLOT;
        if (!n->outputs[i])
            continue;
        rf_view view;
        rf_view_init(&view, specs[i].dtype, &specs[i].shape,
                     rf_plan_output_layout(plan, &step, specs[i].shape.rank));
        int maker = -1;
        if (i == 0)
            view.dtype = rf_plan_output_dtype(plan, &step, integers, view.dtype, &maker);
        RF_TRY(rf_plan_add_slot(plan, n->outputs[i], &view, &step.out[i]));
        if (maker >= 0)
            rf_plan_mark_codes(plan, step.out[i], maker);
    }
    return rf_plan_push_step(plan, &step);
}

static rf_status add_outputs(rf_plan *plan)
{
    for (size_t i = 0; i < plan->graph->outputs.count; i++) {
        const rf_value *v = plan->graph->outputs.items[i];
        int slot = rf_plan_slot_of(plan, v);
        if (slot == RF_NO_SLOT && v->constant)
            RF_TRY(rf_plan_find_constant(plan, v, &slot));
        if (slot == RF_NO_SLOT && plan->options.skip)
            continue;
        if (slot == RF_NO_SLOT)
            return rf_fail(plan->ctx, RF_EMODEL, "output '%s' is produced by no node", v->name);
        RF_TRY(rf_plan_real_form(plan, slot, &slot));
        plan->slots.items[slot].is_output = true;
        RF_TRY(RF_VEC_PUSH(plan->ctx, &plan->outputs, slot));
    }
    return RF_OK;
}

/* Nodes that exporters left hanging are none of ours, whatever they are; a survey lists them all the same. */
rf_status rf_plan_lower(rf_plan *plan)
{
    RF_TRY(add_inputs(plan));
    rf_graph_mark_needed(plan->graph);
    for
        RF_GRAPH_EACH_NODE(n, plan->graph)
        {
            if (plan->options.skip)
                RF_TRY(rf_plan_survey_node(plan, n));
            else if (n->mark)
                RF_TRY(rf_plan_lower_node(plan, n));
        }
    return add_outputs(plan);
}
