/*
 * InstanceNormalization: each channel of each sample normalized over its pixels, times scale, plus
 * bias. Opset 6.
 */
#include "ops/normalize.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *x = &io->in[0].shape;
    RF_TRY(rf_infer_float(io));
    if (x->rank < 3)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected at least 3", x->rank);
    RF_TRY(rf_normal_check_vectors(io, x->dims[1]));
    return rf_infer_same(io);
}

static void describe(const rf_step *s, rf_normal *out)
{
    const int pixels = s->in[0].rank - 2;
    out->epsilon = (double)rf_attr_float(s->node, "epsilon", 1e-5f);
    out->scale = rf_normal_vector(&s->in[1], pixels);
    out->bias = rf_normal_vector(&s->in[2], pixels);
    out->diff_scale = rf_normal_vector(&s->diff_in[1], pixels);
    out->diff_bias = rf_normal_vector(&s->diff_in[2], pixels);
    for (int d = 2; d < s->in[0].rank; d++)
        out->averaged[d] = true;
}

static const rf_normalization rule = { .describe = describe };

const rf_op rf_op_instance_normalization = {
    .onnx_name = "InstanceNormalization",
    .since_opset = 6,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .roles = { RF_ROLE_NONE, RF_ROLE_BN_SCALE, RF_ROLE_BN_BIAS },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .rule = &rule,
    .infer = infer,
    .prepare = rf_normal_prepare,
    .forward = rf_normal_forward,
    .backward = rf_normal_backward,
};
