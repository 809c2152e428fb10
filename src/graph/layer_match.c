/* Recognizing a linear layer as exporters write it, and where its weight and bias are. */
#include <string.h>

#include "graph/bn_pairs.h"

static bool is_fakequant(const rf_node *n)
{
    return n && strcmp(n->domain, "refold") == 0 && strcmp(n->op_type, "FakeQuant") == 0;
}

rf_value *rf_skip_fakequant(rf_value *v)
{
    while (v && is_fakequant(v->producer))
        v = rf_node_input(v->producer, 0);
    return v;
}

/* The one node behind v, behind FakeQuant nodes that nobody else reads; NULL when v goes several ways. */
static rf_node *sole_reader(const rf_value *v)
{
    rf_node *n = rf_value_only_consumer(v);
    while (is_fakequant(n) && rf_node_output(n, 0))
        n = rf_value_only_consumer(n->outputs[0]);
    return n;
}

static bool swaps_two_axes(const rf_node *n)
{
    int64_t count = 0;
    const int64_t *perm = rf_attr_ints(n, "perm", &count);
    return !perm || (count == 2 && perm[0] == 1 && perm[1] == 0);
}

/* PyTorch writes a Linear without bias as a Transpose of the stored weight in front of a MatMul. */
static void find_weight(rf_value *operand, rf_layer *layer)
{
    rf_value *v = rf_skip_fakequant(operand);
    rf_node *n = v ? v->producer : NULL;
    if (n && !v->constant && rf_node_is(n, "Transpose") && swaps_two_axes(n)) {
        layer->transpose = n;
        v = rf_skip_fakequant(rf_node_input(n, 0));
    }
    layer->weight = v && v->constant ? v : NULL;
}

static bool weight_has_rank(const rf_layer *layer, int least, int most)
{
    if (!layer->weight)
        return false;
    const int rank = layer->weight->constant->shape.rank;
    return rank >= least && rank <= most;
}

static void find_bias(rf_layer *layer)
{
    rf_value *v = rf_skip_fakequant(rf_node_input(layer->node, 2));
    layer->bias = v && v->constant ? v : NULL;
}

static bool match_conv(rf_layer *layer, int channel_axis)
{
    layer->channel_axis = channel_axis;
    layer->groups = rf_attr_int(layer->node, "group", 1);
    find_bias(layer);
    /* A transposed weight would move the axes; exporters do that for matrices only. */
    return !layer->transpose && weight_has_rank(layer, 3, RF_MAX_RANK) && layer->groups >= 1;
}

static bool match_gemm(rf_layer *layer)
{
    const bool columns = !rf_attr_int(layer->node, "transB", 0);
    layer->channel_axis = columns == !layer->transpose ? 1 : 0;
    find_bias(layer);
    return weight_has_rank(layer, 2, 2) && !rf_attr_int(layer->node, "transA", 0);
}

static bool is_vector_of(const rf_tensor *t, int64_t count)
{
    const int rank = t->shape.rank;
    return t->count == count && rank >= 1 && t->shape.dims[rank - 1] == count;
}

/* An Add of one value a channel, right behind the MatMul, is its bias. */
static void find_added_bias(rf_layer *layer, int64_t channels)
{
    rf_node *add = sole_reader(layer->node->outputs[0]);
    if (!add || !rf_node_is(add, "Add") || add->input_count != 2)
        return;
    for (int i = 0; i < 2; i++) {
        rf_value *v = rf_skip_fakequant(add->inputs[i]);
        if (!v || !v->constant || !is_vector_of(v->constant, channels))
            continue;
        layer->bias_node = add;
        layer->bias = v;
        layer->output = add->outputs[0];
    }
}

static bool match_matmul(rf_layer *layer)
{
    if (!weight_has_rank(layer, 2, 2))
        return false;
    layer->channel_axis = layer->transpose ? 0 : 1;
    find_added_bias(layer, layer->weight->constant->shape.dims[layer->channel_axis]);
    return true;
}

bool rf_layer_match(rf_node *n, rf_layer *out)
{
    rf_layer layer = { .node = n, .output = rf_node_output(n, 0), .groups = 1 };
    bool matches = false;
    if (!layer.output || n->input_count < 2)
        return false;
    find_weight(rf_node_input(n, 1), &layer);
    if (rf_node_is(n, "Conv"))
        matches = match_conv(&layer, 0);
    else if (rf_node_is(n, "ConvTranspose"))
        matches = match_conv(&layer, 1);
    else if (rf_node_is(n, "Gemm"))
        matches = match_gemm(&layer);
    else if (rf_node_is(n, "MatMul"))
        matches = match_matmul(&layer);
    if (matches)
        *out = layer;
    return matches;
}
