/*
 * MaxRoiPool: the largest pixel of each cell of a grid over regions (image, x1, y1, x2, y2). Opset 1.
 */
#include <math.h>

#include "ops/window.h"

static rf_status infer(rf_inference *io)
{
    char xs[RF_SHAPE_TEXT], rs[RF_SHAPE_TEXT];
    const rf_shape *x = &io->in[0].shape, *rois = &io->in[1].shape;
    int64_t cells[2];
    RF_TRY(rf_infer_float(io));
    RF_TRY(rf_window_ints(io->ctx, io->node, "pooled_shape", 2, 1, 1, cells));
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 5)
        return rf_infer_fail(io, RF_ESHAPE,
                             "input is %s, regions %s; expected [n, c, h, w] and [regions, 5]",
                             rf_shape_text(x, xs), rf_shape_text(rois, rs));
    const rf_shape dst = { .rank = 4, .dims = { rois->dims[0], x->dims[1], cells[0], cells[1] } };
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

/* Pixels [low, high) of cell i of `cells` over [first, last] of n. */
static void cell(float first, float last, int64_t cells, int64_t i, int64_t n, int64_t *low,
                 int64_t *high)
{
    const float length = last - first + 1.0f > 1.0f ? last - first + 1.0f : 1.0f;
    const float a = first + floorf((float)i * length / (float)cells);
    const float z = first + ceilf((float)(i + 1) * length / (float)cells);
    *low = a > 0.0f ? (a < (float)n ? (int64_t)a : n) : 0;
    *high = z > 0.0f ? (z < (float)n ? (int64_t)z : n) : 0;
}

static float largest(const float *x, int64_t w, const int64_t *low, const int64_t *high)
{
    float best = low[0] < high[0] && low[1] < high[1] ? -INFINITY : 0.0f;
    for (int64_t j = low[0]; j < high[0]; j++)
        for (int64_t i = low[1]; i < high[1]; i++)
            best = x[j * w + i] > best ? x[j * w + i] : best;
    return best;
}

static void pool(const rf_view *x, const float *image, const float *roi, float scale,
                 const int64_t *cells, float *dst)
{
    float corner[4];
    for (int k = 0; k < 4; k++)
        corner[k] = roundf(roi[1 + k] * scale);
    for (int64_t c = 0; c < x->dims[1]; c++, image += x->dims[2] * x->dims[3])
        for (int64_t i = 0; i < cells[0] * cells[1]; i++) {
            int64_t low[2], high[2];
            cell(corner[1], corner[3], cells[0], i / cells[1], x->dims[2], &low[0], &high[0]);
            cell(corner[0], corner[2], cells[1], i % cells[1], x->dims[3], &low[1], &high[1]);
            *dst++ = largest(image, x->dims[3], low, high);
        }
}

static rf_status forward(rf_step *s)
{
    const rf_view *x = &s->in[0];
    const int64_t *cells = s->out[0].dims + 2;
    const int64_t image = x->dims[1] * x->dims[2] * x->dims[3];
    for (int64_t i = 0; i < s->in[1].dims[0]; i++) {
        const float *roi = rf_view_f32(&s->in[1]) + 5 * i;
        if (!(roi[0] >= 0.0f && roi[0] < (float)x->dims[0]))
            return rf_step_fail(s, RF_EMODEL, "region %lld lies in image %g of %lld", (long long)i,
                                (double)roi[0], (long long)x->dims[0]);
        pool(x, rf_view_f32(x) + (int64_t)roi[0] * image, roi,
             rf_attr_float(s->node, "spatial_scale", 1.0f), cells,
             rf_view_f32(&s->out[0]) + i * x->dims[1] * cells[0] * cells[1]);
    }
    return RF_OK;
}

const rf_op rf_op_max_roi_pool = {
    .onnx_name = "MaxRoiPool",
    .since_opset = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
