/* What QuantizeLinear and DequantizeLinear share. */
#include <string.h>

#include "ops/linear_grid.h"

rf_status rf_linear_grid_check(const rf_inference *io, rf_dtype dtype)
{
    const rf_shape *x = &io->in[0].shape, *scale = &io->in[1].shape;
    const bool with_zero = io->in_count > 2 && io->in[2].present;
    const int64_t count = rf_shape_product(scale);
    int axis;
    if (io->in[1].dtype != RF_DTYPE_F32)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "scale is %s, expected float32",
                             rf_dtype_name(io->in[1].dtype));
    if (dtype != RF_DTYPE_U8 && dtype != RF_DTYPE_I8 && dtype != RF_DTYPE_I32)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "codes are %s; refold has uint8, int8 and int32",
                             rf_dtype_name(dtype));
    if (with_zero && (io->in[2].dtype != dtype || rf_shape_product(&io->in[2].shape) != count))
        return rf_infer_fail(io, RF_EMODEL, "zero point does not match scale or codes");
    if (count == 1)
        return RF_OK;
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 1), x->rank, &axis));
    if (scale->rank != 1 || count != x->dims[axis])
        return rf_infer_fail(io, RF_ESHAPE, "%lld scales for dim %d of %lld", (long long)count,
                             axis, (long long)x->dims[axis]);
    return RF_OK;
}

/* Input 1 or 2 as a view that stretches to input 0. */
static rf_view stretched(const rf_step *s, int input)
{
    const int rank = s->in[0].rank;
    rf_view v = s->in[input];
    const int64_t count = rf_view_count(&v);
    v.rank = rank;
    memset(v.strides, 0, sizeof v.strides);
    for (int d = 0; d < rank; d++)
        v.dims[d] = 1;
    if (count > 1) {
        const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 1), rank);
        v.dims[axis] = count;
        v.strides[axis] = 1;
    }
    return v;
}

static rf_view no_zero_point(rf_dtype dtype)
{
    static const int32_t none = 0; /* read as one element of any of the three dtypes */
    const rf_shape scalar = { 0 };
    rf_view zero;
    rf_view_init(&zero, dtype, &scalar, RF_LAYOUT_PLAIN);
    zero.data = (void *)(uintptr_t)&none;
    return zero;
}

rf_status rf_linear_grid_run(const rf_step *s, rf_dtype dtype, rf_loop_fn fn, const void *user)
{
    const rf_view scale = stretched(s, 1);
    const bool with_zero = s->in_count > 2 && s->in[2].data;
    const rf_view zero = with_zero ? stretched(s, 2) : no_zero_point(dtype);
    const rf_view *views[] = { &s->out[0], &s->in[0], &scale, &zero };
    rf_loop loop;
    rf_loop_init(&loop, views, 4);
    rf_loop_run(&loop, fn, user);
    return RF_OK;
}
