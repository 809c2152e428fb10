/* Constant: the reader keeps its value with the output; nothing is computed. Opset 1. */
#include <string.h>

#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    const rf_tensor *t = io->node->outputs[0]->constant;
    if (!t)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "its value is of a kind that refold does not read");
    return rf_infer_set(io, 0, t->dtype, &t->shape);
}

static rf_status forward(rf_step *s)
{
    const rf_tensor *t = s->node->outputs[0]->constant;
    if (t->count)
        memcpy(s->out[0].data, t->data, (size_t)t->count * rf_dtype_bytes(t->dtype));
    return RF_OK;
}

const rf_op rf_op_constant = {
    .onnx_name = "Constant",
    .limits = "numbers: no strings, no sparse tensors",
    .since_opset = 1,
    .min_in = 0,
    .max_in = 0,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
