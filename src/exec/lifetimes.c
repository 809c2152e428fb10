/* Lifetimes: which steps matter, which tensors get gradients, who shares memory, and how long each lives. */
#include "exec/plan_impl.h"

/* Moments of a plan with n steps: see rf_buffer. */
static int backward_moment(const rf_plan *plan, int step)
{
    return 2 * (int)plan->steps.count - 1 - step;
}

static int last_moment(const rf_plan *plan)
{
    return 2 * (int)plan->steps.count;
}

static bool is_training(const rf_plan *plan)
{
    return plan->options.mode == RF_MODE_TRAIN;
}

/* ------------------------------------------------------------------ what is needed --- */

static bool feeds_something(const rf_plan *plan, const rf_planned *step, const bool *wanted)
{
    if (step->bypass)
        return plan->options.observe != NULL;
    for (int i = 0; i < step->s.out_count; i++)
        if (step->out[i] != RF_NO_SLOT && wanted[step->out[i]])
            return true;
    return false;
}

static rf_status mark_needed(rf_plan *plan)
{
    bool *wanted = NULL;
    RF_NEW_ARRAY(plan->ctx, wanted, plan->slots.count + 1);
    for (size_t i = 0; i < plan->outputs.count; i++)
        wanted[plan->outputs.items[i]] = true;
    for (int i = (int)plan->steps.count - 1; i >= 0; i--) {
        rf_planned *step = &plan->steps.items[i];
        step->needed = feeds_something(plan, step, wanted);
        for (int k = 0; step->needed && k < step->s.in_count; k++)
            if (step->in[k] != RF_NO_SLOT)
                wanted[step->in[k]] = true;
    }
    rf_free(plan->ctx, wanted);
    return RF_OK;
}

static void count_uses(rf_plan *plan)
{
    for (int i = 0; i < (int)plan->steps.count; i++) {
        const rf_planned *step = &plan->steps.items[i];
        for (int k = 0; step->needed && k < step->s.in_count; k++)
            if (step->in[k] != RF_NO_SLOT) {
                plan->slots.items[step->in[k]].consumer_count++;
                plan->slots.items[step->in[k]].last_use = i;
            }
    }
}

/* ---------------------------------------------------------------------- gradients --- */

static bool any_input_wants(const rf_plan *plan, const rf_planned *step)
{
    for (int k = 0; k < step->s.in_count; k++)
        if (step->in[k] != RF_NO_SLOT && plan->slots.items[step->in[k]].wants_diff)
            return true;
    return false;
}

/* Forward sweep: a gradient is wanted where a parameter lies upstream. */
static void want_diffs(rf_plan *plan)
{
    for (size_t i = 0; i < plan->params.count; i++)
        plan->slots.items[plan->params.items[i]].wants_diff = true;
    for (size_t i = 0; i < plan->steps.count; i++) {
        rf_planned *step = &plan->steps.items[i];
        if (!step->needed || step->bypass || !step->s.op->backward || !any_input_wants(plan, step))
            continue;
        step->has_backward = true;
        for (int k = 0; k < step->s.out_count; k++)
            if (step->out[k] != RF_NO_SLOT &&
                plan->slots.items[step->out[k]].view.dtype != RF_DTYPE_I64)
                plan->slots.items[step->out[k]].wants_diff = true;
    }
}

static bool gets_diff(const rf_plan *plan, const rf_planned *step)
{
    for (int k = 0; k < step->s.out_count; k++) {
        const rf_slot *s = step->out[k] == RF_NO_SLOT ? NULL : &plan->slots.items[step->out[k]];
        if (s && (s->first_diff != RF_NO_SLOT || (s->is_output && s->wants_diff)))
            return true;
    }
    return false;
}

/* Backward sweep: the first consumer to run backward writes a gradient, later ones add to it. */
static void find_first_diffs(rf_plan *plan)
{
    for (int i = (int)plan->steps.count - 1; i >= 0; i--) {
        rf_planned *step = &plan->steps.items[i];
        step->has_backward = step->has_backward && gets_diff(plan, step);
        for (int k = 0; step->has_backward && k < step->s.in_count; k++) {
            rf_slot *s = step->in[k] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[k]];
            if (!s || !s->wants_diff)
                continue;
            if (s->first_diff == RF_NO_SLOT)
                s->first_diff = i;
            s->last_diff = i;
        }
    }
}

/* ------------------------------------------------------------------- shared memory --- */

