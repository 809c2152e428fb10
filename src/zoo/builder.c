/* Building blocks of networks: nodes with their weights, named as PyTorch names them. */
#include "zoo/builder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"

enum { LARGEST_SMALL_INPUT = 64, SMALLEST_MAP = 4 };

static const rf_feature nothing = { 0 };

const char *rf_build_name(rf_builder *b, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *name = rf_arena_strdup(&b->g->arena, text);
    if (!name)
        b->st = RF_ENOMEM;
    return name ? name : "";
}

int64_t rf_scaled_channels(const rf_builder *b, int64_t c)
{
    const double wanted = (double)c * b->width;
    int64_t scaled = (int64_t)(wanted + 4.0) / 8 * 8;
    if (scaled < 8)
        scaled = 8;
    return (double)scaled < 0.9 * wanted ? scaled + 8 : scaled;
}

int rf_dropped_halvings(const rf_feature *input, int halvings)
{
    int64_t side = input->h < input->w ? input->h : input->w;
    int kept = 0;
    if (side > LARGEST_SMALL_INPUT)
        return 0;
    for (side = (side + 1) / 2; side >= SMALLEST_MAP && kept < halvings; side = (side + 1) / 2)
        kept++;
    return halvings - kept;
}

/* --- constants --- */

static rf_tensor *new_tensor(rf_builder *b, int rank, const int64_t *dims)
{
    rf_tensor *t = NULL;
    if (!b->st)
        b->st = rf_tensor_new(b->g->ctx, RF_DTYPE_F32, rank, dims, &t);
    return t;
}

static rf_value *take(rf_builder *b, const char *name, rf_tensor *t)
{
    rf_value *v = NULL;
    if (t)
        b->st = rf_graph_take_constant(b->g, name, t, &v);
    return v;
}

static rf_value *constant(rf_builder *b, const char *name, int rank, const int64_t *dims,
                          float value)
{
    rf_tensor *t = new_tensor(b, rank, dims);
    for (int64_t i = 0; t && i < t->count; i++)
        rf_tensor_f32(t)[i] = value;
    return take(b, name, t);
}

static rf_value *random_weight(rf_builder *b, const char *name, int rank, const int64_t *dims,
                               double deviation)
{
    rf_tensor *t = new_tensor(b, rank, dims);
    for (int64_t i = 0; t && i < t->count; i++)
        rf_tensor_f32(t)[i] = (float)(deviation * rf_rng_normal(&b->rng));
    return take(b, name, t);
}

/* --- nodes --- */

/* A node with one output: `name` and `output`. Returns the node, or NULL after a failure. */
static rf_node *add_node(rf_builder *b, const char *op_type, const char *name, const char *output,
                         rf_value *const *inputs, int input_count, const rf_shape *shape)
{
    rf_value *v = NULL;
    rf_node *n = NULL;
    for (int i = 0; i < input_count; i++)
        if (!inputs[i] && !b->st)
            b->st = RF_EINTERNAL;
    if (!b->st)
        b->st = rf_graph_add_value(b->g, output, RF_DTYPE_F32, shape, &v);
    if (!b->st) {
        const rf_node_desc desc = {
            .name = name,
            .op_type = op_type,
            .inputs = inputs,
            .input_count = input_count,
            .outputs = &v,
            .output_count = 1,
        };
        b->st = rf_graph_add_node(b->g, &desc, &n);
    }
    return b->st ? NULL : n;
}

static rf_node *add_map_node(rf_builder *b, const char *op_type, const char *name,
                             rf_value *const *inputs, int input_count, rf_feature *map)
{
    const rf_shape shape = rf_shape_of(4, (const int64_t[]){ -1, map->c, map->h, map->w });
    rf_node *n = add_node(b, op_type, name, rf_build_name(b, "%s.output", name), inputs,
                          input_count, &shape);
    map->value = n ? n->outputs[0] : NULL;
    return n;
}

