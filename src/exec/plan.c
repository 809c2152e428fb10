/* Plans: making, binding memory, looking inside. */
#include "exec/plan.h"

#include <string.h>

#include "exec/plan_impl.h"
#include "ops/params.h"

void rf_plan_free(rf_plan *plan)
{
    if (!plan)
        return;
    rf_context *ctx = plan->ctx;
    for (size_t i = 0; i < plan->steps.count; i++) {
        rf_step *s = &plan->steps.items[i].s;
        if (s->op->release)
            s->op->release(s);
    }
    for (size_t i = 0; i < plan->slots.count; i++) {
        rf_tensor_free(plan->slots.items[i].folded);
        rf_free(ctx, plan->slots.items[i].own_diff);
    }
    rf_free(ctx, plan->memory);
    rf_free(ctx, plan->scratch);
    RF_VEC_RELEASE(ctx, &plan->slots);
    RF_VEC_RELEASE(ctx, &plan->steps);
    RF_VEC_RELEASE(ctx, &plan->buffers);
    RF_VEC_RELEASE(ctx, &plan->inputs);
    RF_VEC_RELEASE(ctx, &plan->outputs);
    RF_VEC_RELEASE(ctx, &plan->params);
    RF_VEC_RELEASE(ctx, &plan->fused);
    rf_map_release(&plan->slot_of);
    rf_arena_release(&plan->arena);
    rf_free(ctx, plan);
}

static void *buffer_at(const rf_plan *plan, int buffer)
{
    return buffer == RF_NO_SLOT ? NULL : plan->memory + plan->buffers.items[buffer].offset;
}

/* Place of every slot, and the codes that a quantizer's step leaves behind for its readers. */
static void bind_slots(rf_plan *plan)
{
    for (size_t i = 0; i < plan->slots.count; i++) {
        rf_slot *s = &plan->slots.items[i];
        if (s->buffer != RF_NO_SLOT)
            s->view.data = buffer_at(plan, s->buffer);
        s->diff.data = s->own_diff ? s->own_diff : buffer_at(plan, s->diff_buffer);
        if (s->has_codes)
            s->view.codes = &plan->steps.items[s->maker].s.codes;
    }
}

static void bind_step(rf_plan *plan, rf_planned *step)
{
    rf_step *s = &step->s;
    s->scratch = plan->scratch;
    s->saved = buffer_at(plan, step->saved_buffer);
    for (int k = 0; k < s->in_count; k++) {
        if (step->in[k] == RF_NO_SLOT)
            continue;
        const rf_slot *slot = &plan->slots.items[step->in[k]];
        s->in[k] = slot->view;
        s->diff_in[k] = slot->diff;
        if (!step->has_backward || !slot->wants_diff)
            s->diff_in[k].data = NULL;
        else if (step->diff_temp[k] != RF_NO_SLOT)
            s->diff_in[k].data = buffer_at(plan, step->diff_temp[k]);
    }
    for (int k = 0; k < s->out_count; k++)
        if (step->out[k] != RF_NO_SLOT) {
            s->out[k] = plan->slots.items[step->out[k]].view;
            s->diff_out[k] = plan->slots.items[step->out[k]].diff;
        }
}

static rf_status bind_memory(rf_plan *plan)
{
    RF_TRY(rf_plan_place(plan->ctx, plan->buffers.items, plan->buffers.count, &plan->memory_bytes));
    if (plan->options.survey)
        return RF_OK;
    plan->memory = rf_alloc(plan->ctx, plan->memory_bytes);
    plan->scratch = rf_alloc(plan->ctx, plan->scratch_bytes);
    if (!plan->memory || !plan->scratch)
        return RF_ENOMEM;
    bind_slots(plan);
    for (size_t i = 0; i < plan->steps.count; i++)
        bind_step(plan, &plan->steps.items[i]);
    return RF_OK;
}

/* rf_params_collect marks which constants are trainable; the list itself is not needed here. */
static rf_status mark_trainable(rf_graph *g)
{
    rf_params params = { 0 };
    const rf_status st = rf_params_collect(g, &params);
    RF_VEC_RELEASE(g->ctx, &params);
    return st;
}

