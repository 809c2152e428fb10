/*
 * ReduceSum: the sum over `axes` (attribute, or input 1 since opset 13); dx = dy. Opset 1.
 */
#include "ops/reduction.h"
#include "ops/strided.h"

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    (void)s;
    rf_reduce_sum(x, y, 1.0);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    (void)s;
    (void)x;
    (void)y;
    rf_strided_copy(dy, dx);
}

static int64_t integer(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static const rf_reduce rule = { .forward = forward, .backward = backward, .integer = integer };

const rf_op rf_op_reduce_sum = {
    .onnx_name = "ReduceSum",
    .limits = "float32, int64 or int32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .rule = &rule,
    .infer = rf_reduce_infer_integers,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
