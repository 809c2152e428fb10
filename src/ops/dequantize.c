/*
 * Dequantize (domain refold): codes, or integer sums, -> real numbers, for operators that take neither.
 * Gradients pass.
 */
#include <assert.h>

#include "ops/op_util.h"
#include "ops/strided.h"
#include "quant/fakequant.h"

/*
 * In the graph a tensor of codes is the float32 tensor it stands for; only the view's dtype
 * differs.
 */
static rf_status infer(rf_inference *io)
{
    return rf_infer_set(io, 0, RF_DTYPE_F32, &io->in[0].shape);
}

static rf_status forward(rf_step *s)
{
    const rf_view *src = &s->in[0];
    const rf_qarray all = { .outer = 1, .channels = 1, .inner = rf_view_count(src) };
    const rf_codes *codes = src->codes;
    assert(codes && rf_view_same_order(src, &s->out[0]));
    if (src->dtype == RF_DTYPE_I32)
        rf_dequantize_sums(all.inner / codes->channels, codes->channels, codes->scales,
                           codes->shifts, src->data, rf_view_f32(&s->out[0]));
    else
        rf_dequantize_u8(&all, &codes->scale, &codes->offset, src->data, rf_view_f32(&s->out[0]));
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0) && s->diff_in[0].data != s->diff_out[0].data)
        rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_dequantize = {
    .onnx_name = "Dequantize",
    .domain = "refold",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .takes_codes = true,
    .takes_sums = true,
    .diff_in_place = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
