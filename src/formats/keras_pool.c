/* Pools, padding, cropping and up-sampling. */
#include <string.h>

#include "base/status.h"
#include "formats/keras_build.h"

static const rf_net_tensor nothing = { 0 };

static bool is_same(const rf_keras_layer *l)
{
    return strcmp(rf_keras_text(l, "padding", "valid"), "same") == 0;
}

rf_net_tensor rf_keras_pool(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                            int count)
{
    (void)count;
    const rf_keras_class *c = rf_keras_find_class(l);
    rf_net_window w = { .channels_first = rf_keras_channels_first(l),
                        .padding = is_same(l) ? RF_NET_SAME : RF_NET_VALID };
    rf_keras_ints(&b->net, l, "pool_size", c->spatial, 2, w.kernel);
    if (rf_keras_get(l, "strides"))
        rf_keras_ints(&b->net, l, "strides", c->spatial, 1, w.strides);
    else
        memcpy(w.strides, w.kernel, sizeof w.strides);
    const char *part = c->words[0] == 'M' ? "MaxPool" : "AvgPool";
    return rf_net_pool(&b->net, c->words, rf_keras_name(b, part), *in, &w);
}

static bool check_rank(rf_keras_builder *b, const rf_net_tensor *x, int spatial)
{
    char text[RF_SHAPE_TEXT];
    if (!b->net.st && x->shape.rank != spatial + 2)
        rf_net_fail(&b->net, RF_ESHAPE, "its input is %s; expected %d dims",
                    rf_shape_text(&x->shape, text), spatial + 2);
    return !b->net.st;
}

rf_net_tensor rf_keras_global_pool(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                   int count)
{
    (void)count;
    const rf_keras_class *c = rf_keras_find_class(l);
    const bool first = rf_keras_channels_first(l);
    int64_t axes[3];
    if (!check_rank(b, in, c->spatial))
        return nothing;
    for (int d = 0; d < c->spatial; d++)
        axes[d] = first ? d + 2 : d + 1;
    const rf_net_tensor x = first ? *in : rf_keras_turned(b, *in);
    const char *part = strcmp(c->words, "ReduceMax") == 0 ? "Max" : "Mean";
    return rf_net_reduce(&b->net, c->words, rf_keras_name(b, part), x, axes, c->spatial,
                         rf_keras_bool(l, "keepdims", false));
}

rf_net_tensor rf_keras_zero_padding(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                    int count)
{
    (void)count;
    const int spatial = rf_keras_find_class(l)->spatial;
    const bool first = rf_keras_channels_first(l);
    int64_t pairs[3][2], before[RF_MAX_RANK] = { 0 }, behind[RF_MAX_RANK] = { 0 };
    if (!check_rank(b, in, spatial))
        return nothing;
    rf_keras_pairs(&b->net, l, "padding", spatial, 1, pairs);
    for (int d = 0; d < spatial; d++) {
        before[first ? d + 2 : d + 1] = pairs[d][0];
        behind[first ? d + 2 : d + 1] = pairs[d][1];
    }
    const rf_net_tensor x = first ? *in : rf_keras_turned(b, *in);
    return rf_net_pad(&b->net, rf_keras_name(b, "Pad"), x, before, behind, "constant", 0.0F);
}

rf_net_tensor rf_keras_cropping(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                int count)
{
    (void)count;
    const int spatial = rf_keras_find_class(l)->spatial;
    const bool first = rf_keras_channels_first(l);
    int64_t pairs[3][2], begin[RF_MAX_RANK] = { 0 }, end[RF_MAX_RANK], step[RF_MAX_RANK];
    if (!check_rank(b, in, spatial))
        return nothing;
    rf_keras_pairs(&b->net, l, "cropping", spatial, 1, pairs);
    for (int d = 0; d < in->shape.rank; d++) {
        end[d] = INT32_MAX;
        step[d] = 1;
    }
    for (int d = 0; d < spatial && !b->net.st; d++) {
        const int axis = first ? d + 2 : d + 1;
        const int64_t size = in->shape.dims[axis];
        if (pairs[d][0] < 0 || pairs[d][1] < 0 || (size >= 0 && pairs[d][0] + pairs[d][1] >= size))
            rf_net_fail(&b->net, RF_ESHAPE, "it crops %lld and %lld of %lld pixels",
                        (long long)pairs[d][0], (long long)pairs[d][1], (long long)size);
        begin[axis] = pairs[d][0];
        if (pairs[d][1])
            end[axis] = size < 0 ? -pairs[d][1] : size - pairs[d][1];
    }
    const rf_net_tensor x = first ? *in : rf_keras_turned(b, *in);
    return rf_net_slice(&b->net, rf_keras_name(b, "strided_slice"), x, begin, end, step);
}

rf_net_tensor rf_keras_up_sampling(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                   int count)
{
    (void)count;
    const int spatial = rf_keras_find_class(l)->spatial;
    const bool first = rf_keras_channels_first(l);
    const char *how = rf_keras_text(l, "interpolation", "nearest");
    const bool nearest = strcmp(how, "nearest") == 0;
    int64_t sizes[3];
    if (!check_rank(b, in, spatial))
        return nothing;
    if (!nearest && strcmp(how, "bilinear") != 0)
        rf_net_fail(&b->net, RF_EUNSUPPORTED,
                    "interpolation '%.40s'; refold has nearest and "
                    "bilinear",
                    how);
    rf_keras_ints(&b->net, l, "size", spatial, 2, sizes);
    for (int d = 0; d < spatial && !b->net.st; d++) {
        const int64_t size = in->shape.dims[first ? d + 2 : d + 1];
        if (sizes[d] < 1 || sizes[d] > 65536)
            rf_net_fail(&b->net, RF_EMODEL, "it makes %lld pixels of one", (long long)sizes[d]);
        sizes[d] *= size;
    }
    return rf_net_resize(&b->net,
                         rf_keras_name(b, nearest ? "ResizeNearestNeighbor" : "ResizeBilinear"),
                         *in, sizes, nearest ? "nearest" : "linear",
                         nearest ? "asymmetric" : "half_pixel", nearest ? "floor" : NULL, first);
}
