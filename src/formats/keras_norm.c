/* BatchNormalization, Rescaling and Normalization. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/keras_build.h"

static const rf_net_tensor nothing = { 0 };

int rf_keras_batch_norm_names(const rf_keras_layer *l, const char *names[])
{
    int count = 0;
    if (rf_keras_bool(l, "scale", true))
        names[count++] = "gamma";
    if (rf_keras_bool(l, "center", true))
        names[count++] = "beta";
    names[count++] = "moving_mean";
    names[count++] = "moving_variance";
    return count;
}

/* A parameter that the layer was told to do without. */
static rf_net_tensor filled(rf_keras_builder *b, const rf_keras_layer *l, const char *what,
                            const rf_net_tensor *like, float value)
{
    rf_tensor *t = NULL;
    if (b->net.st)
        return nothing;
    b->net.st = rf_tensor_new_shape(b->net.g->ctx, RF_DTYPE_F32, &like->shape, &t);
    for (int64_t i = 0; t && i < t->count; i++)
        rf_tensor_f32(t)[i] = value;
    return rf_net_constant(&b->net, rf_net_text(&b->net, "%s/%s:0", l->path, what), t);
}

/* 3, [3] or -1. */
static int bn_axis(rf_keras_builder *b, const rf_keras_layer *l)
{
    const json_t *list = rf_keras_get(l, "axis");
    int64_t axis = -1;
    if (json_is_array(list) && json_array_size(list) != 1)
        rf_net_fail(&b->net, RF_EUNSUPPORTED, "it normalizes over %zu axes; refold has BN over one",
                    json_array_size(list));
    else
        rf_keras_ints(&b->net, l, "axis", 1, -1, &axis);
    return (int)axis;
}

rf_net_tensor rf_keras_batch_norm(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                  int count)
{
    (void)count;
    const bool scale = rf_keras_bool(l, "scale", true), center = rf_keras_bool(l, "center", true);
    const int first = (scale ? 1 : 0) + (center ? 1 : 0);
    const rf_net_tensor mean = rf_keras_weight(b, l, first, "moving_mean");
    const rf_net_tensor parameters[4] = {
        scale ? rf_keras_weight(b, l, 0, "gamma") : filled(b, l, "gamma", &mean, 1.0F),
        center ? rf_keras_weight(b, l, first - 1, "beta") : filled(b, l, "beta", &mean, 0.0F),
        mean,
        rf_keras_weight(b, l, first + 1, "moving_variance"),
    };
    const double epsilon = rf_keras_real(&b->net, l, "epsilon", 1e-3);
    const double momentum = rf_keras_real(&b->net, l, "momentum", 0.99);
    const rf_net_tensor x = rf_net_batch_norm(&b->net, rf_keras_name(b, "FusedBatchNormV3"), *in,
                                              bn_axis(b, l), parameters, (float)epsilon);
    rf_net_set_float(&b->net, x, "momentum", momentum);
    return x;
}

/* --- preprocessing --- */

/* A number or a list of them, along the last axis. */
static rf_net_tensor list_constant(rf_keras_builder *b, const rf_keras_layer *l, const char *key,
                                   double fallback, bool *neutral)
{
    const json_t *value = rf_keras_get(l, key);
    const char *name = rf_net_text(&b->net, "%s/%s", b->node, key);
    if (!json_is_array(value)) {
        const double x = rf_keras_real(&b->net, l, key, fallback);
        *neutral = x == fallback;
        return rf_net_scalar(&b->net, name, (float)x);
    }
    const int64_t size = (int64_t)json_array_size(value);
    rf_tensor *t = NULL;
    *neutral = false;
    if (!b->net.st)
        b->net.st = rf_tensor_new(b->net.g->ctx, RF_DTYPE_F32, 1, &size, &t);
    for (int64_t i = 0; t && i < size; i++)
        rf_tensor_f32(t)[i] = (float)json_number_value(json_array_get(value, (size_t)i));
    return rf_net_constant(&b->net, name, t);
}

