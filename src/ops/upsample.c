/*
 * Upsample: nearest neighbours or linear interpolation; scales are an attribute before opset 9,
 * input 1 since. Opsets 7 to 9 (10 deprecates it).
 */
#include "ops/interpolation.h"

static rf_sampling_inputs inputs_of(const rf_node *n, const rf_tensor *t)
{
    const rf_attr *a = rf_node_attr(n, "scales");
    if (t)
        return (rf_sampling_inputs){ .scales = t->dtype == RF_DTYPE_F32 ? rf_tensor_f32(t) : NULL,
                                     .scales_count = t->count };
    return (rf_sampling_inputs){ .scales = a ? a->floats : NULL, .scales_count = a ? a->count : 0 };
}

static rf_status infer(rf_inference *io)
{
    rf_sampling sampling;
    RF_TRY(rf_infer_known(io, 1));
    const rf_sampling_inputs in = inputs_of(io->node, io->in_count > 1 ? io->in[1].constant : NULL);
    if (!in.scales)
        return rf_infer_fail(io, RF_EMODEL, "scales are missing or not float32");
    RF_TRY(rf_sampling_read(io->ctx, io->node, io->opset, &in, &io->in[0].shape, &sampling));
    if (sampling.mode != RF_SAMPLE_NEAREST)
        RF_TRY(rf_infer_float_at(io, 0));
    const rf_shape dst = rf_sampling_shape(&sampling);
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status prepare(rf_step *s)
{
    const rf_shape x = rf_view_shape(&s->in[0]);
    const rf_sampling_inputs in = inputs_of(s->node, s->in_count > 1 ? s->in_constant[1] : NULL);
    rf_sampling sampling;
    RF_TRY(rf_sampling_read(s->ctx, s->node, s->opset, &in, &x, &sampling));
    return rf_sampling_prepare(s, &sampling);
}

const rf_op rf_op_upsample = {
    .onnx_name = "Upsample",
    .since_opset = 7,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .prepare = prepare,
    .forward = rf_sampling_forward,
    .backward = rf_sampling_backward,
    .release = rf_step_free_state,
};
