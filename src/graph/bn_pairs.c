/* The pair search of the fold: which BatchNormalization belongs to which layer, and why not. */
#include "graph/bn_pairs.h"

#include <string.h>

#include "base/status.h"

/* A reason that names nodes; in the graph's arena, which may be short of memory: then without names. */
#define REASON(g, ...) reason_or((rf_arena_printf(&(g)->arena, __VA_ARGS__)))

static const char *reason_or(const char *text)
{
    return text ? text : "it cannot be folded";
}

static const char *const bn_inputs[] = { "input", "scale", "bias", "mean", "variance" };

/* --- what only this pair may read, because folding and the rewrite of negative gammas change it --- */

/* Another reader of the constant behind `operand` than the one at its end; the operand's own way may hold FakeQuant and
 * Transpose nodes. NULL: none; `also` is left as it is. */
static bool is_shared(rf_value *operand, const rf_value *constant, const rf_node *reader,
                      const rf_node **also)
{
    for (rf_value *v = operand;; v = rf_node_input(v->producer, 0)) {
        for (const rf_use *use = v->uses; use; use = use->next)
            if (use->node != reader)
                *also = use->node;
        if (v->is_output || v->pinned || !rf_value_is_used_once(v))
            return true;
        if (v == constant)
            return false;
        reader = v->producer;
    }
}

static const char *describe_shared(rf_graph *g, const char *what, const rf_value *v,
                                   const rf_node *also)
{
    if (!also)
        return REASON(g, "its %s '%s' is used more than once", what, v->name);
    return REASON(g, "its %s '%s' is shared with %s '%s'", what, v->name, also->op_type,
                  also->name);
}

/* --- the BN itself --- */

static const char *refuse_bn(rf_graph *g, const rf_node *bn)
{
    for (int i = 1; i < 5; i++) {
        rf_value *operand = rf_node_input(bn, i);
        const rf_value *v = rf_skip_fakequant(operand);
        const rf_node *also = NULL;
        if (!v || !v->constant)
            return REASON(g, "its %s is computed by the network, not constant", bn_inputs[i]);
        if (is_shared(operand, v, bn, &also))
            return describe_shared(g, bn_inputs[i], v, also);
    }
    return NULL;
}

static int64_t bn_channels(const rf_node *bn)
{
    return rf_skip_fakequant(rf_node_input(bn, 1))->constant->count;
}

/* --- layer -> BN --- */

/* The layer whose output v is: its own node, or the Add behind a MatMul. */
static bool match_producer(const rf_value *v, rf_layer *layer)
{
    rf_node *n = v->producer;
    if (!n)
        return false;
    if (rf_layer_match(n, layer))
        return layer->output == v;
    for (int i = 0; rf_node_is(n, "Add") && i < n->input_count; i++) {
        const rf_value *operand = rf_skip_fakequant(n->inputs[i]);
        rf_node *matmul = operand ? operand->producer : NULL;
        if (matmul && rf_layer_match(matmul, layer) && layer->bias_node == n)
            return true;
    }
    return false;
}

static bool is_layer_type(const rf_node *n)
{
    return rf_node_is(n, "Conv") || rf_node_is(n, "ConvTranspose") || rf_node_is(n, "Gemm") ||
           rf_node_is(n, "MatMul");
}

static const char *describe_no_layer(rf_graph *g, const rf_value *v)
{
    const rf_node *n = v->producer;
    if (!n)
        return REASON(g, "it reads '%s' directly, no layer stands before it", v->name);
    if (is_layer_type(n))
        return REASON(g, "the weight of %s '%s' before it is not a constant", n->op_type, n->name);
    return REASON(g, "it follows %s '%s', not a Conv, ConvTranspose, Gemm or MatMul", n->op_type,
                  n->name);
}

/* Every tensor between the layer and the BN has one reader. */
static const char *refuse_branches(rf_graph *g, const rf_node *bn, const rf_layer *layer)
{
    for (const rf_value *v = bn->inputs[0];; v = v->producer->inputs[0]) {
        if (v->is_output)
            return REASON(g, "the output '%s' of %s '%s' is also an output of the model", v->name,
                          layer->node->op_type, layer->node->name);
        if (!rf_value_only_consumer(v))
            return REASON(g, "the output '%s' of %s '%s' is read by other nodes too", v->name,
                          layer->node->op_type, layer->node->name);
        if (v == layer->output)
            return NULL;
    }
}

static const char *refuse_weights(rf_graph *g, const rf_layer *layer)
{
    const rf_node *also = NULL;
    if (is_shared(layer->node->inputs[1], layer->weight, layer->node, &also))
        return describe_shared(g, "layer's weight", layer->weight, also);
    rf_node *adder = layer->bias_node ? layer->bias_node : layer->node;
    for (int i = 0; layer->bias && i < adder->input_count; i++)
        if (rf_skip_fakequant(adder->inputs[i]) == layer->bias &&
            is_shared(adder->inputs[i], layer->bias, adder, &also))
            return describe_shared(g, "layer's bias", layer->bias, also);
    return NULL;
}

static const char *refuse_form(rf_graph *g, const rf_layer *layer)
{
    const rf_node *n = layer->node;
    if (!rf_node_is(n, "MatMul") && rf_node_input(n, 2) && !layer->bias)
        return REASON(g, "the bias of %s '%s' is not a constant", n->op_type, n->name);
    if (rf_attr_float(n, "alpha", 1.0F) != 1.0F || rf_attr_float(n, "beta", 1.0F) != 1.0F)
        return REASON(g, "%s '%s' has alpha or beta other than 1", n->op_type, n->name);
    if (rf_node_is(n, "MatMul") && layer->output->shape.rank > 2)
        return REASON(g,
                      "MatMul '%s' makes a tensor of rank %d, whose axis 1 is not the MatMul's "
                      "channels",
                      n->name, layer->output->shape.rank);
    return NULL;
}

