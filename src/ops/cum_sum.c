/*
 * CumSum: sums of the elements so far along input 1's axis; without the element itself where
 * `exclusive`, from the end where `reverse`. dx = the sums of dy from the other end. Opset 11.
 */
#include "ops/element.h"
#include "ops/elementwise.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    int64_t axes[2 * RF_MAX_RANK];
    int count, axis;
    const rf_dtype dtype = io->in[0].dtype;
    if (dtype != RF_DTYPE_F32 && !rf_dtype_is_index(dtype))
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "input is %s; refold computes it in float32, int64 or int32",
                             rf_dtype_name(dtype));
    RF_TRY(rf_infer_ints(io, NULL, 1, axes, &count));
    if (count != 1)
        return rf_infer_fail(io, RF_EMODEL, "axis has %d numbers, expected 1", count);
    RF_TRY(rf_infer_axis(io, axes[0], io->in[0].shape.rank, &axis));
    return rf_infer_same(io);
}

static rf_status read_axis(const rf_step *s, int *out)
{
    int64_t axes[2 * RF_MAX_RANK];
    int count;
    RF_TRY(rf_step_ints(s, NULL, 1, axes, &count));
    *out = rf_axis_wrap(axes[0], s->in[0].rank);
    return RF_OK;
}

static void add_row(float *const *p, int64_t n, const void *user)
{
    float *y = p[0];
    const float *a = p[1], *b = p[2];
    (void)user;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b); /* wraps, as NumPy does */
}

/* Slice after slice: dst[k] = dst[k - 1] + src[k], or src[k - 1] where exclusive. */
static void accumulate(const rf_view *src, const rf_view *dst, int axis, bool exclusive,
                       bool reverse)
{
    const int64_t n = src->dims[axis];
    for (int64_t i = 0; i < n; i++) {
        const int64_t step = reverse ? 1 : -1, at = reverse ? n - 1 - i : i;
        const rf_view here = rf_view_part(dst, axis, at, 1);
        const rf_view added = rf_view_part(src, axis, exclusive && i ? at + step : at, 1);
        if (i == 0 && exclusive)
            rf_view_zero(&here);
        else if (i == 0)
            rf_strided_copy(&added, &here);
        else {
            const rf_view before = rf_view_part(dst, axis, at + step, 1);
            const rf_view *views[] = { &here, &before, &added };
            if (dst->dtype == RF_DTYPE_F32)
                rf_rows(views, 3, add_row, NULL);
            else
                rf_integer_rows(views, add);
        }
    }
}

static rf_status forward(rf_step *s)
{
    int axis;
    RF_TRY(read_axis(s, &axis));
    accumulate(&s->in[0], &s->out[0], axis, rf_attr_int(s->node, "exclusive", 0) != 0,
               rf_attr_int(s->node, "reverse", 0) != 0);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    int axis;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    RF_TRY(read_axis(s, &axis));
    accumulate(&s->diff_out[0], &s->diff_in[0], axis, rf_attr_int(s->node, "exclusive", 0) != 0,
               rf_attr_int(s->node, "reverse", 0) == 0);
    return RF_OK;
}

const rf_op rf_op_cum_sum = {
    .onnx_name = "CumSum",
    .limits = "float32, int64 or int32; a constant axis",
    .since_opset = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
