/* Layers that move elements about, and those that do nothing outside of training. */
#include "base/status.h"
#include "formats/keras_build.h"

static const rf_net_tensor nothing_at_all = { 0 };

rf_net_tensor rf_keras_nothing(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                               int count)
{
    (void)b;
    (void)l;
    (void)count;
    return *in;
}

/* All elements of a sample in a row, channels last, whatever the data format is. Source: Keras' Flatten. */
rf_net_tensor rf_keras_flatten(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                               int count)
{
    (void)count;
    rf_net_tensor x = *in;
    const int rank = x.shape.rank;
    int perm[RF_MAX_RANK] = { 0 };
    int64_t features = 1;
    if (b->net.st)
        return nothing_at_all;
    if (rf_keras_channels_first(l) && rank > 2) {
        for (int d = 1; d < rank - 1; d++)
            perm[d] = d + 1;
        perm[rank - 1] = 1;
        x = rf_net_transpose(&b->net, rf_keras_step(b, "transpose"), x, perm);
    }
    for (int d = 1; d < rank; d++)
        features = x.shape.dims[d] < 0 || features < 0 || features > INT32_MAX
                       ? -1
                       : features * x.shape.dims[d];
    if (rank == 2)
        return x;
    return rf_net_reshape(&b->net, rf_keras_name(b, "Reshape"), x, 2,
                          (const int64_t[]){ x.shape.dims[0], features });
}

rf_net_tensor rf_keras_reshape(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                               int count)
{
    (void)count;
    const json_t *target = rf_keras_get(l, "target_shape");
    const int rank = (int)json_array_size(target) + 1;
    int64_t dims[RF_MAX_RANK] = { in->shape.dims[0] };
    if (!json_is_array(target) || rank > RF_MAX_RANK)
        rf_net_fail(&b->net, RF_EMODEL, "it has no target_shape, or one of too many dims");
    if (b->net.st)
        return nothing_at_all;
    rf_keras_ints(&b->net, l, "target_shape", rank - 1, -1, dims + 1);
    return rf_net_reshape(&b->net, rf_keras_name(b, "Reshape"), *in, rank, dims);
}

rf_net_tensor rf_keras_permute(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                               int count)
{
    (void)count;
    const int rank = in->shape.rank;
    int64_t dims[RF_MAX_RANK] = { 0 };
    int perm[RF_MAX_RANK] = { 0 };
    unsigned seen = 1;
    if (b->net.st)
        return nothing_at_all;
    rf_keras_ints(&b->net, l, "dims", rank - 1, 0, dims);
    for (int d = 1; d < rank && !b->net.st; d++) {
        if (dims[d - 1] < 1 || dims[d - 1] >= rank || (seen >> dims[d - 1] & 1U))
            rf_net_fail(&b->net, RF_EMODEL, "its dims are no permutation of 1 to %d", rank - 1);
        else
            seen |= 1U << dims[d - 1];
        perm[d] = (int)dims[d - 1];
    }
    return rf_net_transpose(&b->net, rf_keras_name(b, "transpose"), *in, perm);
}

/* [batch, c] -> [batch, n, c] */
rf_net_tensor rf_keras_repeat(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                              int count)
{
    (void)count;
    const int64_t n = rf_keras_int(&b->net, l, "n", 1);
    if (!b->net.st && (in->shape.rank != 2 || n < 1 || n > INT32_MAX))
        rf_net_fail(&b->net, RF_EMODEL, "n is %lld and its input has %d dims; expected 2",
                    (long long)n, in->shape.rank);
    rf_net_tensor x = rf_net_unsqueeze(&b->net, rf_keras_step(b, "ExpandDims"), *in, 1);
    if (b->net.st)
        return nothing_at_all;
    rf_value *const inputs[] = {
        rf_net_plain(&b->net, &x),
        rf_net_ints(&b->net, rf_net_text(&b->net, "%s/repeats", b->node),
                    (const int64_t[]){ 1, n, 1 }, 3),
    };
    x.shape.dims[1] = n;
    return rf_net_node(&b->net, "Tile", rf_keras_name(b, "Tile"), inputs, 2, RF_DTYPE_F32, &x.shape,
                       false);
}
