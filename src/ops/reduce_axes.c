/* The axes of the Reduce operators: attribute (older opsets) or input 1 (newer ones). */
#include "ops/reduction.h"

/* removed[d]: dim d of the input is reduced. */
static rf_status mark(const int64_t *axes, int count, bool noop_if_none, int rank, bool *removed)
{
    for (int d = 0; d < rank; d++)
        removed[d] = count <= 0 && !noop_if_none;
    for (int i = 0; i < count; i++) {
        if (axes[i] < -rank || axes[i] >= rank)
            return RF_EMODEL;
        removed[rf_axis_wrap(axes[i], rank)] = true;
    }
    return RF_OK;
}

rf_status rf_reduce_infer(rf_inference *io)
{
    int64_t axes[2 * RF_MAX_RANK];
    int count;
    bool removed[RF_MAX_RANK];
    const rf_shape *src = &io->in[0].shape;
    const bool keep = rf_attr_int(io->node, "keepdims", 1) != 0;
    const bool noop = rf_attr_int(io->node, "noop_with_empty_axes", 0) != 0;
    rf_shape dst = { 0 };
    if (io->in[0].dtype != RF_DTYPE_F32)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "input is %s; refold computes it in float32",
                             rf_dtype_name(io->in[0].dtype));
    RF_TRY(rf_infer_ints(io, "axes", 1, axes, &count));
    if (mark(axes, count, noop, src->rank, removed) != RF_OK)
        return rf_infer_fail(io, RF_EMODEL, "an axis is outside a tensor of %d dims", src->rank);
    for (int d = 0; d < src->rank; d++)
        if (!removed[d] || keep)
            dst.dims[dst.rank++] = removed[d] ? 1 : src->dims[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

rf_status rf_reduce_kept(const rf_step *s, const rf_view *out, rf_view *kept_out)
{
    int64_t axes[2 * RF_MAX_RANK];
    int count, from = 0;
    bool removed[RF_MAX_RANK];
    const int rank = s->in[0].rank;
    RF_TRY(rf_step_ints(s, "axes", 1, axes, &count));
    RF_TRY(mark(axes, count, rf_attr_int(s->node, "noop_with_empty_axes", 0) != 0, rank, removed));
    *kept_out = *out;
    if (out->rank == rank)
        return RF_OK;
    kept_out->rank = rank;
    for (int d = 0; d < rank; d++) {
        kept_out->dims[d] = removed[d] ? 1 : out->dims[from];
        kept_out->strides[d] = removed[d] ? 0 : out->strides[from];
        from += removed[d] ? 0 : 1;
    }
    return RF_OK;
}
