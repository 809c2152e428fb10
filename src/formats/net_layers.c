/* Layers with weights, and pools, out of channels-last descriptions. */
#include "base/status.h"
#include "formats/net.h"

enum { MOST_SPATIAL = 3 };

static const rf_net_tensor nothing = { 0 };

/* A layer's source: its value lies channels first, whichever way the framework has it. */
typedef struct image {
    rf_value *value;
    int spatial;
    int64_t batch, channels, size[MOST_SPATIAL];
} image;

static bool open_image(rf_net *net, const rf_net_tensor *t, bool channels_first, image *out)
{
    const int rank = t->shape.rank;
    char text[RF_SHAPE_TEXT];
    if (net->st)
        return false;
    if (rank < 3 || rank > 2 + MOST_SPATIAL) {
        rf_net_fail(net, RF_EUNSUPPORTED,
                    "its input is %s; expected a batch, 1 to 3 spatial dims and channels",
                    rf_shape_text(&t->shape, text));
        return false;
    }
    *out = (image){ .spatial = rank - 2, .batch = t->shape.dims[0] };
    out->value = channels_first ? rf_net_plain(net, t) : rf_net_turned(net, t);
    out->channels = t->shape.dims[channels_first ? 1 : rank - 1];
    for (int d = 0; d < out->spatial; d++)
        out->size[d] = t->shape.dims[channels_first ? d + 2 : d + 1];
    if (out->channels <= 0)
        rf_net_fail(net, RF_EUNSUPPORTED,
                    "its input is %s: the number of channels must be known; give the shape with "
                    "--input-shape",
                    rf_shape_text(&t->shape, text));
    return !net->st;
}

static rf_shape shape_of(const image *i, bool channels_first)
{
    rf_shape s = { .rank = i->spatial + 2, .dims = { i->batch } };
    s.dims[channels_first ? 1 : s.rank - 1] = i->channels;
    for (int d = 0; d < i->spatial; d++)
        s.dims[channels_first ? d + 2 : d + 1] = i->size[d];
    return s;
}

/* --- windows --- */

static int64_t at_least_one(int64_t x)
{
    return x > 0 ? x : 1;
}

typedef struct geometry {
    int64_t kernel[MOST_SPATIAL], strides[MOST_SPATIAL], dilations[MOST_SPATIAL];
    int64_t pads[2 * MOST_SPATIAL]; /* ONNX: all begins, then all ends */
    int64_t dst[MOST_SPATIAL];
    bool same_upper; /* in place of pads */
} geometry;

static int64_t same_padding(int64_t size, int64_t extent, int64_t stride)
{
    const int64_t dst = (size + stride - 1) / stride;
    const int64_t padding = (dst - 1) * stride + extent - size;
    return padding > 0 ? padding : 0;
}

/* TensorFlow's SAME: what is odd goes to the end. */
static void set_pads(rf_net *net, const image *src, const rf_net_window *w, int d, geometry *g)
{
    const int64_t extent = (g->kernel[d] - 1) * g->dilations[d] + 1;
    int64_t before = 0, behind = 0;
    if (w->padding == RF_NET_EXPLICIT) {
        before = w->pads[d][0];
        behind = w->pads[d][1];
    } else if (w->padding == RF_NET_SAME) {
        g->same_upper |= src->size[d] < 0 && g->strides[d] != 1; /* the size decides, at run time */
        const int64_t all =
            src->size[d] < 0 ? extent - 1 : same_padding(src->size[d], extent, g->strides[d]);
        before = all / 2;
        behind = all - before;
    }
    g->pads[d] = before;
    g->pads[src->spatial + d] = behind;
    if (src->size[d] < 0) {
        g->dst[d] = -1;
        return;
    }
    const int64_t room = src->size[d] + before + behind - extent;
    if (room < 0)
        rf_net_fail(net, RF_ESHAPE, "a window of %lld does not fit into %lld pixels",
                    (long long)extent, (long long)(src->size[d] + before + behind));
    g->dst[d] = room / g->strides[d] + 1;
}

