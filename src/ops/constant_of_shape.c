/*
 * ConstantOfShape: a tensor of the given dims, filled with attribute `value` (default float32 0).
 * Opset 9.
 */
#include <string.h>

#include "ops/op_util.h"

static const rf_tensor *value_of(const rf_node *n)
{
    const rf_attr *a = rf_node_attr(n, "value");
    return a ? a->tensor : NULL;
}

static rf_status infer(rf_inference *io)
{
    int64_t dims[2 * RF_MAX_RANK], size;
    int count;
    const rf_tensor *value = value_of(io->node);
    RF_TRY(rf_infer_ints(io, NULL, 0, dims, &count));
    if (count < 0 || count > RF_MAX_RANK)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "shape of %d dims; refold has at most %d", count,
                             RF_MAX_RANK);
    if (value && value->count != 1)
        return rf_infer_fail(io, RF_EMODEL, "value has %lld elements, expected 1",
                             (long long)value->count);
    const rf_shape dst = rf_shape_of(count, dims);
    RF_TRY(rf_shape_count(io->ctx, &dst, &size));
    return rf_infer_set(io, 0, value ? value->dtype : RF_DTYPE_F32, &dst);
}

static rf_status forward(rf_step *s)
{
    const rf_tensor *value = value_of(s->node);
    const size_t bytes = rf_dtype_bytes(s->out[0].dtype);
    char *dst = s->out[0].data;
    for (int64_t i = 0; i < rf_view_count(&s->out[0]); i++)
        if (value)
            memcpy(dst + (size_t)i * bytes, value->data, bytes);
        else
            memset(dst + (size_t)i * bytes, 0, bytes);
    return RF_OK;
}

const rf_op rf_op_constant_of_shape = {
    .onnx_name = "ConstantOfShape",
    .since_opset = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
