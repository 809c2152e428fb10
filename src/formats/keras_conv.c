/* Keras' convolutions and Dense. */
#include <string.h>

#include "base/status.h"
#include "formats/keras_build.h"

static const rf_net_tensor nothing = { 0 };

static bool has_bias(const rf_keras_layer *l)
{
    return rf_keras_bool(l, "use_bias", true);
}

int rf_keras_kernel_names(const rf_keras_layer *l, const char *names[])
{
    names[0] = "kernel";
    names[1] = "bias";
    return has_bias(l) ? 2 : 1;
}

int rf_keras_depthwise_names(const rf_keras_layer *l, const char *names[])
{
    names[0] = "depthwise_kernel";
    names[1] = "bias";
    return has_bias(l) ? 2 : 1;
}

int rf_keras_separable_names(const rf_keras_layer *l, const char *names[])
{
    names[0] = "depthwise_kernel";
    names[1] = "pointwise_kernel";
    names[2] = "bias";
    return has_bias(l) ? 3 : 2;
}

static int spatial_of(const rf_keras_layer *l)
{
    return rf_keras_find_class(l)->spatial;
}

static rf_net_window window_of(rf_keras_builder *b, const rf_keras_layer *l)
{
    const int spatial = spatial_of(l);
    rf_net_window w = { .channels_first = rf_keras_channels_first(l) };
    const char *padding = rf_keras_text(l, "padding", "valid");
    rf_keras_ints(&b->net, l, "strides", spatial, 1, w.strides);
    rf_keras_ints(&b->net, l, "dilation_rate", spatial, 1, w.dilations);
    for (int d = 0; d < spatial; d++)
        if ((w.strides[d] < 1 || w.dilations[d] < 1) && !b->net.st)
            rf_net_fail(&b->net, RF_EMODEL, "strides and dilations must be at least 1");
    if (strcmp(padding, "same") == 0) {
        w.padding = RF_NET_SAME;
    } else if (strcmp(padding, "causal") == 0 && spatial == 1) {
        int64_t kernel = 1;
        rf_keras_ints(&b->net, l, "kernel_size", 1, 1, &kernel);
        w.padding = RF_NET_EXPLICIT; /* each step sees those before it */
        w.pads[0][0] = (kernel - 1) * w.dilations[0];
    } else if (strcmp(padding, "valid") != 0) {
        rf_net_fail(&b->net, RF_EMODEL, "padding '%.40s'; expected valid, same or causal", padding);
    }
    return w;
}

/* The bias where there is one, as rf_net_conv takes it. */
static const rf_net_tensor *load_bias(rf_keras_builder *b, rf_keras_layer *l, int index,
                                      rf_net_tensor *storage)
{
    if (!has_bias(l))
        return NULL;
    *storage = rf_keras_weight(b, l, index, "bias");
    return storage;
}

static rf_net_name conv_name(rf_keras_builder *b, const rf_keras_layer *l, const char *part)
{
    return rf_keras_name(b, has_bias(l) ? "BiasAdd" : part);
}

rf_net_tensor rf_keras_conv(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                            int count)
{
    (void)count;
    rf_net_tensor storage;
    const rf_net_window w = window_of(b, l);
    const rf_net_tensor kernel = rf_keras_weight(b, l, 0, "kernel");
    const rf_net_tensor *bias = load_bias(b, l, 1, &storage);
    const rf_net_tensor x =
        rf_net_conv(&b->net, conv_name(b, l, l->class_name), *in, kernel, bias, &w, false);
    return rf_keras_activate(b, l, x);
}

rf_net_tensor rf_keras_depthwise(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                 int count)
{
    (void)count;
    rf_net_tensor storage;
    const rf_net_window w = window_of(b, l);
    const rf_net_tensor kernel = rf_keras_weight(b, l, 0, "depthwise_kernel");
    const rf_net_tensor *bias = load_bias(b, l, 1, &storage);
    const rf_net_tensor x =
        rf_net_conv(&b->net, conv_name(b, l, "depthwise"), *in, kernel, bias, &w, true);
    return rf_keras_activate(b, l, x);
}