/* Numbers from files, far below where their products could overflow. */
static bool is_sane(int64_t x)
{
    return x >= 0 && x < (1 << 24);
}

static geometry measure(rf_net *net, const image *src, const rf_net_window *w,
                        const int64_t *kernel)
{
    geometry g = { 0 };
    for (int d = 0; d < src->spatial && !net->st; d++) {
        g.kernel[d] = kernel[d];
        g.strides[d] = at_least_one(w->strides[d]);
        g.dilations[d] = at_least_one(w->dilations[d]);
        if (kernel[d] < 1 || !is_sane(kernel[d]) || !is_sane(g.strides[d]) ||
            !is_sane(g.dilations[d]) || !is_sane(w->pads[d][0]) || !is_sane(w->pads[d][1]) ||
            src->size[d] >= INT32_MAX)
            rf_net_fail(net, RF_EMODEL,
                        "kernel %lld, stride %lld, dilation %lld, padding %lld and %lld",
                        (long long)kernel[d], (long long)g.strides[d], (long long)g.dilations[d],
                        (long long)w->pads[d][0], (long long)w->pads[d][1]);
        else
            set_pads(net, src, w, d, &g);
    }
    return g;
}

static void set_geometry(rf_net *net, rf_net_tensor t, const geometry *g, int spatial, bool dilated)
{
    if (dilated)
        rf_net_set_ints(net, t, "dilations", g->dilations, spatial);
    rf_net_set_ints(net, t, "kernel_shape", g->kernel, spatial);
    if (g->same_upper)
        rf_net_set_string(net, t, "auto_pad", "SAME_UPPER");
    else
        rf_net_set_ints(net, t, "pads", g->pads, 2 * (int64_t)spatial);
    rf_net_set_ints(net, t, "strides", g->strides, spatial);
}

/* --- weights --- */

static bool check_filter(rf_net *net, const rf_net_tensor *filter, int spatial)
{
    char text[RF_SHAPE_TEXT];
    if (net->st)
        return false;
    if (!filter->constant)
        rf_net_fail(net, RF_EUNSUPPORTED,
                    "its weights '%s' are computed by the network; refold takes constants and "
                    "variables",
                    filter->name);
    else if (filter->dtype != RF_DTYPE_F32)
        rf_net_fail(net, RF_EUNSUPPORTED, "its weights '%s' are %s; refold takes float32",
                    filter->name, rf_dtype_name(filter->dtype));
    else if (filter->shape.rank != spatial + 2 || filter->constant->count == 0)
        rf_net_fail(net, RF_ESHAPE, "its weights '%s' are %s; expected %d dims", filter->name,
                    rf_shape_text(&filter->shape, text), spatial + 2);
    return !net->st;
}

/* [k..., a, b] -> [b, a, k...], or [a, b, k...]. */
static rf_net_tensor kernel_last(rf_net *net, const rf_net_tensor *filter, int spatial,
                                 bool swapped)
{
    int from[RF_MAX_RANK] = { spatial + (swapped ? 1 : 0), spatial + (swapped ? 0 : 1) };
    for (int d = 0; d < spatial; d++)
        from[2 + d] = d;
    return rf_net_permuted(net, filter, from);
}

/* Depthwise [k..., in, multiplier]: output channel c * multiplier + m reads input channel c. */
static rf_net_tensor depthwise_filter(rf_net *net, const rf_net_tensor *filter, int spatial)
{
    rf_net_tensor w = kernel_last(net, filter, spatial, false);
    if (net->st)
        return nothing;
    w.shape.dims[0] *= w.shape.dims[1];
    w.shape.dims[1] = 1;
    w.constant->shape = w.shape;
    return w;
}

