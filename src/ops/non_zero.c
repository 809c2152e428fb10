/*
 * NonZero: coordinates of the elements that are not 0, one row a dim, one column an element. How
 * many there are is known at run time only. Opset 9.
 */
#include "ops/element.h"
#include "ops/op_util.h"

static bool is_set(rf_dtype dtype, const void *data, int64_t i)
{
    return rf_dtype_is_float(dtype) ? rf_element_f64(dtype, data, i) != 0.0
                                    : rf_element_i64(dtype, data, i) != 0;
}

static rf_status infer(rf_inference *io)
{
    int64_t count = 0;
    RF_TRY(rf_infer_known(io, 0));
    const rf_tensor *x = io->in[0].constant;
    for (int64_t i = 0; i < x->count; i++)
        count += is_set(x->dtype, x->data, i);
    const rf_shape dst = { .rank = 2, .dims = { x->shape.rank, count } };
    return rf_infer_set(io, 0, RF_DTYPE_I64, &dst);
}

static rf_status forward(rf_step *s)
{
    const rf_view *x = &s->in[0];
    const int64_t columns = s->out[0].dims[1];
    int64_t *to = rf_view_i64(&s->out[0]);
    for (int64_t i = 0, column = 0; column < columns; i++) {
        int64_t rest = i;
        if (!is_set(x->dtype, x->data, i))
            continue;
        for (int d = x->rank - 1; d >= 0; d--) {
            to[d * columns + column] = rest % x->dims[d];
            rest /= x->dims[d];
        }
        column++;
    }
    return RF_OK;
}

const rf_op rf_op_non_zero = {
    .onnx_name = "NonZero",
    .limits = "at run time: in inference only",
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
