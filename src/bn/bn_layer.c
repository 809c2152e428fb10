/* Reading and editing a layer and its BN. */
#include "bn/bn_layer.h"

#include <math.h>
#include <string.h>

#include "ops/params.h"
#include "quant/fakequant.h"
#include "sim/sim.h"

/* --- reading BN --- */

/* A quantizer of a BN parameter, as the running network applies it: one range, or one a channel. */
static void apply_quantizer(const rf_node *q, float *values, int64_t count)
{
    const rf_qspec spec = rf_quantizer_spec(q);
    const int64_t ranges = rf_quantizer_count(q);
    const rf_qarray one = { .outer = 1, .channels = 1, .inner = ranges == count ? 1 : count };

    for (int64_t c = 0; c < (ranges == count ? count : 1); c++) {
        float scale = 1.0F;
        int32_t offset = 0;
        rf_scale_offset(&spec, rf_quantizer_min(q)[c], rf_quantizer_max(q)[c], &scale, &offset);
        rf_fakequant_forward(&spec, &one, &scale, &offset, values + c, values + c);
    }
}

/* Input `index` of a BN as floats; NULL with a reason where it is no constant of the right size. */
static float *read_param(rf_arena *arena, const rf_node *bn, int index, int64_t channels,
                         const char **reason_out)
{
    rf_value *v = rf_node_input(bn, index);
    rf_value *source = v ? rf_skip_fakequant(v) : NULL;

    if (!source || !source->constant || source->constant->dtype != RF_DTYPE_F32 ||
        (channels >= 0 && source->constant->count != channels)) {
        *reason_out = rf_arena_printf(
            arena, "input %d of the BN is no float32 constant of its channels", index);
        return NULL;
    }
    const int64_t count = source->constant->count;
    float *values = rf_arena_array(arena, (size_t)count, sizeof *values);
    if (!values)
        return NULL;
    memcpy(values, source->constant->data, (size_t)count * sizeof *values);
    if (v != source && rf_quantizer_enabled(v->producer))
        apply_quantizer(v->producer, values, count);
    return values;
}

rf_status rf_bn_affine_get(rf_arena *arena, const rf_node *bn, rf_bn_affine *out,
                           const char **reason_out)
{
    const float epsilon = rf_attr_float(bn, "epsilon", 1e-5F);
    const rf_value *gamma_in = rf_node_input(bn, 1);
    const rf_value *gamma = gamma_in ? rf_skip_fakequant(rf_node_input(bn, 1)) : NULL;
    const int64_t channels = gamma && gamma->constant ? gamma->constant->count : -1;
    float *params[4];

    *reason_out = NULL;
    for (int i = 0; i < 4; i++) {
        params[i] = read_param(arena, bn, i + 1, channels, reason_out);
        if (!params[i])
            return *reason_out ? RF_OK : RF_ENOMEM;
    }
    for (int64_t c = 0; c < channels; c++) {
        const float spread = params[3][c] + epsilon;
        params[0][c] /= sqrtf(spread);
        if (!(spread > 0.0F) || !isfinite(params[0][c]) || !isfinite(params[2][c]) ||
            !isfinite(params[1][c])) {
            *reason_out = rf_arena_printf(
                arena,
                "channel %lld of the BN has variance + epsilon %g, which gives no finite factor",
                (long long)c, (double)spread);
            return *reason_out ? RF_OK : RF_ENOMEM;
        }
    }
    *out = (rf_bn_affine){
        .channels = channels, .scale = params[0], .beta = params[1], .mean = params[2]
    };
    return RF_OK;
}

/* --- reading the layer --- */

/* The first value between weights and layer that somebody else reads too; NULL if none. */
static const rf_value *shared_weights(const rf_layer *layer)
{
    const rf_value *v = rf_node_input(layer->node, 1);

    while (v) {
        if (!rf_value_is_used_once(v))
            return v;
        v = v->producer ? rf_node_input(v->producer, 0) : NULL;
    }
    return NULL;
}

static const char *other_user(const rf_value *v, const rf_node *own)
{
    for (const rf_use *u = v->uses; u; u = u->next)
        if (u->node != own)
            return u->node->name;
    return "another node";
}

const char *rf_layer_refusal(rf_arena *arena, const rf_layer *layer, int64_t channels)
{
    const rf_tensor *w = layer->weight->constant;
    const rf_value *shared = shared_weights(layer);

    if (shared)
        return rf_arena_printf(
            arena, "its weights '%s' are used by '%s' too; give each layer weights of its own",
            layer->weight->name, other_user(shared, layer->node));
    if (w->dtype != RF_DTYPE_F32)
        return rf_arena_printf(arena, "its weights are %s, not float32", rf_dtype_name(w->dtype));
    if (layer->channel_axis >= w->shape.rank || w->shape.dims[layer->channel_axis] != channels)
        return rf_arena_printf(arena, "its weights do not have the BN's %lld channels on axis %d",
                               (long long)channels, layer->channel_axis);
    return NULL;
}

rf_status rf_layer_get_bias(rf_arena *arena, const rf_layer *layer, int64_t channels, float **out,
                            const char **reason_out)
{
    const rf_tensor *b = layer->bias ? layer->bias->constant : NULL;
    float *bias = rf_arena_array(arena, (size_t)channels, sizeof *bias);

    *reason_out = NULL;
    if (!bias)
        return RF_ENOMEM;
    if (b && (b->dtype != RF_DTYPE_F32 || (b->count != channels && b->count != 1))) {
        *reason_out =
            rf_arena_printf(arena, "its bias '%s' is no float32 constant of %lld channels",
                            layer->bias->name, (long long)channels);
        return *reason_out ? RF_OK : RF_ENOMEM;
    }
    for (int64_t c = 0; b && c < channels; c++)
        bias[c] = rf_tensor_f32(b)[b->count == 1 ? 0 : c];
    *out = bias;
    return RF_OK;
}