static rf_value *vector_of(rf_net *net, const rf_net_tensor *t, int64_t count, const char *what)
{
    char text[RF_SHAPE_TEXT];
    if (net->st)
        return NULL;
    if (!t->constant || t->dtype != RF_DTYPE_F32 || t->constant->count != count)
        rf_net_fail(net, RF_ESHAPE, "its %s '%s' is %s%s; expected a float32 constant of %lld",
                    what, t->name, t->constant ? "" : "computed, ", rf_shape_text(&t->shape, text),
                    (long long)count);
    rf_net_tensor flat = *t;
    flat.shape = rf_shape_of(1, &count);
    return rf_net_plain(net, &flat);
}

/* --- convolutions --- */

rf_net_tensor rf_net_conv(rf_net *net, rf_net_name name, rf_net_tensor src, rf_net_tensor filter,
                          const rf_net_tensor *bias, const rf_net_window *w, bool depthwise)
{
    image i;
    if (!open_image(net, &src, w->channels_first, &i) || !check_filter(net, &filter, i.spatial))
        return nothing;
    const int64_t in = filter.shape.dims[i.spatial], last = filter.shape.dims[i.spatial + 1];
    const int64_t groups = depthwise ? in : i.channels / in;
    const int64_t channels = depthwise ? in * last : last;
    if (i.channels % in || (depthwise && i.channels != in) || channels % groups)
        rf_net_fail(net, RF_ESHAPE,
                    "weights '%s' for %lld input and %lld output channels do not fit %lld channels",
                    filter.name, (long long)in, (long long)channels, (long long)i.channels);
    const geometry g = measure(net, &i, w, filter.shape.dims);
    const rf_net_tensor turned = depthwise ? depthwise_filter(net, &filter, i.spatial)
                                           : kernel_last(net, &filter, i.spatial, true);
    rf_value *const inputs[] = { i.value, rf_net_plain(net, &turned),
                                 bias ? vector_of(net, bias, channels, "bias") : NULL };
    image dst = { .spatial = i.spatial, .batch = i.batch, .channels = channels };
    for (int d = 0; d < i.spatial; d++)
        dst.size[d] = g.dst[d];
    const rf_shape shape = shape_of(&dst, w->channels_first);
    const rf_net_tensor t = rf_net_node(net, "Conv", name, inputs, bias ? 3 : 2, RF_DTYPE_F32,
                                        &shape, !w->channels_first);
    set_geometry(net, t, &g, i.spatial, true);
    rf_net_set_int(net, t, "group", groups);
    return t;
}

/* Pads of a transposed convolution are those of the convolution that makes src out of dst; `extra` pixels at the end are
 * what that one would leave out. */
static void transpose_dim(rf_net *net, int64_t size, const rf_net_window *w, int d, int64_t dst,
                          int spatial, geometry *g, int64_t *extra)
{
    const int64_t extent = (g->kernel[d] - 1) * g->dilations[d] + 1, stride = g->strides[d];
    const int64_t beyond = stride > extent ? stride - extent : 0;
    const bool same = w->padding == RF_NET_SAME, open = size < 0;
    const int64_t full = open ? 0 : (size - 1) * stride + extent;
    if (dst < 0 && !open)
        dst = same ? size * stride
                   : full + beyond -
                         (w->padding == RF_NET_EXPLICIT ? w->pads[d][0] + w->pads[d][1] : 0);
    int64_t all = same ? stride > extent ? 0 : extent - stride : 0;
    if (same && dst >= 0)
        all = same_padding(dst, extent, stride);
    const bool given = w->padding == RF_NET_EXPLICIT;
    g->pads[d] = given ? w->pads[d][0] : all / 2;
    g->pads[spatial + d] = given ? w->pads[d][1] : all - all / 2;
    const int64_t made = full - g->pads[d] - g->pads[spatial + d];
    g->dst[d] = open ? -1 : dst;
    extra[d] = open ? beyond : g->dst[d] - made;
    if (extra[d] < 0 || (extra[d] && extra[d] >= stride && extra[d] >= g->dilations[d]))
        rf_net_fail(net, RF_ESHAPE, "%lld pixels cannot come of %lld with stride %lld",
                    (long long)dst, (long long)size, (long long)stride);
}

