/*
 * Resize: nearest neighbours, linear or cubic interpolation, by scales or sizes that are constant.
 * Opset 10 has scales as input 1; later ones have the region of interest there, scales as input 2
 * and sizes as input 3. Opset 10.
 */
#include "ops/interpolation.h"

#define OPSET_OF_ROI 11

/* Input i where it has contents. */
static const rf_tensor *filled(const rf_tensor *t)
{
    return t && t->count ? t : NULL;
}

static rf_sampling_inputs inputs_of(const rf_tensor *const *t, int64_t opset)
{
    const bool old = opset < OPSET_OF_ROI;
    const rf_tensor *scales = filled(t[old ? 1 : 2]);
    const bool floats = scales && scales->dtype == RF_DTYPE_F32;
    return (rf_sampling_inputs){ .roi = old ? NULL : filled(t[1]),
                                 .sizes = old ? NULL : filled(t[3]),
                                 .scales = floats ? rf_tensor_f32(scales) : NULL,
                                 .scales_count = floats ? scales->count : 0 };
}

static rf_status infer(rf_inference *io)
{
    const rf_tensor *t[4] = { NULL };
    rf_sampling sampling;
    for (int i = 1; i < io->in_count; i++) {
        RF_TRY(rf_infer_known(io, i));
        t[i] = io->in[i].constant;
    }
    const rf_sampling_inputs in = inputs_of(t, io->opset);
    if (!in.scales && !in.sizes)
        return rf_infer_fail(io, RF_EMODEL, "neither scales nor sizes are given");
    RF_TRY(rf_sampling_read(io->ctx, io->node, io->opset, &in, &io->in[0].shape, &sampling));
    if (sampling.mode != RF_SAMPLE_NEAREST)
        RF_TRY(rf_infer_float_at(io, 0));
    const rf_shape dst = rf_sampling_shape(&sampling);
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status prepare(rf_step *s)
{
    const rf_tensor *t[4] = { NULL };
    const rf_shape x = rf_view_shape(&s->in[0]);
    rf_sampling sampling;
    for (int i = 1; i < s->in_count; i++)
        t[i] = s->in_constant[i];
    const rf_sampling_inputs in = inputs_of(t, s->opset);
    RF_TRY(rf_sampling_read(s->ctx, s->node, s->opset, &in, &x, &sampling));
    return rf_sampling_prepare(s, &sampling);
}

const rf_op rf_op_resize = {
    .onnx_name = "Resize",
    .since_opset = 10,
    .min_in = 1, /* inputs 1 to 3 may be left out, by an empty name */
    .max_in = 4,
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
