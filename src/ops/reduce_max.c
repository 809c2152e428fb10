/*
 * ReduceMax: the largest over `axes` (attribute, or input 1 since opset 18); equal ones share the
 * gradient. Opset 1.
 */
#include "ops/reduction.h"

static rf_status prepare(rf_step *s)
{
    if (s->mode == RF_MODE_TRAIN)
        s->scratch_bytes = (size_t)rf_view_count(&s->out[0]) * sizeof(float);
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    rf_view kept;
    RF_TRY(rf_reduce_kept(s, &s->out[0], &kept));
    rf_reduce_max(&s->in[0], &kept);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_view kept, diff;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    RF_TRY(rf_reduce_kept(s, &s->out[0], &kept));
    RF_TRY(rf_reduce_kept(s, &s->diff_out[0], &diff));
    rf_reduce_max_backward(&s->in[0], &kept, &diff, s->scratch, &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_reduce_max = {
    .onnx_name = "ReduceMax",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_OUT(0),
    .infer = rf_reduce_infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
