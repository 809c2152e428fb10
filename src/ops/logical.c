/* And, Or, Xor: two bool tensors with NumPy broadcasting. Opset 7. */
#include "ops/op_util.h"
#include "ops/strided.h"

/* y for (false, false), (false, true), (true, false), (true, true). */
typedef bool truth_table[4];

static rf_status infer(rf_inference *io)
{
    rf_shape dst;
    if (io->in[0].dtype != RF_DTYPE_BOOL || io->in[1].dtype != RF_DTYPE_BOOL)
        return rf_infer_fail(io, RF_EMODEL, "inputs are %s and %s, expected bool",
                             rf_dtype_name(io->in[0].dtype), rf_dtype_name(io->in[1].dtype));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[0].shape, &io->in[1].shape, &dst));
    return rf_infer_set(io, 0, RF_DTYPE_BOOL, &dst);
}

static void look_up_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const bool *table = user;
    for (int64_t i = 0; i < n; i++)
        data[0][i * strides[0]] =
            table[2 * (data[1][i * strides[1]] != 0) + (data[2][i * strides[2]] != 0)];
}

static rf_status forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    rf_loop loop;
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, look_up_row, s->op->rule);
    return RF_OK;
}

#define CONNECTIVE(name, onnx, ...)                                                                \
    const rf_op rf_op_##name = {                                                                   \
        .onnx_name = onnx,                                                                         \
        .since_opset = 7,                                                                          \
        .min_in = 2,                                                                               \
        .max_in = 2,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .weight_axis = -1,                                                                         \
        .quant = RF_QUANT_NONE,                                                                    \
        .layout = RF_LAYOUT_ANY,                                                                   \
        .rule = &(const truth_table){ __VA_ARGS__ },                                               \
        .infer = infer,                                                                            \
        .forward = forward,                                                                        \
    };

CONNECTIVE(logical_and, "And", false, false, false, true)
CONNECTIVE(logical_or, "Or", false, true, true, true)
CONNECTIVE(logical_xor, "Xor", false, true, true, false)
