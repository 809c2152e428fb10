/*
 * RoiAlign: regions of an image, each cut into a grid of cells, by the mean or the largest of
 * bilinear samples in a cell. Opset 10; since 16 corners may lie at pixels' centres.
 */
#include <math.h>
#include <string.h>

#include "ops/element.h"
#include "ops/op_util.h"

#define OPSET_OF_HALF_PIXEL 16

typedef struct roi_align {
    int64_t h, w, samples;
    float scale, offset;
    bool at_least_one; /* regions smaller than a pixel count as one */
    bool largest;
} roi_align;

static roi_align read_rule(const rf_node *n, int64_t opset)
{
    const char *mode =
        rf_attr_string(n, "coordinate_transformation_mode",
                       opset < OPSET_OF_HALF_PIXEL ? "output_half_pixel" : "half_pixel");
    const bool half = !strcmp(mode, "half_pixel");
    return (roi_align){ .h = rf_attr_int(n, "output_height", 1),
                        .w = rf_attr_int(n, "output_width", 1),
                        .samples = rf_attr_int(n, "sampling_ratio", 0),
                        .scale = rf_attr_float(n, "spatial_scale", 1.0f),
                        .offset = half ? 0.5f : 0.0f,
                        .at_least_one = !half,
                        .largest = !strcmp(rf_attr_string(n, "mode", "avg"), "max") };
}

static rf_status infer(rf_inference *io)
{
    char xs[RF_SHAPE_TEXT], rs[RF_SHAPE_TEXT];
    const rf_shape *x = &io->in[0].shape, *rois = &io->in[1].shape, *batch = &io->in[2].shape;
    const roi_align r = read_rule(io->node, io->opset);
    RF_TRY(rf_infer_float_at(io, 0));
    RF_TRY(rf_infer_float_at(io, 1));
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || batch->rank != 1 ||
        batch->dims[0] != rois->dims[0] || !rf_dtype_is_index(io->in[2].dtype))
        return rf_infer_fail(
            io, RF_ESHAPE,
            "input is %s, regions %s; expected [n, c, h, w], [regions, 4] and an index "
            "for each region",
            rf_shape_text(x, xs), rf_shape_text(rois, rs));
    if (r.h < 1 || r.w < 1 || r.samples < 0 || r.samples > 1000)
        return rf_infer_fail(io, RF_EMODEL, "output of %lld x %lld, sampling_ratio %lld",
                             (long long)r.h, (long long)r.w, (long long)r.samples);
    const rf_shape dst = { .rank = 4, .dims = { rois->dims[0], x->dims[1], r.h, r.w } };
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

/* Two pixels and the weight of the second; false outside. */
static bool neighbours(float at, int64_t n, int64_t *low, int64_t *high, float *weight)
{
    if (!(at >= -1.0f && at <= (float)n))
        return false;
    const float x = at < 0.0f ? 0.0f : at;
    *low = (int64_t)x < n - 1 ? (int64_t)x : n - 1;
    *high = *low + 1 < n ? *low + 1 : n - 1;
    *weight = *low == n - 1 ? 0.0f : x - (float)*low;
    return true;
}

/* One cell of one channel; at: its corner, size: of the cell, nh and nw: samples. */
static float cell(const roi_align *r, const float *x, int64_t h, int64_t w, const float *at,
                  const float *size, int64_t nh, int64_t nw)
{
    double sum = 0.0;
    float best = -INFINITY;
    for (int64_t j = 0; j < nh; j++)
        for (int64_t i = 0; i < nw; i++) {
            int64_t y0, y1, x0, x1;
            float fy, fx;
            float parts[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
            if (neighbours(at[0] + ((float)j + 0.5f) * size[0] / (float)nh, h, &y0, &y1, &fy) &&
                neighbours(at[1] + ((float)i + 0.5f) * size[1] / (float)nw, w, &x0, &x1, &fx)) {
                parts[0] = (1.0f - fy) * (1.0f - fx) * x[y0 * w + x0];
                parts[1] = (1.0f - fy) * fx * x[y0 * w + x1];
                parts[2] = fy * (1.0f - fx) * x[y1 * w + x0];
                parts[3] = fy * fx * x[y1 * w + x1];
            }
            for (int k = 0; k < 4; k++) {
                sum += (double)parts[k];
                best = parts[k] > best ? parts[k] : best; /* ONNX: of the weighted pixels */
            }
        }
    const int64_t count = nh * nw > 1 ? nh * nw : 1;
    return r->largest ? (nh * nw > 0 ? best : 0.0f) : (float)(sum / (double)count);
}

static int64_t samples_of(const roi_align *r, float size)
{
    const float needed = ceilf(size);
    if (r->samples)
        return r->samples;
    return needed >= 1.0f ? (needed < 10000.0f ? (int64_t)needed : 10000) : 0;
}

static void align(const roi_align *r, const rf_view *x, const float *image, const float *roi,
                  float *dst)
{
    float at[2], size[2];
    const int64_t cells[2] = { r->h, r->w };
    for (int d = 0; d < 2; d++) {
        at[d] = roi[1 - d] * r->scale - r->offset;
        const float extent = roi[3 - d] * r->scale - r->offset - at[d];
        size[d] = (r->at_least_one && extent < 1.0f ? 1.0f : extent) / (float)cells[d];
    }
    const int64_t nh = samples_of(r, size[0]), nw = samples_of(r, size[1]);
    for (int64_t c = 0; c < x->dims[1]; c++, image += x->dims[2] * x->dims[3])
        for (int64_t i = 0; i < r->h * r->w; i++) {
            const float corner[2] = { at[0] + (float)(i / r->w) * size[0],
                                      at[1] + (float)(i % r->w) * size[1] };
            *dst++ = cell(r, image, x->dims[2], x->dims[3], corner, size, nh, nw);
        }
}

static rf_status forward(rf_step *s)
{
    const roi_align r = read_rule(s->node, s->opset);
    const rf_view *x = &s->in[0];
    const int64_t image = x->dims[1] * x->dims[2] * x->dims[3], cells = x->dims[1] * r.h * r.w;
    for (int64_t i = 0; i < s->in[1].dims[0]; i++) {
        const int64_t n = rf_element_i64(s->in[2].dtype, s->in[2].data, i);
        if (n < 0 || n >= x->dims[0])
            return rf_step_fail(s, RF_EMODEL, "region %lld lies in image %lld of %lld",
                                (long long)i, (long long)n, (long long)x->dims[0]);
        align(&r, x, rf_view_f32(x) + n * image, rf_view_f32(&s->in[1]) + 4 * i,
              rf_view_f32(&s->out[0]) + i * cells);
    }
    return RF_OK;
}

const rf_op rf_op_roi_align = {
    .onnx_name = "RoiAlign",
    .since_opset = 10,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
