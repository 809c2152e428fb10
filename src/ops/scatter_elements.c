/*
 * ScatterElements (Scatter, as it was called before): the data with each update put at an index of
 * its own along `axis`, in its place or, by attribute reduction (opset 16), added and the like.
 * Gradients assume that no two updates replace the same element. Opset 9.
 */
#include "ops/indexing.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_infer_element_indices(io));
    if (!rf_shape_equal(&io->in[1].shape, &io->in[2].shape))
        return rf_infer_fail(io, RF_ESHAPE, "updates and indices have different shapes");
    return rf_infer_scatter(io);
}

static rf_status forward(rf_step *s)
{
    const rf_element_indices e = rf_element_indices_of(s);
    const rf_scatter_rule rule = rf_scatter_rule_of(s->node);
    rf_strided_copy(&s->in[0], &s->out[0]);
    for (int64_t i = 0; i < rf_view_count(&s->in[1]); i++) {
        int64_t to = 0;
        RF_TRY(rf_element_target(s, &e, i, &to));
        rf_scatter_put(rule, s->out[0].dtype, s->out[0].data, to, s->in[2].data, i);
    }
    return RF_OK;
}

/* What was overwritten has no part in the output; what was added to has. */
static rf_status backward(rf_step *s)
{
    const rf_element_indices e = rf_element_indices_of(s);
    const bool adds = rf_scatter_rule_of(s->node) == RF_SCATTER_ADD;
    const bool to_data = rf_step_has_gradient(s, 0), to_updates = rf_step_has_gradient(s, 2);
    if (to_data)
        rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
    for (int64_t i = 0; (to_data || to_updates) && i < rf_view_count(&s->in[1]); i++) {
        int64_t at = 0;
        RF_TRY(rf_element_target(s, &e, i, &at));
        if (to_updates)
            rf_view_f32(&s->diff_in[2])[i] = rf_view_f32(&s->diff_out[0])[at];
        if (to_data && !adds)
            rf_view_f32(&s->diff_in[0])[at] = 0.0f;
    }
    return RF_OK;
}

const rf_op rf_op_scatter = {
    .onnx_name = "Scatter",
    .since_opset = 9,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = RF_NEEDS_IN(1),
    .infer = infer,
    .prepare = rf_scatter_prepare,
    .forward = forward,
    .backward = backward,
};

const rf_op rf_op_scatter_elements = {
    .onnx_name = "ScatterElements",
    .limits = "backward: reduction none and add",
    .since_opset = 11,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = RF_NEEDS_IN(1),
    .infer = infer,
    .prepare = rf_scatter_prepare,
    .forward = forward,
    .backward = backward,
};