static const char *refuse_channels(rf_graph *g, const rf_node *bn, const rf_layer *layer)
{
    const rf_shape *shape = &layer->weight->constant->shape;
    const rf_node *n = layer->node;
    int64_t channels = shape->dims[layer->channel_axis];
    if (rf_node_is(n, "ConvTranspose") && layer->groups != 1) {
        const bool depthwise = channels == 1 && layer->groups == shape->dims[0];
        if (!depthwise)
            return REASON(g,
                          "ConvTranspose '%s' has %lld groups: no axis of its weight holds the "
                          "output channels",
                          n->name, (long long)layer->groups);
        channels = layer->groups;
    }
    if (bn_channels(bn) != channels)
        return REASON(g, "it has %lld channels, %s '%s' before it makes %lld",
                      (long long)bn_channels(bn), n->op_type, n->name, (long long)channels);
    if (layer->bias && layer->bias->constant->count != channels)
        return REASON(g, "the bias of %s '%s' does not have one value a channel", n->op_type,
                      n->name);
    return NULL;
}

static const char *refuse_backward(rf_graph *g, const rf_node *bn, rf_layer *layer)
{
    const rf_value *source = rf_skip_fakequant(rf_node_input(bn, 0));
    const char *reason = NULL;
    if (!source)
        return "it has no input";
    if (!match_producer(source, layer))
        return describe_no_layer(g, source);
    if (!(reason = refuse_branches(g, bn, layer)) && !(reason = refuse_form(g, layer)) &&
        !(reason = refuse_channels(g, bn, layer)))
        reason = refuse_weights(g, layer);
    return reason;
}

/* --- BN -> layer --- */

static bool pads(const rf_node *n)
{
    int64_t count = 0;
    const int64_t *values = rf_attr_ints(n, "pads", &count);
    const char *auto_pad = rf_attr_string(n, "auto_pad", "NOTSET");
    for (int64_t i = 0; i < count; i++)
        if (values[i])
            return true;
    return strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0;
}

/* The layer that alone reads the BN's output as its data. */
static bool match_consumer(const rf_node *bn, rf_layer *layer)
{
    const rf_value *v = rf_node_output(bn, 0);
    while (v) {
        rf_node *n = rf_value_only_consumer(v);
        if (!n || rf_node_input(n, 0) != v)
            return false;
        if (is_layer_type(n))
            return rf_layer_match(n, layer);
        if (strcmp(n->domain, "refold") != 0)
            return false;
        v = rf_node_output(n, 0);
    }
    return false;
}

/* Why a fold into the layer behind would not be exact: zeros that the layer adds are not normalized. */
static const char *refuse_forward(const rf_layer *layer)
{
    if (rf_node_is(layer->node, "ConvTranspose"))
        return "is a ConvTranspose";
    if (pads(layer->node))
        return "pads with zeros";
    return layer->groups != 1 ? "has groups" : NULL;
}

static void find_forward(rf_graph *g, rf_bn_pair *pair)
{
    rf_layer layer;
    if (!match_consumer(pair->bn, &layer))
        return;
    const char *backward = pair->reason, *forward = refuse_forward(&layer);
    const rf_node *n = layer.node;
    if (forward) {
        pair->reason =
            REASON(g, "%s; %s '%s' behind it %s, so that folding forward would not be exact",
                   backward, n->op_type, n->name, forward);
        return;
    }
    pair->kind = RF_BN_FORWARD;
    pair->layer = layer.node;
    pair->channel_axis = layer.channel_axis;
    pair->reason = REASON(g,
                          "%s; it stands before %s '%s', into whose weights it can be folded, but "
                          "not into their scale",
                          backward, n->op_type, n->name);
}

static rf_bn_pair find_pair(rf_graph *g, rf_node *bn)
{
    rf_bn_pair pair = { .bn = bn, .kind = RF_BN_STANDALONE };
    rf_layer layer = { 0 };
    pair.reason = refuse_bn(g, bn);
    if (pair.reason)
        return pair;
    pair.reason = refuse_backward(g, bn, &layer);
    if (pair.reason) {
        find_forward(g, &pair);
        return pair;
    }
    pair.kind = RF_BN_BACKWARD;
    pair.layer = layer.node;
    pair.channel_axis = layer.channel_axis;
    return pair;
}

const char *rf_bn_pair_stays(const rf_bn_pair *pair)
{
    if (pair->kind != RF_BN_BACKWARD)
        return pair->reason;
    return rf_node_is(pair->layer, "ConvTranspose") && rf_attr_int(pair->layer, "group", 1) != 1
               ? "the ConvTranspose before it has groups, whose output channels have no ranges of "
                 "their own to fold into; on a plain model fold --to weight takes a depthwise one"
               : NULL;
}

rf_status rf_bn_pairs_find(rf_graph *g, rf_bn_pairs *out)
{
    rf_bn_pairs pairs = { 0 };
    for (rf_node *n = g->first; n; n = n->next) {
        if (!rf_node_is(n, "BatchNormalization"))
            continue;
        if (RF_VEC_PUSH(g->ctx, &pairs, find_pair(g, n))) {
            RF_VEC_RELEASE(g->ctx, &pairs);
            return RF_ENOMEM;
        }
    }
    *out = pairs;
    return RF_OK;
}
