/*
 * MaxPool over 1, 2 or 3 spatial axes: the largest value of each window, the first of equal ones;
 * NaN wins. The gradient goes to that value alone. Opset 1; the output Indices is refused, and
 * storage_order (its order) has no effect.
 */
#include "ops/pool.h"

static size_t index_bytes(const rf_step *s)
{
    return (size_t)rf_view_count(&s->out[0]) * sizeof(int32_t);
}

static rf_status prepare(rf_step *s)
{
    RF_TRY(rf_pool_prepare(s));
    s->saved_bytes = s->mode == RF_MODE_TRAIN ? index_bytes(s) : 0;
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    rf_max_pool_forward(s->state, rf_view_f32(&s->in[0]), rf_view_f32(&s->out[0]),
                        s->mode == RF_MODE_TRAIN ? s->saved : NULL);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        rf_max_pool_backward(s->state, s->saved, rf_view_f32(&s->diff_out[0]),
                             rf_view_f32(&s->diff_in[0]));
    return RF_OK;
}

const rf_op rf_op_max_pool = {
    .onnx_name = "MaxPool",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .infer = rf_pool_infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
