/* Rounding biases to the grid of the products they are added to, so that the simulation sums as its target does. */
#include "bn/bias_grid.h"

#include <float.h>
#include <math.h>

#include "bn/bn_layer.h"
#include "ops/params.h"

/* Half of int32's range: the other half is for the sum of products. */
#define MOST_CODE 1073741824.0

bool rf_node_moves_data(const rf_node *n)
{
    static const char *const movers[] = {
        "Dropout", "Flatten", "Identity", "MaxPool",   "Reshape",
        "Slice",   "Split",   "Squeeze",  "Transpose", "Unsqueeze"
    };
    for (size_t i = 0; i < sizeof movers / sizeof *movers; i++)
        if (rf_node_is(n, movers[i]))
            return true;
    return false;
}

bool rf_bias_code(float bias, float unit, int32_t *out)
{
    const double code = rint((double)bias / (double)unit);
    if (!(unit >= FLT_MIN) || !(fabs(code) < MOST_CODE))
        return false;
    *out = (int32_t)code;
    return true;
}

static bool runs(const rf_node *quantizer)
{
    return quantizer && rf_node_is_fakequant(quantizer) && rf_quantizer_enabled(quantizer) &&
           rf_quantizer_spec(quantizer).bitwidth < 32;
}

/* Scale of a channel. */
static float grid_of(const rf_node *quantizer, int64_t channel, int32_t *offset_out)
{
    const rf_qspec spec = rf_quantizer_spec(quantizer);
    float scale;
    rf_scale_offset(&spec, rf_quantizer_min(quantizer)[channel],
                    rf_quantizer_max(quantizer)[channel], &scale, offset_out);
    return scale;
}

static const rf_node *input_quantizer(const rf_node *n)
{
    const rf_value *v = rf_node_input(n, 0);
    while (v && v->producer && rf_node_moves_data(v->producer))
        v = rf_node_input(v->producer, 0);
    const rf_node *q = v ? v->producer : NULL;
    return q && runs(q) && rf_quantizer_count(q) == 1 ? q : NULL;
}

static bool adds_plain_bias(const rf_node *n)
{
    return !rf_node_is(n, "Gemm") ||
           (rf_attr_float(n, "alpha", 1.0f) == 1.0f && rf_attr_float(n, "beta", 1.0f) == 1.0f);
}

/* The layer adds a constant bias of its own, one a channel, to products on a known grid. */
static bool match(rf_node *n, rf_layer *layer, const rf_node **input_out,
                  const rf_node **weight_out)
{
    if (rf_node_is(n, "MatMul") || !rf_layer_match(n, layer) || !layer->bias ||
        !layer->bias->constant || rf_node_input(n, 2) != layer->bias || !adds_plain_bias(n))
        return false;
    *input_out = input_quantizer(n);
    *weight_out = rf_value_quantizer(layer->weight);
    if (!*input_out || !runs(*weight_out) || layer->bias->constant->shape.rank != 1)
        return false;
    const int64_t scales = rf_quantizer_count(*weight_out);
    return scales == 1 || (scales == layer->bias->constant->count &&
                           rf_quantizer_axis(*weight_out) == layer->channel_axis);
}

/* A channel whose codes are all zero: its scale says nothing, so that its bias is on every grid. */
static bool is_dead(const rf_layer *layer, const int32_t *codes, int64_t channels, int64_t c,
                    int32_t zero)
{
    const int64_t count = layer->weight->constant->count, inner = rf_layer_channel_inner(layer);
    for (int64_t run = c; run * inner < count; run += channels)
        for (int64_t i = 0; i < inner; i++)
            if (codes[run * inner + i] != zero)
                return false;
    return true;
}

/* values: [channels] the rounded biases. */
static void round_biases(const rf_layer *layer, const rf_node *input, const rf_node *weight,
                         const int32_t *codes, float *values)
{
    const rf_tensor *bias = layer->bias->constant;
    const int64_t scales = rf_quantizer_count(weight);
    for (int64_t c = 0; c < bias->count; c++) {
        int32_t offset, code;
        const float unit =
            grid_of(input, 0, &offset) * grid_of(weight, scales == 1 ? 0 : c, &offset);
        values[c] = rf_tensor_f32(bias)[c];
        if (!is_dead(layer, codes, bias->count, c, -offset) && rf_bias_code(values[c], unit, &code))
            values[c] = (float)code * unit;
    }
}

static rf_status snap(rf_graph *g, const rf_layer *layer, const rf_node *input,
                      const rf_node *weight)
{
    const int64_t channels = layer->bias->constant->count;
    float *values = NULL;
    int32_t *codes = NULL;
    RF_NEW_ARRAY(g->ctx, values, channels);
    rf_status st = rf_quantizer_codes(g->ctx, weight, &codes);
    if (!st) {
        round_biases(layer, input, weight, codes, values);
        st = rf_node_set_floats(g, layer->node, 2, layer->bias->name, values, channels);
    }
    rf_free(g->ctx, codes);
    rf_free(g->ctx, values);
    return st;
}

rf_status rf_sim_snap_biases(rf_sim *sim)
{
    for (rf_node *n = sim->graph->first; n; n = n->next) {
        rf_layer layer;
        const rf_node *input = NULL, *weight = NULL;
        if (match(n, &layer, &input, &weight))
            RF_TRY(snap(sim->graph, &layer, input, weight));
    }
    return RF_OK;
}