static bool backward_reads_output(const rf_plan *plan, int slot)
{
    const rf_slot *s = &plan->slots.items[slot];
    if (!is_training(plan) || s->producer < 0 || !plan->steps.items[s->producer].has_backward)
        return false;
    const rf_planned *p = &plan->steps.items[s->producer];
    for (int k = 0; k < p->s.out_count; k++)
        if (p->out[k] == slot && rf_op_needs_out(p->s.op, k))
            return true;
    return false;
}

static bool may_share(const rf_plan *plan, const rf_planned *step)
{
    if (!step->needed || step->bypass || step->s.late || !step->s.op->in_place ||
        step->in[0] == RF_NO_SLOT || step->s.out_count < 1 || step->out[0] == RF_NO_SLOT)
        return false;
    const rf_slot *in = &plan->slots.items[step->in[0]], *out = &plan->slots.items[step->out[0]];
    const bool backward_reads_input = step->has_backward && rf_op_needs_in(step->s.op, 0);
    return in->producer >= 0 && in->consumer_count == 1 && !in->is_output && !in->has_codes &&
           !out->has_codes && in->view.dtype == out->view.dtype &&
           rf_view_same_order(&in->view, &out->view) && !backward_reads_input &&
           !backward_reads_output(plan, step->in[0]);
}

static void share_memory(rf_plan *plan)
{
    for (size_t i = 0; i < plan->steps.count; i++) {
        const rf_planned *step = &plan->steps.items[i];
        if (may_share(plan, step))
            plan->slots.items[step->out[0]].storage = plan->slots.items[step->in[0]].storage;
    }
}

/* ------------------------------------------------------------------------ buffers --- */

static size_t view_bytes(const rf_view *v, size_t element)
{
    return (size_t)rf_view_count(v) * element;
}

static rf_status add_buffer(rf_plan *plan, size_t bytes, int birth, int death, int *out)
{
    *out = (int)plan->buffers.count;
    const rf_buffer buffer = { .bytes = bytes, .birth = birth, .death = death };
    return RF_VEC_PUSH(plan->ctx, &plan->buffers, buffer);
}

/* Last moment at which anybody reads the slot. */
static int death_of(const rf_plan *plan, int slot)
{
    const rf_slot *s = &plan->slots.items[slot];
    return s->is_output ? last_moment(plan) : s->last_use;
}

static void extend_for_backward(rf_plan *plan, int slot, int moment)
{
    const rf_slot *s = &plan->slots.items[slot];
    if (s->buffer != RF_NO_SLOT && plan->buffers.items[s->buffer].death < moment)
        plan->buffers.items[s->buffer].death = moment;
}

static rf_status buffers_for_slots(rf_plan *plan)
{
    for (int i = 0; i < (int)plan->slots.count; i++) {
        rf_slot *s = &plan->slots.items[i];
        if (s->constant || s->folded || s->late)
            continue;
        const bool made = s->producer >= 0;
        if (made && !plan->steps.items[s->producer].needed)
            continue;
        const int birth = made ? s->producer : -1;
        const int death = death_of(plan, i) > birth ? death_of(plan, i) : birth;
        if (s->storage != i) { /* the root was visited before: it comes first in the plan */
            s->buffer = plan->slots.items[s->storage].buffer;
            rf_buffer *b = &plan->buffers.items[s->buffer];
            b->death = b->death > death ? b->death : death;
            continue;
        }
        RF_TRY(add_buffer(plan, view_bytes(&s->view, rf_dtype_bytes(s->view.dtype)), birth, death,
                          &s->buffer));
    }
    return RF_OK;
}

static rf_status buffers_for_saved(rf_plan *plan)
{
    for (int i = 0; i < (int)plan->steps.count; i++) {
        rf_planned *step = &plan->steps.items[i];
        if (!step->needed)
            continue;
        if (step->s.scratch_bytes > plan->scratch_bytes)
            plan->scratch_bytes = step->s.scratch_bytes;
        if (step->s.saved_bytes)
            RF_TRY(add_buffer(plan, step->s.saved_bytes, i,
                              step->has_backward ? backward_moment(plan, i) : i,
                              &step->saved_buffer));
    }
    return RF_OK;
}