rf_net_tensor rf_keras_rescaling(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                 int count)
{
    (void)count;
    bool no_scale, no_offset;
    const rf_net_tensor scale = list_constant(b, l, "scale", 1.0, &no_scale);
    const rf_net_tensor offset = list_constant(b, l, "offset", 0.0, &no_offset);
    const rf_net_name last = rf_keras_name(b, no_offset ? "mul" : "add");
    const rf_net_name first = no_offset ? last : rf_keras_step(b, "mul");
    rf_net_tensor x = rf_net_binary(&b->net, "Mul", first, *in, scale, RF_DTYPE_F32);
    if (!no_offset)
        x = rf_net_binary(&b->net, "Add", last, x, offset, RF_DTYPE_F32);
    return x;
}

int rf_keras_normalization_names(const rf_keras_layer *l, const char *names[])
{
    if (rf_keras_get(l, "mean"))
        return 0;
    names[0] = "mean";
    names[1] = "variance";
    names[2] = "count";
    return 3;
}

/* Statistics lie along the axes that the config names; they are stretched to the rank of the input. */
static rf_net_tensor stretch(rf_keras_builder *b, const rf_keras_layer *l, const rf_net_tensor *x,
                             rf_net_tensor t)
{
    const json_t *axes = rf_keras_get(l, "axis");
    const size_t listed = json_is_array(axes) ? json_array_size(axes) : axes ? 1U : 0U;
    rf_shape shape = { .rank = x->shape.rank };
    int64_t count = 1;
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = 1;
    for (size_t i = 0; i < listed && !b->net.st; i++) {
        const json_t *item = json_is_array(axes) ? json_array_get(axes, i) : axes;
        const int axis = rf_net_axis(&b->net, json_integer_value(item), shape.rank);
        shape.dims[axis] = x->shape.dims[axis];
        count *= shape.dims[axis] < 0 ? 0 : shape.dims[axis];
    }
    if (!b->net.st && count != t.constant->count)
        rf_net_fail(&b->net, RF_ESHAPE, "it has %lld statistics for %lld features",
                    (long long)t.constant->count, (long long)count);
    return rf_net_reshape(&b->net, rf_keras_step(b, "stretched"), t, shape.rank, shape.dims);
}

static rf_net_tensor statistic(rf_keras_builder *b, rf_keras_layer *l, int index, const char *what)
{
    bool neutral;
    if (!rf_keras_get(l, what))
        return rf_keras_weight(b, l, index, what);
    /* {"class_name": "__numpy__"} and nested lists are flattened by Keras itself in what it writes most */
    const json_t *value = rf_keras_get(l, what);
    if (json_is_array(json_array_get(value, 0)))
        rf_net_fail(&b->net, RF_EUNSUPPORTED, "its '%s' is a nested list", what);
    return list_constant(b, l, what, 0.0, &neutral);
}

/* (x - mean) / max(sqrt(variance), 1e-7). */
rf_net_tensor rf_keras_normalization(rf_keras_builder *b, rf_keras_layer *l,
                                     const rf_net_tensor *in, int count)
{
    (void)count;
    if (rf_keras_bool(l, "invert", false))
        rf_net_fail(&b->net, RF_EUNSUPPORTED, "invert=True; refold reads Normalization forward");
    rf_net_tensor mean = statistic(b, l, 0, "mean"), scale = statistic(b, l, 1, "variance");
    if (b->net.st)
        return nothing;
    scale = rf_net_permuted(&b->net, &scale,
                            (const int[]){ 0, 1, 2, 3, 4, 5, 6, 7 }); /* a copy of its own */
    for (int64_t i = 0; !b->net.st && i < scale.constant->count; i++) {
        float *v = &rf_tensor_f32(scale.constant)[i];
        *v = 1.0F / fmaxf(sqrtf(*v), 1e-7F);
    }
    scale.name = rf_net_text(&b->net, "%s/scale", b->node);
    mean = stretch(b, l, in, mean);
    scale = stretch(b, l, in, scale);
    const rf_net_tensor x =
        rf_net_binary(&b->net, "Sub", rf_keras_step(b, "sub"), *in, mean, RF_DTYPE_F32);
    return rf_net_binary(&b->net, "Mul", rf_keras_name(b, "truediv"), x, scale, RF_DTYPE_F32);
}