/* Two convolutions: the window moves over each channel alone, then 1 x 1 mixes them. */
rf_net_tensor rf_keras_separable(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                 int count)
{
    (void)count;
    rf_net_tensor storage;
    const rf_net_window w = window_of(b, l);
    const rf_net_window pointwise = { .channels_first = w.channels_first };
    const rf_net_tensor first = rf_keras_weight(b, l, 0, "depthwise_kernel");
    const rf_net_tensor second = rf_keras_weight(b, l, 1, "pointwise_kernel");
    const rf_net_tensor *bias = load_bias(b, l, 2, &storage);
    const rf_net_tensor middle =
        rf_net_conv(&b->net, rf_keras_step(b, "depthwise"), *in, first, NULL, &w, true);
    const rf_net_tensor x = rf_net_conv(&b->net, conv_name(b, l, "separable_conv2d"), middle,
                                        second, bias, &pointwise, false);
    return rf_keras_activate(b, l, x);
}

/* Keras' rule with output_padding: (in - 1) * stride + extent - 2 * pad + output_padding. Source: conv_utils
 * deconv_output_length. */
static bool given_sizes(rf_keras_builder *b, const rf_keras_layer *l, const rf_net_tensor *x,
                        const rf_net_window *w, int64_t *sizes)
{
    int64_t kernel[3], extra[3];
    const int spatial = spatial_of(l);
    if (!rf_keras_get(l, "output_padding"))
        return false;
    rf_keras_ints(&b->net, l, "kernel_size", spatial, 1, kernel);
    rf_keras_ints(&b->net, l, "output_padding", spatial, 0, extra);
    for (int d = 0; d < spatial && x->shape.rank == spatial + 2; d++) {
        const int64_t size = x->shape.dims[w->channels_first ? d + 2 : d + 1];
        const int64_t extent = (kernel[d] - 1) * w->dilations[d] + 1;
        const int64_t pad = w->padding == RF_NET_SAME ? extent / 2 : 0;
        if (size < 0)
            rf_net_fail(&b->net, RF_EUNSUPPORTED,
                        "output_padding needs an input whose size is known");
        sizes[d] = (size - 1) * w->strides[d] + extent - 2 * pad + extra[d];
    }
    return true;
}

rf_net_tensor rf_keras_conv_transpose(rf_keras_builder *b, rf_keras_layer *l,
                                      const rf_net_tensor *in, int count)
{
    (void)count;
    int64_t sizes[3];
    rf_net_tensor storage;
    const rf_net_window w = window_of(b, l);
    const rf_net_tensor kernel = rf_keras_weight(b, l, 0, "kernel");
    const rf_net_tensor *bias = load_bias(b, l, 1, &storage);
    const bool given = given_sizes(b, l, in, &w, sizes);
    const rf_net_tensor x = rf_net_conv_transpose(&b->net, conv_name(b, l, "conv_transpose"), *in,
                                                  kernel, bias, &w, given ? sizes : NULL);
    return rf_keras_activate(b, l, x);
}

/* Over pixels: a 1 x 1 convolution, which lies well in memory and into which a BN folds. */
static rf_net_tensor dense_over_pixels(rf_keras_builder *b, rf_keras_layer *l,
                                       const rf_net_tensor *in, rf_net_tensor kernel,
                                       const rf_net_tensor *bias)
{
    const rf_net_window w = { 0 };
    const int spatial = in->shape.rank - 2;
    rf_shape dims = { .rank = spatial + 2 };
    if (b->net.st || kernel.shape.rank != 2)
        return nothing;
    for (int d = 0; d < spatial; d++)
        dims.dims[d] = 1;
    dims.dims[spatial] = kernel.shape.dims[0];
    dims.dims[spatial + 1] = kernel.shape.dims[1];
    const rf_net_tensor filter =
        rf_net_reshape(&b->net, rf_keras_step(b, "kernel"), kernel, dims.rank, dims.dims);
    return rf_net_conv(&b->net, conv_name(b, l, "Tensordot"), *in, filter, bias, &w, false);
}

rf_net_tensor rf_keras_dense(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                             int count)
{
    (void)count;
    rf_net_tensor storage, x;
    const rf_net_tensor kernel = rf_keras_weight(b, l, 0, "kernel");
    const rf_net_tensor *bias = load_bias(b, l, 1, &storage);
    if (!b->net.st && kernel.shape.rank != 2)
        rf_net_fail(&b->net, RF_ESHAPE, "its kernel has %d dims, expected 2", kernel.shape.rank);
    if (in->shape.rank >= 3 && in->shape.rank <= 5)
        x = dense_over_pixels(b, l, in, kernel, bias);
    else
        x = rf_net_dense(&b->net, conv_name(b, l, "MatMul"), *in, kernel, false, bias);
    return rf_keras_activate(b, l, x);
}
