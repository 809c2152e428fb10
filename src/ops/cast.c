/*
 * Cast: to another dtype; floats truncate toward zero on their way to integers. Gradients pass from
 * float to float. Opset 6.
 */
#include "ops/cast.h"
#include "ops/element.h"
#include "ops/strided.h"

/* TensorProto.DataType -> dtype */
static const struct {
    int64_t onnx;
    rf_dtype dtype;
} types[] = { { 1, RF_DTYPE_F32 },  { 2, RF_DTYPE_U8 },  { 3, RF_DTYPE_I8 },  { 4, RF_DTYPE_U16 },
              { 5, RF_DTYPE_I16 },  { 6, RF_DTYPE_I32 }, { 7, RF_DTYPE_I64 }, { 9, RF_DTYPE_BOOL },
              { 10, RF_DTYPE_F16 }, { 11, RF_DTYPE_F64 } };

rf_status rf_infer_cast_type(const rf_inference *io, int64_t type, rf_dtype *out)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].onnx == type) {
            *out = types[i].dtype;
            return RF_OK;
        }
    return rf_infer_fail(
        io, RF_EUNSUPPORTED,
        "target type %lld; refold casts to floats of 16, 32 and 64 bits, integers and bool",
        (long long)type);
}

static rf_status infer(rf_inference *io)
{
    rf_dtype dtype = RF_DTYPE_F32;
    RF_TRY(rf_infer_cast_type(io, rf_attr_int(io->node, "to", 0), &dtype));
    return rf_infer_set(io, 0, dtype, &io->in[0].shape);
}

typedef struct dtypes {
    rf_dtype src, dst;
} dtypes;

static void cast_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const dtypes *t = user;
    for (int64_t i = 0; i < n; i++)
        if (rf_dtype_is_float(t->src))
            rf_element_set_f64(t->dst, data[0], i * strides[0],
                               rf_element_f64(t->src, data[1], i * strides[1]));
        else
            rf_element_set_i64(t->dst, data[0], i * strides[0],
                               rf_element_i64(t->src, data[1], i * strides[1]));
}

rf_status rf_cast_forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0] };
    const dtypes user = { s->in[0].dtype, s->out[0].dtype };
    rf_loop loop;
    if (user.src == user.dst) {
        rf_strided_copy(&s->in[0], &s->out[0]);
        return RF_OK;
    }
    rf_loop_init(&loop, views, 2);
    rf_loop_run(&loop, cast_row, &user);
    return RF_OK;
}

rf_status rf_cast_backward(rf_step *s)
{
    if (!s->diff_in[0].data)
        return RF_OK;
    if (s->diff_out[0].data && s->in[0].dtype == s->out[0].dtype)
        rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
    else
        rf_view_zero(&s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_cast = {
    .onnx_name = "Cast",
    .since_opset = 6,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = rf_cast_forward,
    .backward = rf_cast_backward,
};
