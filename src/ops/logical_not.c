/* Not: y = !x. Opset 1. */
#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    if (io->in[0].dtype != RF_DTYPE_BOOL)
        return rf_infer_fail(io, RF_EMODEL, "input is %s, expected bool",
                             rf_dtype_name(io->in[0].dtype));
    return rf_infer_same(io);
}

static void invert_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        data[0][i * strides[0]] = !data[1][i * strides[1]];
}

static rf_status forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0] };
    rf_loop loop;
    rf_loop_init(&loop, views, 2);
    rf_loop_run(&loop, invert_row, NULL);
    return RF_OK;
}

const rf_op rf_op_logical_not = {
    .onnx_name = "Not",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .in_place = true,
    .infer = infer,
    .forward = forward,
};