static geometry measure_transposed(rf_net *net, const image *src, const rf_net_window *w,
                                   const int64_t *kernel, const int64_t *wanted, int64_t *extra)
{
    rf_net_window valid = *w;
    valid.padding = RF_NET_VALID;
    const image big = { .spatial = src->spatial,
                        .size = { INT32_MAX - 1, INT32_MAX - 1, INT32_MAX - 1 } };
    geometry g = measure(net, &big, &valid, kernel);
    for (int d = 0; d < src->spatial && !net->st; d++)
        transpose_dim(net, src->size[d], w, d, wanted ? wanted[d] : -1, src->spatial, &g, extra);
    return g;
}

rf_net_tensor rf_net_conv_transpose(rf_net *net, rf_net_name name, rf_net_tensor src,
                                    rf_net_tensor filter, const rf_net_tensor *bias,
                                    const rf_net_window *w, const int64_t *dst_spatial)
{
    image i;
    int64_t extra[MOST_SPATIAL] = { 0 };
    if (!open_image(net, &src, w->channels_first, &i) || !check_filter(net, &filter, i.spatial))
        return nothing;
    const int64_t out = filter.shape.dims[i.spatial], in = filter.shape.dims[i.spatial + 1];
    if (in != i.channels)
        rf_net_fail(net, RF_ESHAPE, "weights '%s' are for %lld input channels, there are %lld",
                    filter.name, (long long)in, (long long)i.channels);
    const geometry g = measure_transposed(net, &i, w, filter.shape.dims, dst_spatial, extra);
    const rf_net_tensor turned = kernel_last(net, &filter, i.spatial, true);
    rf_value *const inputs[] = { i.value, rf_net_plain(net, &turned),
                                 bias ? vector_of(net, bias, out, "bias") : NULL };
    image dst = { .spatial = i.spatial, .batch = i.batch, .channels = out };
    for (int d = 0; d < i.spatial; d++)
        dst.size[d] = g.dst[d];
    const rf_shape shape = shape_of(&dst, w->channels_first);
    const rf_net_tensor t = rf_net_node(net, "ConvTranspose", name, inputs, bias ? 3 : 2,
                                        RF_DTYPE_F32, &shape, !w->channels_first);
    set_geometry(net, t, &g, i.spatial, true);
    rf_net_set_ints(net, t, "output_padding", extra, i.spatial);
    return t;
}

rf_net_tensor rf_net_pool(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor src,
                          const rf_net_window *w)
{
    image i;
    if (!open_image(net, &src, w->channels_first, &i))
        return nothing;
    const geometry g = measure(net, &i, w, w->kernel);
    image dst = { .spatial = i.spatial, .batch = i.batch, .channels = i.channels };
    for (int d = 0; d < i.spatial; d++)
        dst.size[d] = g.dst[d];
    const rf_shape shape = shape_of(&dst, w->channels_first);
    const rf_net_tensor t =
        rf_net_node(net, op_type, name, &i.value, 1, RF_DTYPE_F32, &shape, !w->channels_first);
    set_geometry(net, t, &g, i.spatial, false);
    return t;
}

rf_net_tensor rf_net_batch_norm(rf_net *net, rf_net_name name, rf_net_tensor src, int axis,
                                const rf_net_tensor parameters[4], float epsilon)
{
    static const char *const what[] = { "scale", "offset", "mean", "variance" };
    const int rank = src.shape.rank;
    char text[RF_SHAPE_TEXT];
    if (net->st)
        return nothing;
    axis = rf_net_axis(net, axis, rank);
    const bool first = axis == 1 && rank > 2;
    const int64_t channels = net->st ? -1 : src.shape.dims[axis];
    if (rank < 2 || channels <= 0 || (axis != 1 && axis != rank - 1))
        rf_net_fail(net, RF_EUNSUPPORTED,
                    "its input is %s; expected a known number of channels in dim 1 or the last",
                    rf_shape_text(&src.shape, text));
    rf_value *inputs[5] = { first ? rf_net_plain(net, &src) : rf_net_turned(net, &src) };
    for (int p = 0; p < 4; p++)
        inputs[p + 1] = vector_of(net, &parameters[p], channels, what[p]);
    const rf_net_tensor t = rf_net_node(net, "BatchNormalization", name, inputs, 5, RF_DTYPE_F32,
                                        &src.shape, rank > 2 && !first);
    rf_net_set_float(net, t, "epsilon", epsilon);
    return t;
}

