/* The activation and the quantizer behind a fused step. */
#include "ops/tail_step.h"

#include <assert.h>
#include <math.h>

#include "ops/params.h"

static float bound_of(const rf_node *n, int input, const char *attr, float fallback)
{
    const rf_value *v = rf_node_input(n, input);
    return v ? rf_tensor_f32(v->constant)[0] : rf_attr_float(n, attr, fallback);
}

static rf_clip_bounds bounds_of(const rf_node *n)
{
    if (!rf_node_is(n, "Clip"))
        return (rf_clip_bounds){ 0.0f, INFINITY }; /* Relu */
    return (rf_clip_bounds){ bound_of(n, 1, "min", -INFINITY), bound_of(n, 2, "max", INFINITY) };
}

void rf_tail_step_init(const rf_step *s, rf_tail_step *t)
{
    *t = (rf_tail_step){ .clips = s->activation != NULL,
                         .quantizes = s->quantizer != NULL,
                         .bounds = { -INFINITY, INFINITY } };
    if (t->clips)
        t->bounds = bounds_of(s->activation);
    if (t->quantizes)
        t->spec = rf_fakequant_spec(s->quantizer, &t->gated);
}

/* The ends belong to the graph: see ops/fake_quant.c. */
void rf_tail_step_update(rf_step *s, rf_tail_step *t, int range)
{
    float *min = rf_view_f32(&s->in[range]), *max = rf_view_f32(&s->in[range + 1]);
    if (t->gated)
        rf_gate(min, max);
    t->min = *min;
    t->max = *max;
    rf_scale_offset(&t->spec, t->min, t->max, &t->scale, &t->offset);
    s->codes = (rf_codes){ .scale = t->scale, .offset = t->offset };
}

bool rf_tail_step_has_kernel(const rf_tail_step *t)
{
    return t->quantizes && t->spec.grid != RF_GRID_STATIC;
}

rf_tail rf_tail_step_numbers(const rf_tail_step *t)
{
    return (rf_tail){ .low = t->bounds.low,
                      .high = t->bounds.high,
                      .scale = t->scale,
                      .offset = (float)t->offset,
                      .steps = (float)rf_qspec_steps(&t->spec) };
}

void rf_tail_step_give_range(const rf_step *s, const rf_tail_step *t, int range,
                             const rf_range_sums *total)
{
    float *diff_min = rf_view_f32(&s->diff_in[range]);
    float *diff_max = rf_view_f32(&s->diff_in[range + 1]);
    assert((diff_min == NULL) == (diff_max == NULL)); /* both ends learn, or neither */
    if (diff_min)
        rf_fakequant_range_gradient(&t->spec, t->min, t->max, total, diff_min, diff_max);
}
