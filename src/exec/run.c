/* Running a plan: forward and backward over the prepared steps; nothing is allocated here. */
#include "exec/plan_impl.h"

#include <string.h>

#include "base/profile.h"
#include "ops/params.h"

/* Constants may have been replaced since the last call: read their place anew. */
static void refresh_constants(rf_plan *plan, rf_planned *step)
{
    for (int i = 0; i < step->s.in_count; i++) {
        const rf_slot *slot = step->in[i] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[i]];
        if (slot && slot->constant)
            step->s.in[i].data = slot->constant->constant->data;
    }
}

static rf_status observe(const rf_plan *plan, const rf_planned *step)
{
    return plan->options.observe && rf_node_is_fakequant(step->s.node)
               ? plan->options.observe(plan->options.observe_user, step->s.node, &step->s.in[0])
               : RF_OK;
}

/* What a step counts as while a profile is made; a convolution counts as such inside of it. */
static rf_step_part part_of(const rf_plan *plan, const rf_step *s)
{
    const bool measured = rf_context_profile(plan->ctx) != NULL;
    return measured && rf_node_is_fakequant(s->node) &&
                   !strcmp(rf_attr_string(s->node, "kind", "activation"), "param")
               ? RF_PART_QUANTIZE_WEIGHTS
               : RF_PART_FUSED_KERNELS;
}

rf_status rf_plan_forward(rf_plan *plan)
{
    const rf_step_part before = rf_profile_enter(plan->ctx, RF_PART_FUSED_KERNELS);
    rf_use_threads(plan->ctx);
    for (size_t i = 0; i < plan->steps.count; i++) {
        rf_planned *step = &plan->steps.items[i];
        if (!step->needed)
            continue;
        rf_profile_enter(plan->ctx, part_of(plan, &step->s));
        refresh_constants(plan, step);
        step->s.run_step = plan->run_step;
        step->s.first_sample = plan->first_sample;
        if (step->s.late)
            RF_TRY(rf_plan_run_late(plan, step));
        else if (!step->bypass)
            RF_TRY(step->s.op->forward(&step->s));
        RF_TRY(observe(plan, step));
    }
    plan->run_step++;
    for (size_t i = 0; plan->options.mode == RF_MODE_TRAIN && i < plan->outputs.count; i++) {
        const rf_view *diff = &plan->slots.items[plan->outputs.items[i]].diff;
        if (diff->data)
            memset(diff->data, 0, (size_t)rf_view_count(diff) * sizeof(float));
    }
    rf_profile_enter(plan->ctx, before);
    return RF_OK;
}

static void add_into(const rf_view *dst, const float *src)
{
    float *d = rf_view_f32(dst);
    const int64_t count = rf_view_count(dst);
#pragma omp parallel for schedule(static) if (count > 32768)
    for (int64_t i = 0; i < count; i++)
        d[i] += src[i];
}

void rf_plan_set_position(rf_plan *plan, int64_t step, int64_t first_sample)
{
    plan->run_step = step;
    plan->first_sample = first_sample;
}

void rf_plan_on_diff_ready(rf_plan *plan, rf_diff_ready_fn fn, void *user)
{
    plan->diff_ready = fn;
    plan->diff_ready_user = user;
}

/* Tell of the parameters whose gradient step `index` has completed. */
static void tell_ready(const rf_plan *plan, int index)
{
    const rf_planned *step = &plan->steps.items[index];
    for (int k = 0; plan->diff_ready && k < step->s.in_count; k++) {
        const rf_slot *slot = step->in[k] == RF_NO_SLOT ? NULL : &plan->slots.items[step->in[k]];
        if (slot && slot->own_diff && slot->last_diff == index)
            plan->diff_ready(plan->diff_ready_user, plan, slot->value);
    }
}

rf_status rf_plan_backward(rf_plan *plan)
{
    const rf_step_part before = rf_profile_enter(plan->ctx, RF_PART_FUSED_KERNELS);
    rf_use_threads(plan->ctx);
    for (int i = (int)plan->steps.count - 1; i >= 0; i--) {
        rf_planned *step = &plan->steps.items[i];
        if (!step->has_backward)
            continue;
        rf_profile_enter(plan->ctx, part_of(plan, &step->s));
        RF_TRY(step->s.op->backward(&step->s));
        for (int k = 0; k < step->s.in_count; k++)
            if (step->diff_temp[k] != RF_NO_SLOT)
                add_into(&plan->slots.items[step->in[k]].diff, step->s.diff_in[k].data);
        tell_ready(plan, i);
    }
    rf_profile_enter(plan->ctx, before);
    return RF_OK;
}
