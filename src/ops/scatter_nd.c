/*
 * ScatterND: the data with slices of the updates put at the places that the last dim of the indices
 * gives, in their place or, by attribute reduction (opset 16), added and the like. Gradients assume
 * that no two updates replace the same slice. Opset 11.
 */
#include "ops/indexing.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *data = &io->in[0].shape, *indices = &io->in[1].shape;
    rf_shape expected = { 0 };
    RF_TRY(rf_infer_tuple_indices(io, 0));
    const int64_t taken = indices->dims[indices->rank - 1];
    bool fits = indices->rank - 1 + data->rank - taken == io->in[2].shape.rank;
    for (int d = 0; fits && d + 1 < indices->rank; d++)
        expected.dims[expected.rank++] = indices->dims[d];
    for (int64_t d = taken; fits && d < data->rank; d++)
        expected.dims[expected.rank++] = data->dims[d];
    if (!fits || !rf_shape_equal(&expected, &io->in[2].shape))
        return rf_infer_fail(io, RF_ESHAPE, "updates do not fit the indices and the data");
    return rf_infer_scatter(io);
}

static rf_status forward(rf_step *s)
{
    const rf_tuple_indices t = rf_tuple_indices_of(s, 0);
    const rf_scatter_rule rule = rf_scatter_rule_of(s->node);
    rf_strided_copy(&s->in[0], &s->out[0]);
    for (int64_t i = 0; i < t.tuples; i++) {
        int64_t to = 0;
        RF_TRY(rf_tuple_target(s, &t, i, &to));
        for (int64_t k = 0; k < t.slice; k++)
            rf_scatter_put(rule, s->out[0].dtype, s->out[0].data, to + k, s->in[2].data,
                           i * t.slice + k);
    }
    return RF_OK;
}

/* What was overwritten has no part in the output; what was added to has. */
static rf_status backward(rf_step *s)
{
    const rf_tuple_indices t = rf_tuple_indices_of(s, 0);
    const bool adds = rf_scatter_rule_of(s->node) == RF_SCATTER_ADD;
    const bool to_data = rf_step_has_gradient(s, 0), to_updates = rf_step_has_gradient(s, 2);
    if (to_data)
        rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
    for (int64_t i = 0; (to_data || to_updates) && i < t.tuples; i++) {
        int64_t at = 0;
        RF_TRY(rf_tuple_target(s, &t, i, &at));
        for (int64_t k = 0; k < t.slice; k++) {
            if (to_updates)
                rf_view_f32(&s->diff_in[2])[i * t.slice + k] = rf_view_f32(&s->diff_out[0])[at + k];
            if (to_data && !adds)
                rf_view_f32(&s->diff_in[0])[at + k] = 0.0f;
        }
    }
    return RF_OK;
}

const rf_op rf_op_scatter_nd = {
    .onnx_name = "ScatterND",
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
