/*
 * GroupNormalization: the channels of a sample in num_groups groups, each normalized by itself,
 * times scale, plus bias: of a group before opset 21, of a channel since. Opset 18.
 */
#include "ops/normalize.h"

static bool is_per_channel(int64_t opset)
{
    return opset >= 21;
}

static rf_status infer(rf_inference *io)
{
    const rf_shape *x = &io->in[0].shape;
    const int64_t groups = rf_attr_int(io->node, "num_groups", 0);
    RF_TRY(rf_infer_float(io));
    if (x->rank < 2 || x->rank >= RF_MAX_RANK)
        return rf_infer_fail(io, RF_ESHAPE, "input has %d dims, expected 2 to %d", x->rank,
                             RF_MAX_RANK - 1);
    if (groups < 1 || x->dims[1] % groups)
        return rf_infer_fail(io, RF_EMODEL, "num_groups is %lld for %lld channels",
                             (long long)groups, (long long)x->dims[1]);
    RF_TRY(rf_normal_check_vectors(io, is_per_channel(io->opset) ? x->dims[1] : groups));
    return rf_infer_same(io);
}

static rf_view stretch(const rf_step *s, const rf_view *v, const rf_normal *n)
{
    const int pixels = s->in[0].rank - 2;
    return is_per_channel(s->opset) ? rf_normal_grouped_vector(v, n->groups, pixels)
                                    : rf_normal_vector(v, pixels + 1);
}

static void describe(const rf_step *s, rf_normal *out)
{
    out->groups = rf_attr_int(s->node, "num_groups", 1);
    out->epsilon = (double)rf_attr_float(s->node, "epsilon", 1e-5f);
    out->scale = stretch(s, &s->in[1], out);
    out->bias = stretch(s, &s->in[2], out);
    out->diff_scale = stretch(s, &s->diff_in[1], out);
    out->diff_bias = stretch(s, &s->diff_in[2], out);
    for (int d = 2; d <= s->in[0].rank; d++)
        out->averaged[d] = true;
}

static const rf_normalization rule = { .describe = describe };

const rf_op rf_op_group_normalization = {
    .onnx_name = "GroupNormalization",
    .since_opset = 18,
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
