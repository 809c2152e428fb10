/* Biases of a QDQ graph as int32: scale = input scale * weight scale of the channel, zero point 0, as targets add them. */
#include "export/qdq.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "bn/bias_grid.h"

/* A code this large holds a bias as exactly as float32 does. */
#define FINE_CODE 16777216.0

/* A layer whose bias can become integer. */
typedef struct layer {
    rf_node *node;
    float input_scale;
    rf_node *dequantize; /* of the weights */
    rf_value *bias;
} layer;

/* The DequantizeLinear that makes `v`, or NULL. */
static rf_node *dequantizes(const rf_value *v)
{
    rf_node *n = v ? v->producer : NULL;
    return n && !strcmp(n->op_type, "DequantizeLinear") ? n : NULL;
}

/* Axis of the output channels in the weights as they lie. */
static int channel_axis(const rf_node *n)
{
    if (rf_node_is(n, "Conv"))
        return 0;
    if (rf_node_is(n, "ConvTranspose"))
        return 1;
    return rf_attr_int(n, "transB", 0) ? 0 : 1;
}

static bool adds_plain_bias(const rf_node *n)
{
    if (rf_node_is(n, "Conv") || rf_node_is(n, "ConvTranspose"))
        return true;
    return rf_node_is(n, "Gemm") && rf_attr_float(n, "alpha", 1.0f) == 1.0f &&
           rf_attr_float(n, "beta", 1.0f) == 1.0f;
}

static bool match_layer(rf_node *n, layer *out)
{
    if (!adds_plain_bias(n))
        return false;
    rf_value *bias = rf_node_input(n, 2);
    const rf_node *input = dequantizes(rf_node_input(n, 0));
    rf_node *dequantize = dequantizes(rf_node_input(n, 1));
    if (!bias || !bias->constant || bias->constant->dtype != RF_DTYPE_F32 || !input ||
        !dequantize || !dequantize->inputs[0]->constant)
        return false;
    const rf_tensor *scale = dequantize->inputs[1]->constant,
                    *input_scale = input->inputs[1]->constant;
    if (bias->constant->shape.rank != 1 || input_scale->count != 1)
        return false;
    if (scale->count != 1 && (rf_attr_int(dequantize, "axis", 1) != channel_axis(n) ||
                              scale->count != bias->constant->count))
        return false;
    *out = (layer){ n, rf_tensor_f32(input_scale)[0], dequantize, bias };
    return true;
}

/* All codes of channel `c` are zero: its scale says nothing and may be any. */
static bool is_dead(const layer *l, int64_t c)
{
    const rf_tensor *codes = l->dequantize->inputs[0]->constant;
    const rf_tensor *zero = l->dequantize->inputs[2]->constant;
    const int64_t channels = l->dequantize->inputs[1]->constant->count;
    const int64_t inner = rf_channel_run(&codes->shape, channel_axis(l->node));
    const int64_t at_zero = rf_tensor_get_i64(zero, channels == 1 ? 0 : c);
    for (int64_t run = c; run * inner < codes->count; run += channels)
        for (int64_t i = 0; i < inner; i++)
            if (rf_tensor_get_i64(codes, run * inner + i) != at_zero)
                return false;
    return true;
}

/* Only its bias is left of a channel of zeros: a scale that makes it exact changes nothing else. */
static void refine_dead_channels(const layer *l)
{
    rf_tensor *scale = l->dequantize->inputs[1]->constant;
    const float *bias = rf_tensor_f32(l->bias->constant);
    if (scale->count == 1 || !rf_value_only_consumer(l->dequantize->outputs[0]))
        return;
    for (int64_t c = 0; c < scale->count; c++) {
        const float exact = (float)(fabs((double)bias[c]) / (double)l->input_scale / FINE_CODE);
        if (exact * l->input_scale >= FLT_MIN && is_dead(l, c))
            rf_tensor_f32(scale)[c] = exact;
    }
}

/* One scale a channel; false where a bias does not fit. */
static bool quantize(const layer *l, float *scale_dst, int32_t *dst)
{
    const rf_tensor *bias = l->bias->constant, *weights = l->dequantize->inputs[1]->constant;
    for (int64_t c = 0; c < bias->count; c++) {
        const float unit = l->input_scale * rf_tensor_f32(weights)[weights->count == 1 ? 0 : c];
        if (!rf_bias_code(rf_tensor_f32(bias)[c], unit, &dst[c]))
            return false;
        scale_dst[c] = unit;
    }
    return true;
}

static rf_status new_channel_tensor(const layer *l, rf_dtype dtype, rf_tensor **out)
{
    return rf_tensor_new_shape(l->bias->constant->ctx, dtype, &l->bias->constant->shape, out);
}

/* codes, scale, zero point 0 -> DequantizeLinear -> the layer's input 2. The graph owns the tensors from here on. */
static rf_status attach(rf_graph *g, const layer *l, rf_tensor *tensors[3])
{
    static const char *const suffixes[3] = { "quantized", "scale", "zero_point" };
    rf_value *inputs[4] = { NULL }, *real = NULL;
    rf_node *n = NULL;
    for (int i = 0; i < 3; i++) {
        rf_tensor *t = tensors[i];
        tensors[i] = NULL;
        RF_TRY(rf_new_constant(g, rf_arena_printf(&g->arena, "%s_%s", l->bias->name, suffixes[i]),
                               t, &inputs[i]));
    }
    RF_TRY(rf_new_value(g, rf_arena_printf(&g->arena, "%s_dequantized", l->bias->name),
                        RF_DTYPE_F32, &l->bias->constant->shape, &real));
    RF_TRY(rf_new_node(g, "DequantizeLinear", inputs, real, l->node, &n));
    RF_TRY(rf_node_set_int(g, n, "axis", 0));
    return rf_node_set_input(g, l->node, 2, real);
}

static rf_status quantize_bias(rf_graph *g, const layer *l)
{
    rf_tensor *tensors[3] = { NULL };
    rf_status st = new_channel_tensor(l, RF_DTYPE_I32, &tensors[0]);
    if (!st)
        st = new_channel_tensor(l, RF_DTYPE_F32, &tensors[1]);
    if (!st)
        st = new_channel_tensor(l, RF_DTYPE_I32, &tensors[2]);
    if (!st) {
        refine_dead_channels(l);
        if (quantize(l, rf_tensor_f32(tensors[1]), tensors[0]->data))
            st = attach(g, l, tensors);
        else
            rf_log(g->ctx, RF_LOG_WARNING,
                   "%s '%s' keeps a float bias: a channel's scale is so small that the bias does "
                   "not fit into int32",
                   l->node->op_type, l->node->name);
    }
    for (int i = 0; i < 3; i++)
        rf_tensor_free(tensors[i]);
    return st;
}

rf_status rf_qdq_quantize_biases(rf_graph *g)
{
    layer l;
    for (rf_node *n = g->first; n; n = n->next)
        if (match_layer(n, &l))
            RF_TRY(quantize_bias(g, &l));
    return RF_OK;
}
