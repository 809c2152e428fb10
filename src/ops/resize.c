/*
 * Resize: nearest neighbours, by constant scales or sizes. Opset 10 has scales as input 1, later
 * ones as input 2. Opset 10.
 */
#include <string.h>

#include "ops/nearest.h"

#define OPSET_OF_COORDINATES 11 /* before it: asymmetric, floor */

static rf_nearest read_rule(const rf_node *n, int64_t opset)
{
    if (opset < OPSET_OF_COORDINATES)
        return (rf_nearest){ "asymmetric", "floor" };
    return (rf_nearest){ rf_attr_string(n, "coordinate_transformation_mode", "half_pixel"),
                         rf_attr_string(n, "nearest_mode", "round_prefer_floor") };
}

static int scales_input(int64_t opset)
{
    return opset < OPSET_OF_COORDINATES ? 1 : 2;
}

static rf_status infer_sizes(rf_inference *io)
{
    int64_t sizes[2 * RF_MAX_RANK], size;
    int count;
    RF_TRY(rf_infer_ints(io, NULL, 3, sizes, &count));
    if (count != io->in[0].shape.rank)
        return rf_infer_fail(io, RF_EMODEL, "%d sizes for a tensor of %d dims", count,
                             io->in[0].shape.rank);
    const rf_shape dst = rf_shape_of(count, sizes);
    RF_TRY(rf_shape_count(io->ctx, &dst, &size));
    if (size && !rf_shape_product(&io->in[0].shape))
        return rf_infer_fail(io, RF_ESHAPE, "the input has no elements");
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status infer(rf_inference *io)
{
    const char *mode = rf_attr_string(io->node, "mode", "nearest");
    const rf_nearest rule = read_rule(io->node, io->opset);
    const int at = scales_input(io->opset);
    rf_shape dst;
    if (strcmp(mode, "nearest") != 0)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "mode '%s'; refold has nearest", mode);
    RF_TRY(rf_nearest_check(io, &rule));
    if (io->in_count > 3 && io->in[3].present)
        return infer_sizes(io);
    const rf_tensor *scales = at < io->in_count ? io->in[at].constant : NULL;
    if (!scales || scales->dtype != RF_DTYPE_F32)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "scales or sizes must be constant");
    RF_TRY(rf_nearest_scaled(io, rf_tensor_f32(scales), scales->count, &dst));
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status prepare(rf_step *s)
{
    const rf_nearest rule = read_rule(s->node, s->opset);
    const int at = scales_input(s->opset);
    const bool by_sizes = s->in_count > 3 && s->in_constant[3];
    const rf_tensor *scales = at < s->in_count && !by_sizes ? s->in_constant[at] : NULL;
    return rf_nearest_prepare(s, &rule, scales ? rf_tensor_f32(scales) : NULL);
}

const rf_op rf_op_resize = {
    .onnx_name = "Resize",
    .since_opset = 10,
    .min_in = 2,
    .max_in = 4,
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
