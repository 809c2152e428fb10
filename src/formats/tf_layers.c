/* TensorFlow's layers: convolutions, matrix products, pools, batch normalization, resizing. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"

/* --- windows --- */

/* Of a list with one number a dim, those of the spatial dims; batch and channels must have 1. */
static void take_spatial(rf_tf_import *in, const rf_tf_node *n, const char *key, int64_t *out)
{
    int64_t all[8] = { 0 };
    const int count = rf_tf_attr_ints(in, n, key, 5, all);
    const int channels = rf_tf_is_nchw(n) ? 1 : count - 1;
    int k = 0;
    if (!count)
        return;
    if (count < 3 || all[0] != 1 || all[channels] != 1) {
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "%s of batch and channels are %lld and %lld; refold takes 1", key,
                    (long long)all[0], (long long)all[count < 3 ? 0 : channels]);
        return;
    }
    for (int d = 1; d < count; d++)
        if (d != channels)
            out[k++] = all[d];
}

static void take_explicit_pads(rf_tf_import *in, const rf_tf_node *n, rf_net_window *w)
{
    int64_t all[16] = { 0 };
    const int count = rf_tf_attr_ints(in, n, "explicit_paddings", 10, all);
    const int channels = rf_tf_is_nchw(n) ? 1 : count / 2 - 1;
    int k = 0;
    if (count < 6 || count % 2)
        rf_net_fail(&in->net, RF_EMODEL, "EXPLICIT padding with %d numbers", count);
    for (int d = 1; d < count / 2 && !in->net.st; d++) {
        if (d == channels)
            continue;
        w->pads[k][0] = all[2 * d];
        w->pads[k++][1] = all[2 * d + 1];
    }
}

static rf_net_window window_of(rf_tf_import *in, const rf_tf_node *n)
{
    rf_net_window w = { .channels_first = rf_tf_is_nchw(n) };
    take_spatial(in, n, "strides", w.strides);
    take_spatial(in, n, "dilations", w.dilations);
    take_spatial(in, n, "ksize", w.kernel);
    if (rf_tf_attr_is(n, "padding", "SAME")) {
        w.padding = RF_NET_SAME;
    } else if (rf_tf_attr_is(n, "padding", "EXPLICIT")) {
        w.padding = RF_NET_EXPLICIT;
        take_explicit_pads(in, n, &w);
    }
    return w;
}

/* --- dilation by SpaceToBatchND --- */

/* The paddings less the crops are those of the dilated convolution. */
static rf_net_tensor enter_atrous(rf_tf_import *in, const rf_tf_node *n, rf_net_window *w)
{
    const rf_tf_node *before = n->inputs[0].node;
    int64_t block[3] = { 0 }, pads[6] = { 0 };
    const int count = rf_tf_known_ints(in, before, 1, 3, block);
    const int pad_count = rf_tf_known_ints(in, before, 2, 6, pads);
    const rf_tf_made *m = in->net.st ? NULL : rf_tf_made_of(in, (rf_tf_ref){ n->also, 0 });
    if (!m || !m->t.constant || m->partial || m->t.constant->count != pad_count ||
        pad_count != 2 * count || w->padding != RF_NET_VALID) {
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "it stands between SpaceToBatchND and BatchToSpaceND whose paddings and crops "
                    "are no constants; give the shape with --input-shape");
        return (rf_net_tensor){ 0 };
    }
    const int64_t *crops = rf_tensor_i64(m->t.constant);
    w->padding = RF_NET_EXPLICIT;
    for (int d = 0; d < count; d++) {
        w->dilations[d] = block[d];
        w->pads[d][0] = pads[2 * d] - crops[2 * d];
        w->pads[d][1] = pads[2 * d + 1] - crops[2 * d + 1];
    }
    return rf_tf_operand(in, before, 0);
}

static rf_net_tensor layer_source(rf_tf_import *in, const rf_tf_node *n, rf_net_window *w)
{
    if (n->also && n->input_count && rf_tf_is(n->inputs[0].node, "SpaceToBatchND"))
        return enter_atrous(in, n, w);
    return rf_tf_operand(in, n, 0);
}

static bool is_atrous(const rf_tf_node *conv)
{
    return conv && conv->also && conv->input_count &&
           rf_tf_is(conv->inputs[0].node, "SpaceToBatchND");
}