static void set_ints(rf_builder *b, rf_node *n, const char *name, const int64_t *values,
                     int64_t count)
{
    if (n && !b->st)
        b->st = rf_node_set_ints(b->g, n, name, values, count);
}

rf_feature rf_build_input(rf_builder *b, int64_t c, int64_t h, int64_t w)
{
    const rf_shape shape = rf_shape_of(4, (const int64_t[]){ -1, c, h, w });
    rf_feature input = { .c = c, .h = h, .w = w };
    b->st = rf_graph_add_input(b->g, "input", RF_DTYPE_F32, &shape, &input.value);
    return input;
}

static int64_t same_size(int64_t size, int64_t stride)
{
    return (size + stride - 1) / stride;
}

static int64_t same_padding(int64_t size, int64_t kernel, int64_t stride)
{
    const int64_t padding = (same_size(size, stride) - 1) * stride + kernel - size;
    return padding > 0 ? padding : 0;
}

/* Symmetric for odd kernels, as PyTorch pads: a map that is halved loses its last line, not its first. */
static void padding_of(const rf_feature *src, const rf_conv_spec *spec, int64_t pads[4])
{
    const int64_t h = same_padding(src->h, spec->kernel_h, spec->stride);
    const int64_t w = same_padding(src->w, spec->kernel_w, spec->stride);
    const bool odd = spec->kernel_h % 2 && spec->kernel_w % 2;
    pads[0] = odd ? spec->kernel_h / 2 : h / 2;
    pads[1] = odd ? spec->kernel_w / 2 : w / 2;
    pads[2] = odd ? spec->kernel_h / 2 : h - h / 2;
    pads[3] = odd ? spec->kernel_w / 2 : w - w / 2;
}

/* He et al. 2015 (arXiv 1502.01852), fan-out: the variance of gradients is kept from layer to layer. */
static double he_deviation(const rf_conv_spec *spec)
{
    const int64_t fan_out = spec->channels * spec->kernel_h * spec->kernel_w / spec->groups;
    return sqrt(2.0 / (double)fan_out);
}

rf_feature rf_build_conv(rf_builder *b, rf_feature src, const char *name, const rf_conv_spec *spec)
{
    if (b->st)
        return nothing;
    const int64_t dims[] = { spec->channels, src.c / spec->groups, spec->kernel_h, spec->kernel_w };
    rf_value *weight =
        random_weight(b, rf_build_name(b, "%s.weight", name), 4, dims, he_deviation(spec));
    rf_feature dst = {
        .c = spec->channels,
        .h = same_size(src.h, spec->stride),
        .w = same_size(src.w, spec->stride),
    };
    int64_t pads[4];
    padding_of(&src, spec, pads);
    rf_node *n = add_map_node(b, "Conv", name, (rf_value *const[]){ src.value, weight }, 2, &dst);
    set_ints(b, n, "dilations", (const int64_t[]){ 1, 1 }, 2);
    if (n && !b->st)
        b->st = rf_node_set_int(b->g, n, "group", spec->groups);
    set_ints(b, n, "kernel_shape", &dims[2], 2);
    set_ints(b, n, "pads", pads, 4);
    set_ints(b, n, "strides", (const int64_t[]){ spec->stride, spec->stride }, 2);
    return dst;
}

rf_feature rf_build_bn(rf_builder *b, rf_feature src, const char *name)
{
    if (b->st)
        return nothing;
    rf_value *const inputs[] = {
        src.value,
        constant(b, rf_build_name(b, "%s.weight", name), 1, &src.c, 1.0F),
        constant(b, rf_build_name(b, "%s.bias", name), 1, &src.c, 0.0F),
        constant(b, rf_build_name(b, "%s.running_mean", name), 1, &src.c, 0.0F),
        constant(b, rf_build_name(b, "%s.running_var", name), 1, &src.c, 1.0F),
    };
    rf_feature dst = src;
    rf_node *n = add_map_node(b, "BatchNormalization", name, inputs, 5, &dst);
    if (n)
        b->st = rf_node_set_float(b->g, n, "epsilon", 1e-5);
    if (n && !b->st) /* of the old value; PyTorch's 0.1 */
        b->st = rf_node_set_float(b->g, n, "momentum", 0.9);
    return dst;
}

