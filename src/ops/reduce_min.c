/*
 * ReduceMin: the smallest over `axes` (attribute, or input 1 since opset 18); equal ones share the
 * gradient. Opset 1.
 */
#include "ops/reduction.h"

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    (void)s;
    rf_reduce_min(x, y);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    rf_reduce_extremum_backward(x, y, dy, s->scratch, dx);
}

static int64_t integer(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

static const rf_reduce rule = {
    .forward = forward, .backward = backward, .integer = integer, .start = INT64_MAX
};

const rf_op rf_op_reduce_min = {
    .onnx_name = "ReduceMin",
    .limits = "float32, int64 or int32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_OUT(0),
    .rule = &rule,
    .infer = rf_reduce_infer_integers,
    .prepare = rf_reduce_extremum_prepare,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