static void space_to_batch(rf_tf_import *in, rf_tf_node *n)
{
    if (n->consumers == 1 && is_atrous(n->consumer)) {
        rf_tf_set(in, n, rf_tf_operand(in, n, 0));
        return;
    }
    rf_net_fail(&in->net, RF_EUNSUPPORTED,
                "refold takes it only around one convolution, as its dilation; cut it off with "
                "--inputs or --outputs");
}

static void batch_to_space(rf_tf_import *in, rf_tf_node *n)
{
    if (n->input_count && is_atrous(n->inputs[0].node)) {
        rf_tf_set(in, n, rf_tf_operand(in, n, 0));
        return;
    }
    space_to_batch(in, n);
}

/* --- layers --- */

static void conv(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_window w = window_of(in, n);
    const rf_net_tensor src = layer_source(in, n, &w), filter = rf_tf_operand(in, n, 1);
    const bool depthwise = rf_tf_is(n, "DepthwiseConv2dNative");
    rf_tf_set(in, n, rf_net_conv(&in->net, rf_tf_names(in, n), src, filter, NULL, &w, depthwise));
}

static void conv_transpose(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_window w = window_of(in, n);
    int64_t dims[8] = { 0 }, spatial[3] = { 0 };
    const int count = rf_tf_ints(in, n, 0, 5, dims);
    const rf_net_tensor filter = rf_tf_operand(in, n, 1), src = rf_tf_operand(in, n, 2);
    if (!in->net.st && count != src.shape.rank)
        rf_net_fail(&in->net, RF_EMODEL, "the shape of its result has %d dims, its input %d", count,
                    src.shape.rank);
    for (int d = 0; d < count - 2 && !in->net.st; d++) {
        const int64_t size = dims[w.channels_first ? d + 2 : d + 1];
        spatial[d] = size == RF_TF_UNKNOWN ? -1 : size;
    }
    rf_tf_set(in, n,
              rf_net_conv_transpose(&in->net, rf_tf_names(in, n), src, filter, NULL, &w, spatial));
}

static void pool(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_window w = window_of(in, n);
    const bool average = rf_tf_is(n, "AvgPool") || rf_tf_is(n, "AvgPool3D");
    rf_tf_set(in, n,
              rf_net_pool(&in->net, average ? "AveragePool" : "MaxPool", rf_tf_names(in, n),
                          rf_tf_operand(in, n, 0), &w));
}

static void batch_matmul(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor a = rf_tf_operand(in, n, 0), b = rf_tf_operand(in, n, 1);
    if (rf_tf_attr_bool(n, "adj_x", false) || rf_tf_attr_bool(n, "adj_y", false))
        rf_net_fail(&in->net, RF_EUNSUPPORTED, "adj_x and adj_y are not supported");
    rf_tf_set(in, n, rf_net_matmul(&in->net, rf_tf_names(in, n), a, b));
}

static void matmul(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_tensor a = rf_tf_operand(in, n, 0), b = rf_tf_operand(in, n, 1);
    const bool transposed = rf_tf_attr_bool(n, "transpose_b", false);
    const int swap[] = { 1, 0 };
    const rf_net_name turn = { rf_net_text(&in->net, "%s/transpose_a", n->name),
                               rf_net_text(&in->net, "%s/transpose_a:0", n->name) };
    if (!in->net.st && (a.shape.rank != 2 || b.shape.rank != 2))
        rf_net_fail(&in->net, RF_EMODEL, "its operands have %d and %d dims; expected 2",
                    a.shape.rank, b.shape.rank);
    if (rf_tf_attr_bool(n, "transpose_a", false))
        a = rf_net_transpose(&in->net, turn, a, swap);
    if (b.constant) {
        rf_tf_set(in, n, rf_net_dense(&in->net, rf_tf_names(in, n), a, b, transposed, NULL));
        return;
    }
    if (transposed)
        b = rf_net_transpose(&in->net,
                             (rf_net_name){ rf_net_text(&in->net, "%s/transpose_b", n->name),
                                            rf_net_text(&in->net, "%s/transpose_b:0", n->name) },
                             b, swap);
    rf_tf_set(in, n, rf_net_matmul(&in->net, rf_tf_names(in, n), a, b));
}

/* --- batch normalization --- */

