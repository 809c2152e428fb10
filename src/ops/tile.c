/* Tile: the input repeated `repeats` times along each dim. Opset 6. */
#include "ops/index_map.h"

static rf_status infer(rf_inference *io)
{
    int64_t repeats[2 * RF_MAX_RANK], size;
    int count;
    rf_shape dst = io->in[0].shape;
    RF_TRY(rf_infer_ints(io, NULL, 1, repeats, &count));
    if (count != dst.rank)
        return rf_infer_fail(io, RF_EMODEL, "%d repeats for a tensor of %d dims", count, dst.rank);
    for (int d = 0; d < dst.rank; d++)
        if (repeats[d] < 0 || __builtin_mul_overflow(dst.dims[d], repeats[d], &dst.dims[d]))
            return rf_infer_fail(io, RF_EMODEL, "repeats %lld along dim %d", (long long)repeats[d],
                                 d);
    RF_TRY(rf_shape_count(io->ctx, &dst, &size));
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status prepare(rf_step *s)
{
    rf_index_map *map;
    RF_TRY(rf_index_map_new(s, &map));
    for (int d = 0; d < s->in[0].rank; d++)
        for (int64_t i = 0; i < s->out[0].dims[d]; i++)
            map->at[d][i] = i % s->in[0].dims[d];
    return RF_OK;
}

const rf_op rf_op_tile = {
    .onnx_name = "Tile",
    .since_opset = 6,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .prepare = prepare,
    .forward = rf_index_map_forward,
    .backward = rf_index_map_backward,
    .release = rf_step_free_state,
};
