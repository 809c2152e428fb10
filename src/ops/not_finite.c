/*
 * IsNaN, and IsInf with detect_positive and detect_negative: where x is such, as bool. Opsets 9
 * and 10.
 */
#include <math.h>

#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_infer_float(io));
    return rf_infer_set(io, 0, RF_DTYPE_BOOL, &io->in[0].shape);
}

/* Which of NaN, +infinity and -infinity count. */
typedef struct wanted {
    bool nan, above, below;
} wanted;

static void find_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const wanted *w = user;
    for (int64_t i = 0; i < n; i++) {
        const float x = ((const float *)(void *)data[1])[i * strides[1]];
        data[0][i * strides[0]] =
            (w->nan && isnan(x)) || (w->above && x == INFINITY) || (w->below && x == -INFINITY);
    }
}

static rf_status find(const rf_step *s, const wanted *w)
{
    const rf_view *views[] = { &s->out[0], &s->in[0] };
    rf_loop loop;
    rf_loop_init(&loop, views, 2);
    rf_loop_run(&loop, find_row, w);
    return RF_OK;
}

static rf_status find_nan(rf_step *s)
{
    return find(s, &(const wanted){ .nan = true });
}

static rf_status find_infinity(rf_step *s)
{
    return find(s, &(const wanted){ .above = rf_attr_int(s->node, "detect_positive", 1) != 0,
                                    .below = rf_attr_int(s->node, "detect_negative", 1) != 0 });
}

const rf_op rf_op_is_inf = {
    .onnx_name = "IsInf",
    .limits = "float32",
    .since_opset = 10,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = find_infinity,
};

const rf_op rf_op_is_nan = {
    .onnx_name = "IsNaN",
    .limits = "float32",
    .since_opset = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = find_nan,
};
