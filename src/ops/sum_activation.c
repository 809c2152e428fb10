/*
 * SumActivation (domain refold, made by the planner only): a, or a + b, then Relu or Clip, then a per-tensor quantizer
 * that keeps codes, as one step. a and b are real numbers or codes; a alone may also be a layer's int32 sums. Backward
 * makes the sum anew. Inputs: a, b (or none), the quantizer's min and max.
 */
#include <string.h>

#include "ops/op_util.h"
#include "ops/params.h"
#include "ops/tail_step.h"

enum { A, B, RANGE }; /* inputs */

typedef struct sum_activation {
    rf_tail_step tail;
    float *zeros; /* [channels] where sums have no shifts; behind this struct */
} sum_activation;

static rf_status infer(rf_inference *io)
{
    return rf_infer_fail(io, RF_EUNSUPPORTED,
                         "stands in a file; only the planner makes such steps");
}

static size_t count_of(const rf_step *s)
{
    return (size_t)rf_view_count(&s->in[A]);
}

static bool is_sums(const rf_step *s)
{
    return s->in[A].dtype == RF_DTYPE_I32;
}

static rf_status prepare(rf_step *s)
{
    const size_t channels = s->in[A].rank > 1 ? (size_t)s->in[A].dims[1] : 1;
    void *memory;
    RF_TRY(rf_step_new_state(s, sizeof(sum_activation) + channels * sizeof(float), &memory));
    sum_activation *state = memory;
    state->zeros = (float *)(state + 1);
    rf_tail_step_init(s, &state->tail);
    if (s->mode == RF_MODE_TRAIN && is_sums(s))
        s->scratch_bytes = count_of(s) * sizeof(float);
    return RF_OK;
}

static rf_addend addend(const rf_view *v)
{
    if (!v->codes)
        return (rf_addend){ .real = rf_view_f32(v) };
    return (
        rf_addend){ .codes = v->data, .scale = v->codes->scale, .offset = (float)v->codes->offset };
}

static rf_status forward(rf_step *s)
{
    sum_activation *state = s->state;
    const rf_codes *codes = s->in[A].codes;
    rf_tail_step_update(s, &state->tail, RANGE);
    const rf_tail t = rf_tail_step_numbers(&state->tail);
    if (is_sums(s)) {
        rf_tail_normalize(&t, (rf_bn_src){ .sums = s->in[A].data },
                          rf_view_count(&s->in[A]) / codes->channels, codes->channels,
                          codes->scales, codes->shifts ? codes->shifts : state->zeros,
                          s->out[0].data);
        return RF_OK;
    }
    const rf_addend a = addend(&s->in[A]), b = addend(&s->in[B]);
    rf_tail_add(&t, &a, s->in[B].data ? &b : NULL, rf_view_count(&s->in[A]), s->out[0].data);
    return RF_OK;
}

/* Sums are brought into scratch as real numbers: layers that train mostly have a BN behind them, not this step. */
static rf_addend first_addend(const rf_step *s)
{
    const rf_codes *codes = s->in[A].codes;
    if (!is_sums(s))
        return addend(&s->in[A]);
    rf_dequantize_sums(rf_view_count(&s->in[A]) / codes->channels, codes->channels, codes->scales,
                       codes->shifts, s->in[A].data, s->scratch);
    return (rf_addend){ .real = s->scratch };
}

static rf_status backward(rf_step *s)
{
    const sum_activation *state = s->state;
    const rf_tail t = rf_tail_step_numbers(&state->tail);
    const rf_addend a = first_addend(s), b = addend(&s->in[B]);
    float *diff = rf_view_f32(&s->diff_out[0]);
    float *first = rf_view_f32(&s->diff_in[A]), *second = rf_view_f32(&s->diff_in[B]);
    rf_tail_sums sums = { 0.0, 0.0 };
    float *g = first ? first : second ? second : diff; /* nobody else reads diff any more */
    rf_tail_add_backward(&t, &a, s->in[B].data ? &b : NULL, diff, rf_view_count(&s->in[A]), g,
                         first ? second : NULL, &sums);
    const rf_range_sums total = { sums.scale, sums.outside };
    rf_tail_step_give_range(s, &state->tail, RANGE, &total);
    return RF_OK;
}

const rf_op rf_op_sum_activation = {
    .onnx_name = "SumActivation",
    .domain = RF_DOMAIN,
    .since_opset = 1,
    .min_in = 4,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(A) | RF_NEEDS_IN(B),
    .takes_codes = true,
    .takes_sums = true,
    .diff_in_place = true,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
