/*
 * Reshape: the same elements under other dims; 0 keeps a dim (unless allowzero), -1 is what is
 * left. Opset 5.
 */
#include "ops/same_memory.h"

/* Dims as asked for; -1 stays, its place in *free_out (-1: none). */
static rf_status read_dims(const rf_inference *io, const int64_t *wanted, int count, rf_shape *out,
                           int *free_out)
{
    const rf_shape *src = &io->in[0].shape;
    const bool zero_copies = !rf_attr_int(io->node, "allowzero", 0);
    *out = (rf_shape){ .rank = count };
    *free_out = -1;
    for (int d = 0; d < count; d++) {
        if (wanted[d] < -1 || (wanted[d] == -1 && *free_out >= 0))
            return rf_infer_fail(io, RF_EMODEL, "shape has %s",
                                 wanted[d] < -1 ? "a dim below -1" : "-1 twice");
        if (wanted[d] == 0 && zero_copies && d >= src->rank)
            return rf_infer_fail(io, RF_EMODEL, "shape has 0 at %d, but the input has only %d dims",
                                 d, src->rank);
        out->dims[d] = wanted[d] == 0 && zero_copies ? src->dims[d] : wanted[d];
        if (wanted[d] == -1)
            *free_out = d;
    }
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    int64_t wanted[2 * RF_MAX_RANK], known;
    int count, open;
    rf_shape dst, rest;
    char text[2][RF_SHAPE_TEXT];
    RF_TRY(rf_infer_ints(io, "shape", 1, wanted, &count));
    if (count < 0 || count > RF_MAX_RANK)
        return rf_infer_fail(io, RF_EMODEL, "shape is missing or has more than %d dims",
                             RF_MAX_RANK);
    RF_TRY(read_dims(io, wanted, count, &dst, &open));
    rest = dst;
    if (open >= 0)
        rest.dims[open] = 1;
    RF_TRY(rf_shape_count(io->ctx, &rest, &known));
    const int64_t total = rf_shape_product(&io->in[0].shape);
    if (open >= 0 ? known == 0 || total % known != 0 : total != known)
        return rf_infer_fail(io, RF_ESHAPE, "%s does not reshape to %s",
                             rf_shape_text(&io->in[0].shape, text[0]),
                             rf_shape_text(&dst, text[1]));
    if (open >= 0)
        dst.dims[open] = total / known;
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

const rf_op rf_op_reshape = {
    .onnx_name = "Reshape",
    .since_opset = 5,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .moves_codes = true,
    .in_place = true,
    .infer = infer,
    .forward = rf_same_memory_forward,
    .backward = rf_same_memory_backward,
};