static void keep_for_backward(rf_plan *plan)
{
    for (int i = 0; i < (int)plan->steps.count; i++) {
        const rf_planned *step = &plan->steps.items[i];
        const int moment = backward_moment(plan, i);
        if (!step->has_backward)
            continue;
        for (int k = 0; k < step->s.in_count; k++)
            if (step->in[k] != RF_NO_SLOT && rf_op_needs_in(step->s.op, k))
                extend_for_backward(plan, step->in[k], moment);
        for (int k = 0; k < step->s.out_count; k++)
            if (step->out[k] != RF_NO_SLOT && rf_op_needs_out(step->s.op, k))
                extend_for_backward(plan, step->out[k], moment);
    }
}

/* The slot whose gradient's memory this one's may take over: the output of the step that writes it; RF_NO_SLOT: none. */
static int diff_to_take(const rf_plan *plan, int index)
{
    const rf_slot *s = &plan->slots.items[index];
    const rf_planned *step = s->first_diff == RF_NO_SLOT ? NULL : &plan->steps.items[s->first_diff];
    if (!step || s->constant || s->is_output || s->late || step->s.late ||
        !step->s.op->diff_in_place || step->in[0] != index || step->out[0] == RF_NO_SLOT)
        return RF_NO_SLOT;
    for (int k = 1; k < step->s.in_count; k++)
        if (step->in[k] == index)
            return RF_NO_SLOT;
    const rf_slot *out = &plan->slots.items[step->out[0]];
    const bool free_after = out->diff_buffer != RF_NO_SLOT && !out->is_output;
    return free_after && rf_view_same_order(&s->view, &out->view) ? step->out[0] : RF_NO_SLOT;
}

static rf_status diff_for_slot(rf_plan *plan, int index)
{
    rf_slot *s = &plan->slots.items[index];
    const bool seeded =
        s->is_output && s->wants_diff; /* the caller writes the gradient of outputs */
    if (s->first_diff == RF_NO_SLOT && !seeded)
        return RF_OK;
    s->diff = s->view;
    s->diff.dtype = RF_DTYPE_F32;
    s->diff.codes = NULL;
    if (s->constant) {
        plan->own_bytes += view_bytes(&s->view, sizeof(float));
        if (plan->options.survey)
            return RF_OK;
        s->own_diff = rf_calloc(plan->ctx, (size_t)rf_view_count(&s->view) + 1, sizeof(float));
        return s->own_diff ? RF_OK : RF_ENOMEM;
    }
    const int birth = seeded ? (int)plan->steps.count - 1 : backward_moment(plan, s->first_diff);
    const int death = s->producer >= 0 ? backward_moment(plan, s->producer) : birth;
    const int taken = diff_to_take(plan, index);
    if (taken != RF_NO_SLOT) {
        s->diff_buffer = plan->slots.items[taken].diff_buffer;
        rf_buffer *b = &plan->buffers.items[s->diff_buffer];
        b->death = b->death > death ? b->death : death;
        return RF_OK;
    }
    return add_buffer(plan, view_bytes(&s->view, sizeof(float)), birth, death, &s->diff_buffer);
}

static rf_status diffs_for_step(rf_plan *plan, int index)
{
    rf_planned *step = &plan->steps.items[index];
    for (int k = 0; k < step->s.in_count; k++) {
        step->diff_temp[k] = RF_NO_SLOT;
        const rf_slot *s = step->in[k] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[k]];
        if (!step->has_backward || !s || !s->wants_diff)
            continue;
        bool writes_first = s->first_diff == index && !s->is_output;
        for (int j = 0; j < k; j++)
            writes_first = writes_first && step->in[j] != step->in[k];
        const int moment = backward_moment(plan, index);
        if (!writes_first)
            RF_TRY(add_buffer(plan, view_bytes(&s->view, sizeof(float)), moment, moment,
                              &step->diff_temp[k]));
    }
    return RF_OK;
}

rf_status rf_plan_lifetimes(rf_plan *plan)
{
    RF_TRY(mark_needed(plan));
    count_uses(plan);
    if (is_training(plan)) {
        want_diffs(plan);
        find_first_diffs(plan);
    }
    share_memory(plan);
    RF_TRY(buffers_for_slots(plan));
    RF_TRY(buffers_for_saved(plan));
    if (!is_training(plan))
        return RF_OK;
    keep_for_backward(plan);
    for (int i = (int)plan->slots.count - 1; i >= 0; i--) /* in the order of backward */
        RF_TRY(diff_for_slot(plan, i));
    for (int i = 0; i < (int)plan->steps.count; i++)
        RF_TRY(diffs_for_step(plan, i));
    return RF_OK;
}
