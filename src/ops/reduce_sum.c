/* ReduceSum: the sum over `axes` (attribute, or input 1 since opset 13). Opset 1. */
#include "ops/reduction.h"
#include "ops/strided.h"

static rf_status forward(rf_step *s)
{
    rf_view kept;
    RF_TRY(rf_reduce_kept(s, &s->out[0], &kept));
    rf_reduce_sum(&s->in[0], &kept, 1.0);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_view kept;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    RF_TRY(rf_reduce_kept(s, &s->diff_out[0], &kept));
    rf_strided_copy(&kept, &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_reduce_sum = {
    .onnx_name = "ReduceSum",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .infer = rf_reduce_infer,
    .forward = forward,
    .backward = backward,
};
