/*
 * Upsample: nearest neighbours; scales are an attribute before opset 9, input 1 in it. Opsets 7 to
 * 9.
 */
#include <string.h>

#include "ops/nearest.h"

static const rf_nearest rule = { "asymmetric", "floor" };

static const float *read_scales(const rf_node *n, const rf_tensor *t, int64_t *count_out)
{
    const rf_attr *a = rf_node_attr(n, "scales");
    *count_out = t ? t->count : a ? a->count : 0;
    return t && t->dtype == RF_DTYPE_F32 ? rf_tensor_f32(t) : a ? a->floats : NULL;
}

static rf_status infer(rf_inference *io)
{
    const char *mode = rf_attr_string(io->node, "mode", "nearest");
    rf_shape dst;
    int64_t count;
    const float *scales =
        read_scales(io->node, io->in_count > 1 ? io->in[1].constant : NULL, &count);
    if (strcmp(mode, "nearest") != 0)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "mode '%s'; refold has nearest", mode);
    if (!scales)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "scales must be constant");
    RF_TRY(rf_nearest_scaled(io, scales, count, &dst));
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status prepare(rf_step *s)
{
    int64_t count;
    return rf_nearest_prepare(
        s, &rule, read_scales(s->node, s->in_count > 1 ? s->in_constant[1] : NULL, &count));
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
    .forward = rf_index_map_forward,
    .backward = rf_index_map_backward,
    .release = rf_step_free_state,
};
