/* Checking a convolution's shape and saying it in oneDNN's words. */
#include "dnn/conv_geometry.h"

/* ----------------------------------------------------------------------------------- checks --- */

rf_status rf_dnn_check(rf_context *ctx, dnnl_status_t status, const char *what)
{
    switch (status) {
    case dnnl_success:
        return RF_OK;
    case dnnl_out_of_memory:
        return rf_fail(ctx, RF_ENOMEM, "out of memory in oneDNN (%s convolution)", what);
    case dnnl_unimplemented:
        return rf_fail(ctx, RF_EUNSUPPORTED, "oneDNN has no %s convolution of this shape", what);
    default:
        return rf_fail(ctx, RF_EINTERNAL, "oneDNN refuses a %s convolution (status %d)", what,
                       (int)status);
    }
}

static rf_status check_axis(rf_context *ctx, const rf_conv_shape *s, int i)
{
    const bool positive = s->in[i] > 0 && s->out[i] > 0 && s->kernel[i] > 0 && s->stride[i] > 0 &&
                          s->dilation[i] > 0 && s->pad_begin[i] >= 0 && s->pad_end[i] >= 0;
    if (!positive)
        return rf_fail(
            ctx, RF_ESHAPE,
            "convolution over axis %d: input %lld, output %lld, kernel %lld, stride %lld, dilation "
            "%lld, pads %lld and %lld; sizes must be at least 1, pads at least 0",
            i, (long long)s->in[i], (long long)s->out[i], (long long)s->kernel[i],
            (long long)s->stride[i], (long long)s->dilation[i], (long long)s->pad_begin[i],
            (long long)s->pad_end[i]);
    const int64_t large = s->transposed ? s->out[i] : s->in[i];
    const int64_t small = s->transposed ? s->in[i] : s->out[i];
    const int64_t room =
        large + s->pad_begin[i] + s->pad_end[i] - ((s->kernel[i] - 1) * s->dilation[i] + 1);
    if (room < 0 || room / s->stride[i] + 1 != small)
        return rf_fail(ctx, RF_ESHAPE,
                       "convolution over axis %d: input %lld does not give output %lld with kernel "
                       "%lld, stride "
                       "%lld, dilation %lld, pads %lld and %lld",
                       i, (long long)s->in[i], (long long)s->out[i], (long long)s->kernel[i],
                       (long long)s->stride[i], (long long)s->dilation[i],
                       (long long)s->pad_begin[i], (long long)s->pad_end[i]);
    return RF_OK;
}

rf_status rf_conv_check(rf_context *ctx, const rf_conv_shape *s)
{
    if (s->spatial < 1 || s->spatial > 3)
        return rf_fail(ctx, RF_EUNSUPPORTED,
                       "convolution over %d spatial axes; 1, 2 and 3 are known", s->spatial);
    if (s->n < 1 || s->ic < 1 || s->oc < 1 || s->groups < 1)
        return rf_fail(ctx, RF_ESHAPE,
                       "convolution of batch %lld, %lld to %lld channels in %lld groups; all must "
                       "be at least 1",
                       (long long)s->n, (long long)s->ic, (long long)s->oc, (long long)s->groups);
    if (s->ic % s->groups || s->oc % s->groups)
        return rf_fail(ctx, RF_ESHAPE,
                       "convolution of %lld to %lld channels cannot be split into %lld groups",
                       (long long)s->ic, (long long)s->oc, (long long)s->groups);
    for (int i = 0; i < s->spatial; i++)
        RF_TRY(check_axis(ctx, s, i));
    return RF_OK;
}

/* --------------------------------------------------------------------------------- geometry --- */

/*
 * Weights lie [oc, ic/g, k...], or [ic, oc/g, k...] where transposed; oneDNN's logical order is
 * ([g,] oc/g, ic/g, k...).
 */
static dnnl_status_t describe_weights(const rf_conv_shape *s, const int64_t *kernel,
                                      dnnl_data_type_t type, rf_conv_geometry *g)
{
    const int64_t oc = s->oc / s->groups, ic = s->ic / s->groups;
    int64_t area = 1;
    for (int i = 0; i < g->spatial; i++)
        area *= kernel[i];
    dnnl_dims_t dims = { 0 }, strides = { 0 };
    int rank = 0;
    if (s->groups > 1) {
        dims[rank] = s->groups;
        strides[rank++] = oc * ic * area;
    }
    dims[rank] = oc;
    strides[rank++] = s->transposed ? area : ic * area;
    dims[rank] = ic;
    strides[rank++] = s->transposed ? oc * area : area;
    for (int i = 0; i < g->spatial; i++) {
        area /= kernel[i];
        dims[rank] = kernel[i];
        strides[rank++] = area;
    }
    const dnnl_status_t status =
        dnnl_memory_desc_init_by_strides(&g->plain_weights, rank, dims, type, strides);
    return status ? status
                  : dnnl_memory_desc_init_by_tag(&g->any_weights, rank, dims, type,
                                                 dnnl_format_tag_any);
}

rf_status rf_conv_geometry_init(rf_context *ctx, const rf_conv_shape *s, bool integers,
                                rf_conv_geometry *g)
{
    const dnnl_data_type_t src_type = integers ? dnnl_u8 : dnnl_f32;
    const dnnl_data_type_t dst_type = integers ? dnnl_s32 : dnnl_f32;
    *g = (rf_conv_geometry){ .spatial = s->spatial == 1 ? 2 : s->spatial,
                             .transposed = s->transposed };
    const int shift = g->spatial - s->spatial;
    int64_t kernel[3];
    dnnl_dims_t src = { s->n, s->ic }, dst = { s->n, s->oc }, bias = { s->oc };
    for (int i = 0; i < g->spatial; i++) {
        const int from = i - shift; /* -1: the height put in front of a single axis */
        kernel[i] = from < 0 ? 1 : s->kernel[from];
        src[2 + i] = from < 0 ? 1 : s->in[from];
        dst[2 + i] = from < 0 ? 1 : s->out[from];
        g->strides[i] = from < 0 ? 1 : s->stride[from];
        g->dilates[i] = from < 0 ? 0 : s->dilation[from] - 1; /* ONNX 1 = none, oneDNN 0 = none */
        g->pad_begin[i] = from < 0 ? 0 : s->pad_begin[from];
        g->pad_end[i] = from < 0 ? 0 : s->pad_end[from];
    }
    const dnnl_format_tag_t last = g->spatial == 2 ? dnnl_nhwc : dnnl_ndhwc;
    const int rank = 2 + g->spatial;
    RF_DNN_TRY(ctx, dnnl_memory_desc_init_by_tag(&g->src, rank, src, src_type, last),
               "source of a");
    RF_DNN_TRY(ctx, dnnl_memory_desc_init_by_tag(&g->dst, rank, dst, dst_type, last),
               "result of a");
    RF_DNN_TRY(ctx, dnnl_memory_desc_init_by_tag(&g->bias, 1, bias, dnnl_f32, dnnl_a), "bias of a");
    RF_DNN_TRY(ctx, describe_weights(s, kernel, integers ? dnnl_s8 : dnnl_f32, g), "weights of a");
    return RF_OK;
}
