/*
 * Trilu: the upper (attribute upper, default 1) or lower triangle of matrices, from diagonal k on;
 * zeros elsewhere. Opset 14.
 */
#include <string.h>

#include "ops/element.h"
#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_infer_known(io, 1));
    if (io->in[0].shape.rank < 2)
        return rf_infer_fail(io, RF_ESHAPE, "the input has %d dims, expected at least 2",
                             io->in[0].shape.rank);
    return rf_infer_same(io);
}

static void mask(const rf_step *s, const rf_view *src, const rf_view *dst)
{
    const bool upper = rf_attr_int(s->node, "upper", 1) != 0;
    const rf_tensor *t = s->in_count > 1 ? s->in_constant[1] : NULL;
    const int64_t k = t && t->count ? rf_tensor_get_i64(t, 0) : 0;
    const int64_t rows = dst->dims[dst->rank - 2], columns = dst->dims[dst->rank - 1];
    const size_t bytes = rf_dtype_bytes(dst->dtype);
    const char *from = src->data;
    char *to = dst->data;
    for (int64_t i = 0; i < rf_view_count(dst); i++, from += bytes, to += bytes) {
        const int64_t diagonal = i % columns - i / columns % rows;
        if (upper ? diagonal >= k : diagonal <= k)
            memmove(to, from, bytes);
        else
            memset(to, 0, bytes);
    }
}

static rf_status forward(rf_step *s)
{
    mask(s, &s->in[0], &s->out[0]);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        mask(s, &s->diff_out[0], &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_trilu = {
    .onnx_name = "Trilu",
    .since_opset = 14,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .in_place = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