/* --- matrix products --- */

static rf_shape product_shape(rf_net *net, const rf_shape *a, const rf_shape *b, bool transposed)
{
    rf_shape shape = { .rank = a->rank > b->rank ? a->rank : b->rank };
    char at[RF_SHAPE_TEXT], bt[RF_SHAPE_TEXT];
    const rf_shape *longer = a->rank >= b->rank ? a : b;
    if (net->st)
        return shape;
    if (a->rank < 2 || b->rank < 2) {
        rf_net_fail(net, RF_EUNSUPPORTED, "operands are %s and %s; expected matrices",
                    rf_shape_text(a, at), rf_shape_text(b, bt));
        return shape;
    }
    const int64_t inner = b->dims[b->rank - (transposed ? 1 : 2)];
    if (a->dims[a->rank - 1] >= 0 && inner >= 0 && a->dims[a->rank - 1] != inner)
        rf_net_fail(net, RF_ESHAPE, "operands %s and %s: inner dims must be equal",
                    rf_shape_text(a, at), rf_shape_text(b, bt));
    for (int d = 0; d < shape.rank - 2; d++)
        shape.dims[d] = longer->dims[d];
    shape.dims[shape.rank - 2] = a->dims[a->rank - 2];
    shape.dims[shape.rank - 1] = b->dims[b->rank - (transposed ? 2 : 1)];
    return shape;
}

rf_net_tensor rf_net_matmul(rf_net *net, rf_net_name name, rf_net_tensor a, rf_net_tensor b)
{
    const rf_shape shape = product_shape(net, &a.shape, &b.shape, false);
    rf_value *const inputs[] = { rf_net_plain(net, &a), rf_net_plain(net, &b) };
    return rf_net_node(net, "MatMul", name, inputs, 2, RF_DTYPE_F32, &shape, false);
}

static rf_net_tensor gemm(rf_net *net, rf_net_name name, rf_net_tensor x, rf_net_tensor weight,
                          bool transposed, const rf_net_tensor *bias)
{
    const rf_shape shape = product_shape(net, &x.shape, &weight.shape, transposed);
    rf_value *const inputs[] = { rf_net_plain(net, &x), rf_net_plain(net, &weight),
                                 bias && !net->st ? vector_of(net, bias, shape.dims[1], "bias")
                                                  : NULL };
    const rf_net_tensor t =
        rf_net_node(net, "Gemm", name, inputs, bias ? 3 : 2, RF_DTYPE_F32, &shape, false);
    if (transposed)
        rf_net_set_int(net, t, "transB", 1);
    return t;
}

rf_net_tensor rf_net_dense(rf_net *net, rf_net_name name, rf_net_tensor x, rf_net_tensor weight,
                           bool transposed, const rf_net_tensor *bias)
{
    if (net->st || !check_filter(net, &weight, 0))
        return nothing;
    if (x.shape.rank == 2)
        return gemm(net, name, x, weight, transposed, bias);
    const rf_net_tensor w =
        transposed ? rf_net_permuted(net, &weight, (const int[]){ 1, 0 }) : weight;
    if (!bias)
        return rf_net_matmul(net, name, x, w);
    const rf_net_name inner = { name.node, rf_net_text(net, "%s/MatMul:0", name.node) };
    const rf_net_name add = { rf_net_text(net, "%s/Add", name.node), name.output };
    const rf_net_tensor product = rf_net_matmul(net, inner, x, w);
    return rf_net_binary(net, "Add", add, product, *bias, RF_DTYPE_F32);
}