static rf_status build(rf_plan *plan)
{
    RF_TRY(mark_trainable(plan->graph));
    RF_TRY(rf_plan_lower(plan));
    rf_plan_tell_float_layers(plan);
    RF_TRY(rf_plan_lifetimes(plan));
    return bind_memory(plan);
}

rf_status rf_plan_new(rf_graph *g, const rf_plan_options *options, rf_plan **out)
{
    rf_context *ctx = g->ctx;
    if (options->batch < 1)
        return rf_fail(ctx, RF_EARG, "batch %lld, expected at least 1", (long long)options->batch);
    rf_plan *plan = rf_calloc(ctx, 1, sizeof *plan);
    if (!plan)
        return RF_ENOMEM;
    plan->ctx = ctx;
    plan->graph = g;
    plan->options = *options;
    if (plan->options.compute == RF_COMPUTE_AUTO)
        plan->options.compute = rf_context_compute(ctx);
    rf_arena_init(&plan->arena, ctx);
    rf_map_init(&plan->slot_of, ctx);
    rf_use_threads(ctx);
    const rf_status st = build(plan);
    plan->options.input_shapes = NULL; /* borrowed for this call only */
    if (st != RF_OK) {
        rf_plan_free(plan);
        return st;
    }
    *out = plan;
    return RF_OK;
}

rf_view *rf_plan_input(rf_plan *plan, int index)
{
    return &plan->slots.items[plan->inputs.items[index]].view;
}

const rf_view *rf_plan_output(const rf_plan *plan, int index)
{
    return &plan->slots.items[plan->outputs.items[index]].view;
}

rf_view *rf_plan_diff_output(rf_plan *plan, int index)
{
    return &plan->slots.items[plan->outputs.items[index]].diff;
}

void rf_plan_set_input(rf_plan *plan, int index, const float *values)
{
    const rf_view *dst = rf_plan_input(plan, index);
    const rf_shape shape = rf_view_shape(dst);
    rf_view src;
    rf_view_init(&src, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    memcpy(&src.data, &values, sizeof values); /* the copy only reads it */
    rf_view_copy(&src, dst);
}

const rf_view *rf_plan_diff_param(const rf_plan *plan, const rf_value *v)
{
    static const rf_view none;
    const int slot = rf_plan_slot_of(plan, v);
    return slot == RF_NO_SLOT ? &none : &plan->slots.items[slot].diff;
}

const rf_view *rf_plan_value(const rf_plan *plan, const rf_value *v)
{
    const int slot = rf_plan_slot_of(plan, v);
    return slot == RF_NO_SLOT ? NULL : &plan->slots.items[slot].view;
}

int rf_plan_step_count(const rf_plan *plan)
{
    return (int)plan->steps.count;
}

const rf_step *rf_plan_step(const rf_plan *plan, int index)
{
    return &plan->steps.items[index].s;
}

void rf_plan_step_use(const rf_plan *plan, int index, bool *forward_out, bool *backward_out)
{
    const rf_planned *step = &plan->steps.items[index];
    *forward_out = step->needed && !step->bypass;
    *backward_out = step->has_backward;
}

const char *rf_plan_step_why_float(const rf_plan *plan, int index)
{
    return plan->steps.items[index].why_float;
}

const rf_step *rf_plan_step_of(const rf_plan *plan, const rf_node *node)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.items[i].s.node == node)
            return &plan->steps.items[i].s;
    return NULL;
}

size_t rf_plan_bytes(const rf_plan *plan)
{
    return plan->memory_bytes + plan->scratch_bytes + plan->own_bytes;
}

size_t rf_plan_live_bytes(const rf_plan *plan)
{
    size_t most = 0;
    for (size_t i = 0; i < plan->buffers.count;
         i++) { /* a sum can only grow where something is born */
        const int moment = plan->buffers.items[i].birth;
        size_t sum = 0;
        for (size_t k = 0; k < plan->buffers.count; k++) {
            const rf_buffer *b = &plan->buffers.items[k];
            sum += b->birth <= moment && moment <= b->death ? b->bytes : 0;
        }
        most = most > sum ? most : sum;
    }
    return most;
}