rf_feature rf_build_conv_bn(rf_builder *b, rf_feature src, const char *prefix,
                            const rf_conv_spec *spec)
{
    const rf_feature conv = rf_build_conv(b, src, rf_build_name(b, "%s.conv", prefix), spec);
    return rf_build_bn(b, conv, rf_build_name(b, "%s.bn", prefix));
}

rf_feature rf_build_relu(rf_builder *b, rf_feature src, const char *name)
{
    if (b->st)
        return nothing;
    rf_feature dst = src;
    add_map_node(b, "Relu", name, &src.value, 1, &dst);
    return dst;
}

static rf_value *shared_scalar(rf_builder *b, const char *name, float value)
{
    rf_value *v = rf_graph_find_value(b->g, name);
    return v ? v : constant(b, name, 0, NULL, value);
}

rf_feature rf_build_relu6(rf_builder *b, rf_feature src, const char *name)
{
    if (b->st)
        return nothing;
    rf_value *const inputs[] = { src.value, shared_scalar(b, "relu6.min", 0.0F),
                                 shared_scalar(b, "relu6.max", 6.0F) };
    rf_feature dst = src;
    add_map_node(b, "Clip", name, inputs, 3, &dst);
    return dst;
}

rf_feature rf_build_add(rf_builder *b, rf_feature left, rf_feature right, const char *name)
{
    if (b->st)
        return nothing;
    rf_feature dst = left;
    add_map_node(b, "Add", name, (rf_value *const[]){ left.value, right.value }, 2, &dst);
    return dst;
}

rf_feature rf_build_max_pool(rf_builder *b, rf_feature src, const char *name)
{
    if (b->st)
        return nothing;
    rf_feature dst = { .c = src.c, .h = same_size(src.h, 2), .w = same_size(src.w, 2) };
    rf_node *n = add_map_node(b, "MaxPool", name, &src.value, 1, &dst);
    set_ints(b, n, "kernel_shape", (const int64_t[]){ 3, 3 }, 2);
    set_ints(b, n, "pads", (const int64_t[]){ 1, 1, 1, 1 }, 4);
    set_ints(b, n, "strides", (const int64_t[]){ 2, 2 }, 2);
    return dst;
}

static rf_value *flatten(rf_builder *b, rf_feature src)
{
    const rf_shape shape = rf_shape_of(2, (const int64_t[]){ -1, src.c });
    rf_feature pooled = { .c = src.c, .h = 1, .w = 1 };
    add_map_node(b, "GlobalAveragePool", "avgpool", &src.value, 1, &pooled);
    rf_node *n = add_node(b, "Flatten", "flatten", "flatten.output", &pooled.value, 1, &shape);
    if (n)
        b->st = rf_node_set_int(b->g, n, "axis", 1);
    return n ? n->outputs[0] : NULL;
}

void rf_build_head(rf_builder *b, rf_feature src, const char *name)
{
    if (b->st)
        return;
    const rf_shape shape = rf_shape_of(2, (const int64_t[]){ -1, b->classes });
    rf_value *flat = flatten(b, src);
    rf_value *weight = random_weight(b, rf_build_name(b, "%s.weight", name), 2,
                                     (const int64_t[]){ b->classes, src.c }, 0.01);
    rf_value *bias = constant(b, rf_build_name(b, "%s.bias", name), 1, &b->classes, 0.0F);
    rf_node *n =
        add_node(b, "Gemm", name, "logits", (rf_value *const[]){ flat, weight, bias }, 3, &shape);
    if (n)
        b->st = rf_node_set_int(b->g, n, "transB", 1);
    if (n && !b->st)
        b->st = rf_graph_mark_output(b->g, n->outputs[0]);
}
