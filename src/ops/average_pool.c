/*
 * AveragePool over 1, 2 or 3 spatial axes: the mean of each window's cells within the input or,
 * with count_include_pad, within the pads too (a window that ceil_mode lets reach further does not
 * count what is beyond them). Opset 7.
 */
#include "ops/pool.h"

static rf_status forward(rf_step *s)
{
    rf_average_pool_forward(s->state, rf_view_f32(&s->in[0]), rf_view_f32(&s->out[0]));
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        rf_average_pool_backward(s->state, rf_view_f32(&s->diff_out[0]),
                                 rf_view_f32(&s->diff_in[0]));
    return RF_OK;
}

const rf_op rf_op_average_pool = {
    .onnx_name = "AveragePool",
    .since_opset = 7,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .infer = rf_pool_infer,
    .prepare = rf_pool_prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
