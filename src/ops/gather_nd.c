/*
 * GatherND: slices of the data at places that the last dim of the indices gives; attribute
 * batch_dims (opset 12): leading dims that both share. Opset 11.
 */
#include <string.h>

#include "ops/indexing.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    const int64_t batch_dims = rf_attr_int(io->node, "batch_dims", 0);
    const rf_shape *data = &io->in[0].shape, *indices = &io->in[1].shape;
    rf_shape dst = { 0 };
    RF_TRY(rf_infer_tuple_indices(io, batch_dims));
    const int64_t taken = batch_dims + indices->dims[indices->rank - 1];
    if (indices->rank - 1 + data->rank - taken > RF_MAX_RANK)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "the output would have more than %d dims",
                             RF_MAX_RANK);
    for (int d = 0; d + 1 < indices->rank; d++)
        dst.dims[dst.rank++] = indices->dims[d];
    for (int64_t d = taken; d < data->rank; d++)
        dst.dims[dst.rank++] = data->dims[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    const rf_tuple_indices t = rf_tuple_indices_of(s, rf_attr_int(s->node, "batch_dims", 0));
    const size_t element = rf_dtype_bytes(s->out[0].dtype), bytes = (size_t)t.slice * element;
    for (int64_t i = 0; i < t.tuples; i++) {
        int64_t from = 0;
        RF_TRY(rf_tuple_target(s, &t, i, &from));
        memcpy((char *)s->out[0].data + (size_t)i * bytes,
               (const char *)s->in[0].data + (size_t)from * element, bytes);
    }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const rf_tuple_indices t = rf_tuple_indices_of(s, rf_attr_int(s->node, "batch_dims", 0));
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    rf_view_zero(&s->diff_in[0]);
    for (int64_t i = 0; i < t.tuples; i++) {
        int64_t to = 0;
        RF_TRY(rf_tuple_target(s, &t, i, &to));
        for (int64_t k = 0; k < t.slice; k++)
            rf_view_f32(&s->diff_in[0])[to + k] += rf_view_f32(&s->diff_out[0])[i * t.slice + k];
    }
    return RF_OK;
}

const rf_op rf_op_gather_nd = {
    .onnx_name = "GatherND",
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
