/*
 * MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over `axes`, [0, 2, 3] unless said
 * otherwise. Opset 9.
 */
#include "ops/normalize.h"

static rf_status infer(rf_inference *io)
{
    const int rank = io->in[0].shape.rank;
    int64_t axes[2 * RF_MAX_RANK];
    int count, axis;
    RF_TRY(rf_infer_float(io));
    RF_TRY(rf_infer_ints(io, "axes", -1, axes, &count));
    if (count < 0 && rank != 4)
        return rf_infer_fail(io, RF_EMODEL,
                             "axes are missing, and the input has %d dims, expected 4", rank);
    for (int i = 0; i < count; i++)
        RF_TRY(rf_infer_axis(io, axes[i], rank, &axis));
    return rf_infer_same(io);
}

static void describe(const rf_step *s, rf_normal *out)
{
    static const int64_t usual[] = { 0, 2, 3 };
    int64_t count;
    const int64_t *axes = rf_attr_ints(s->node, "axes", &count);
    out->epsilon = 1e-9;
    out->on_deviation = true;
    for (int64_t i = 0; i < (axes ? count : 3); i++)
        out->averaged[rf_axis_wrap(axes ? axes[i] : usual[i], s->in[0].rank)] = true;
}

static const rf_normalization rule = { .describe = describe };

const rf_op rf_op_mean_variance_normalization = {
    .onnx_name = "MeanVarianceNormalization",
    .since_opset = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .rule = &rule,
    .infer = infer,
    .prepare = rf_normal_prepare,
    .forward = rf_normal_forward,
    .backward = rf_normal_backward,
};