static rf_net_tensor filled(rf_tf_import *in, const rf_tf_node *n, const char *what, int64_t count,
                            float value)
{
    rf_tensor *t = NULL;
    rf_tf_count_computed(in, count);
    if (in->net.st || (in->net.st = rf_tensor_new(in->net.g->ctx, RF_DTYPE_F32, 1, &count, &t)))
        return (rf_net_tensor){ 0 };
    for (int64_t i = 0; i < count; i++)
        rf_tensor_f32(t)[i] = value;
    return rf_net_constant(&in->net, rf_net_text(&in->net, "%s/%s:0", n->name, what), t);
}

/* In training form the graph has no statistics: batches make them. */
static void lend_statistics(rf_tf_import *in, const rf_tf_node *n, rf_net_tensor parameters[4])
{
    if (in->net.st || !parameters[2].constant || !parameters[3].constant)
        return;
    const int64_t channels = parameters[0].shape.rank == 1 ? parameters[0].shape.dims[0] : 0;
    if (parameters[2].constant->count || parameters[3].constant->count || channels < 1)
        return;
    rf_log(in->net.g->ctx, RF_LOG_WARNING,
           "batch normalization '%s' is in training form and its statistics are not in the graph: "
           "mean 0 and variance 1 stand in until they are re-estimated",
           n->name);
    parameters[2] = filled(in, n, "mean", channels, 0.0F);
    parameters[3] = filled(in, n, "variance", channels, 1.0F);
}

static void batch_norm(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_tensor parameters[4];
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    for (int p = 0; p < 4; p++) {
        static const char *const names[] = { "gamma", "beta", "moving_mean", "moving_variance" };
        parameters[p] = rf_tf_operand(in, n, p + 1);
        const rf_tf_ref from = rf_tf_input(n, p + 1);
        if (rf_tf_is(from.node, "Const") && from.node->consumers > 1) { /* ones that others share */
            parameters[p].name = rf_net_text(&in->net, "%s/%s:0", n->name, names[p]);
            rf_tf_count_computed(in, parameters[p].constant ? parameters[p].constant->count : 0);
        }
    }
    lend_statistics(in, n, parameters);
    const rf_net_tensor t =
        rf_net_batch_norm(&in->net, rf_tf_names(in, n), x, rf_tf_is_nchw(n) ? 1 : -1, parameters,
                          rf_tf_attr_float(n, "epsilon", 1e-4F));
    rf_tf_set(in, n, t);
}

/* --- resizing --- */

static void resize(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    int64_t sizes[2] = { 0 };
    if (rf_tf_known_ints(in, n, 1, 2, sizes) != 2)
        rf_net_fail(&in->net, RF_EMODEL, "expected height and width");
    const bool corners = rf_tf_attr_bool(n, "align_corners", false);
    const bool half = rf_tf_attr_bool(n, "half_pixel_centers", false);
    const bool nearest = rf_tf_is(n, "ResizeNearestNeighbor");
    const char *coordinates = corners ? "align_corners" : half ? "half_pixel" : "asymmetric";
    const char *rounding = corners || half ? "round_prefer_ceil" : "floor";
    rf_tf_set(in, n,
              rf_net_resize(&in->net, rf_tf_names(in, n), x, sizes, nearest ? "nearest" : "linear",
                            coordinates, nearest ? rounding : NULL, false));
}

const rf_tf_operator rf_tf_layer_operators[] = {
    { "Conv2D", conv, NULL },
    { "Conv3D", conv, NULL },
    { "DepthwiseConv2dNative", conv, NULL },
    { "Conv2DBackpropInput", conv_transpose, NULL },
    { "Conv3DBackpropInputV2", conv_transpose, NULL },
    { "SpaceToBatchND", space_to_batch, NULL },
    { "BatchToSpaceND", batch_to_space, NULL },
    { "MaxPool", pool, NULL },
    { "MaxPool3D", pool, NULL },
    { "AvgPool", pool, NULL },
    { "AvgPool3D", pool, NULL },
    { "MatMul", matmul, NULL },
    { "BatchMatMul", batch_matmul, NULL },
    { "BatchMatMulV2", batch_matmul, NULL },
    { "FusedBatchNorm", batch_norm, NULL },
    { "FusedBatchNormV2", batch_norm, NULL },
    { "FusedBatchNormV3", batch_norm, NULL },
    { "ResizeBilinear", resize, NULL },
    { "ResizeNearestNeighbor", resize, NULL },
    { NULL, NULL, NULL },
};
