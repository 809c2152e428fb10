/*
 * GatherElements: each element of the output is taken from the data at an index of its own along
 * `axis`. Opset 11.
 */
#include <string.h>

#include "ops/indexing.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_infer_element_indices(io));
    return rf_infer_set(io, 0, io->in[0].dtype, &io->in[1].shape);
}

static rf_status forward(rf_step *s)
{
    const rf_element_indices e = rf_element_indices_of(s);
    const size_t bytes = rf_dtype_bytes(s->out[0].dtype);
    for (int64_t i = 0; i < rf_view_count(&s->out[0]); i++) {
        int64_t from = 0;
        RF_TRY(rf_element_target(s, &e, i, &from));
        memcpy((char *)s->out[0].data + (size_t)i * bytes,
               (const char *)s->in[0].data + (size_t)from * bytes, bytes);
    }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const rf_element_indices e = rf_element_indices_of(s);
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    rf_view_zero(&s->diff_in[0]);
    for (int64_t i = 0; i < rf_view_count(&s->diff_out[0]); i++) {
        int64_t to = 0;
        RF_TRY(rf_element_target(s, &e, i, &to));
        rf_view_f32(&s->diff_in[0])[to] += rf_view_f32(&s->diff_out[0])[i];
    }
    return RF_OK;
}

const rf_op rf_op_gather_elements = {
    .onnx_name = "GatherElements",
    .since_opset = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = RF_NEEDS_IN(1),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