int64_t rf_layer_channel_inner(const rf_layer *layer)
{
    const rf_shape *shape = &layer->weight->constant->shape;
    int64_t inner = 1;

    for (int d = layer->channel_axis + 1; d < shape->rank; d++)
        inner *= shape->dims[d];
    return inner;
}

void rf_layer_scale_weights(const rf_layer *layer, const float *scale)
{
    rf_tensor *w = layer->weight->constant;
    const int64_t channels = w->shape.dims[layer->channel_axis],
                  inner = rf_layer_channel_inner(layer);

    for (int64_t i = 0; i < w->count; i++)
        rf_tensor_f32(w)[i] *= scale[i / inner % channels];
    rf_value_touch(layer->weight);
}

/* --- editing --- */

static rf_status new_constant(rf_graph *g, const char *base, const float *values, int64_t count,
                              rf_value **out)
{
    const char *name = rf_graph_unique_name(g, base);
    rf_tensor *t = NULL;

    if (!name)
        return RF_ENOMEM;
    RF_TRY(rf_tensor_new(g->ctx, RF_DTYPE_F32, 1, &count, &t));
    memcpy(t->data, values, (size_t)count * sizeof *values);
    return rf_graph_take_constant(g, name, t, out);
}

rf_status rf_node_set_floats(rf_graph *g, rf_node *n, int index, const char *base,
                             const float *values, int64_t count)
{
    rf_value *v = rf_node_input(n, index);
    const bool own = v && rf_value_is_used_once(v) && !v->is_output;
    rf_value *source = own ? rf_skip_fakequant(v) : NULL;

    if (source && rf_value_is_used_once(source) && source->constant &&
        source->constant->dtype == RF_DTYPE_F32 && source->constant->count == count) {
        memcpy(source->constant->data, values, (size_t)count * sizeof *values);
        rf_value_touch(source);
        return RF_OK;
    }
    RF_TRY(new_constant(g, base, values, count, &v));
    return rf_node_set_input(g, n, index, v);
}

/* "conv1.weight" -> "conv1.bias". */
static char *bias_name(rf_graph *g, const rf_value *weight)
{
    const size_t length = strlen(weight->name), tail = strlen(".weight");
    const bool ends = length > tail && strcmp(weight->name + length - tail, ".weight") == 0;

    return rf_arena_printf(&g->arena, "%.*s.bias", (int)(ends ? length - tail : length),
                           weight->name);
}

static int constant_side(const rf_node *add)
{
    return rf_skip_fakequant(add->inputs[0])->constant ? 0 : 1;
}

/* With a bias, PyTorch exports a linear layer as Gemm: "/fc/MatMul" makes "/fc/Gemm_output_0" from here on. */
static const char *name_with_bias(rf_graph *g, const rf_node *matmul)
{
    const size_t length = strlen(matmul->name), tail = strlen("/MatMul");
    const bool scoped = length > tail && strcmp(matmul->name + length - tail, "/MatMul") == 0;

    return scoped ? rf_arena_printf(&g->arena, "%.*s/Gemm_output_0", (int)(length - tail),
                                    matmul->name)
                  : rf_arena_printf(&g->arena, "%s_bias", matmul->name);
}

static rf_status append_add(rf_graph *g, const rf_layer *layer, const char *base, const float *bias,
                            int64_t channels, rf_node **out)
{
    rf_value *sum = NULL, *constant = NULL;
    const char *name = name_with_bias(g, layer->node);

    if (!name || !(name = rf_graph_unique_name(g, name)))
        return RF_ENOMEM;
    RF_TRY(new_constant(g, base, bias, channels, &constant));
    RF_TRY(rf_graph_add_value(g, name, layer->output->dtype, &layer->output->shape, &sum));
    rf_value *inputs[2] = { layer->output, constant };
    const rf_node_desc desc = { .name = name,
                                .op_type = "Add",
                                .inputs = inputs,
                                .input_count = 2,
                                .outputs = &sum,
                                .output_count = 1,
                                .before = layer->node->next };
    return rf_graph_add_node(g, &desc, out);
}

rf_status rf_layer_set_bias(rf_graph *g, const rf_layer *layer, int64_t channels, const float *bias,
                            rf_node **adder_out)
{
    const char *base = bias_name(g, layer->weight);

    if (!base)
        return RF_ENOMEM;
    if (rf_node_is(layer->node, "MatMul") && !layer->bias_node)
        return append_add(g, layer, base, bias, channels, adder_out);
    rf_node *adder = layer->bias_node ? layer->bias_node : layer->node;
    RF_TRY(rf_node_set_floats(g, adder, layer->bias_node ? constant_side(adder) : 2, base, bias,
                              channels));
    *adder_out = adder;
    return RF_OK;
}

rf_status rf_layer_replace_bn(rf_graph *g, const rf_layer *layer, rf_node *bn, rf_node *adder,
                              bool keep_name)
{
    rf_value *out = bn->outputs[0], *v = bn->inputs[0];

    RF_TRY(rf_graph_remove_node(g, bn));
    while (v != layer->output) {
        rf_node *between = v->producer;
        v = between->inputs[0];
        RF_TRY(rf_graph_remove_node(g, between));
    }
    if (keep_name && !out->is_output && !out->pinned)
        return rf_graph_replace_uses(g, out, adder->outputs[0], NULL);
    return rf_node_set_output(g, adder, 0, out);
}
