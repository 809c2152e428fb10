/* The ordinary fold of a plain graph: BN into the weights of the layer before or, where exact, behind it. */
#include <string.h>

#include "bn/bn_layer.h"
#include "bn/fold_report.h"
#include "exec/computed_params.h"

/* --- backward: layer -> BN --- */

/* Depthwise ConvTranspose has its output channels on axis 0; with other groups they spread over two axes. */
static const char *place_channels(rf_layer *layer, int64_t channels)
{
    const rf_shape *shape = &layer->weight->constant->shape;

    if (!rf_node_is(layer->node, "ConvTranspose") || layer->groups == 1)
        return NULL;
    if (layer->groups != channels || shape->rank < 2 || shape->dims[0] != channels ||
        shape->dims[1] != 1)
        return "folding into a grouped ConvTranspose is exact only where it is depthwise";
    layer->channel_axis = 0;
    return NULL;
}

static rf_status fold_backward(rf_graph *g, rf_arena *arena, const rf_bn_pair *pair,
                               int64_t *channels_out, const char **reason_out)
{
    rf_bn_affine bn;
    rf_layer layer;
    rf_node *adder = NULL;
    float *bias = NULL;

    *reason_out = rf_layer_match(pair->layer, &layer) ? NULL : "its weights are not constant";
    if (!*reason_out)
        RF_TRY(rf_bn_affine_get(arena, pair->bn, &bn, reason_out));
    if (*reason_out || (*reason_out = place_channels(&layer, bn.channels)) ||
        (*reason_out = rf_layer_refusal(arena, &layer, bn.channels)))
        return RF_OK;
    RF_TRY(rf_layer_get_bias(arena, &layer, bn.channels, &bias, reason_out));
    if (*reason_out)
        return RF_OK;
    *channels_out = bn.channels;
    rf_layer_scale_weights(&layer, bn.scale);
    for (int64_t c = 0; c < bn.channels; c++)
        bias[c] = bn.beta[c] - (bn.mean[c] - bias[c]) * bn.scale[c];
    RF_TRY(rf_layer_set_bias(g, &layer, bn.channels, bias, &adder));
    return rf_layer_replace_bn(g, &layer, pair->bn, adder, /*keep_name=*/false);
}

/* --- forward: BN -> layer --- */

static bool is_zero(const int64_t *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (values[i] != 0)
            return false;
    return true;
}

/* Padding adds zeros behind the BN, which a shifted bias would not see. */
static const char *refuse_forward(const rf_layer *layer, int64_t channels)
{
    const rf_shape *shape = &layer->weight->constant->shape;
    const char *auto_pad = rf_attr_string(layer->node, "auto_pad", "NOTSET");
    const bool conv = rf_node_is(layer->node, "Conv");
    int64_t count = 0;
    const int64_t *pads = rf_attr_ints(layer->node, "pads", &count);

    if (rf_node_is(layer->node, "ConvTranspose"))
        return "a BN before a ConvTranspose is not folded";
    if (conv && (!is_zero(pads, count) ||
                 (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0)))
        return "a BN before a padded convolution cannot be folded exactly";
    if (layer->groups != 1)
        return "a BN before a grouped convolution is not folded";
    if (shape->rank < 2 || shape->dims[layer->channel_axis == 0 ? 1 : 0] != channels)
        return "the layer's weights do not have the BN's channels as inputs";
    return NULL;
}

/* bias'[o] = bias[o] + sum_i (sum_k W[o,i,k]) (beta[i] - mean[i] scale[i]);  W'[o,i,k] = W[o,i,k] scale[i]. */
static void absorb(const rf_layer *layer, const rf_bn_affine *bn, float *bias)
{
    rf_tensor *w = layer->weight->constant;
    const bool out_first = layer->channel_axis == 0;
    const int64_t a = w->shape.dims[0], b = w->shape.dims[1], kernel = w->count / (a * b);

    for (int64_t i = 0; i < w->count; i++) {
        const int64_t row = i / kernel / b, column = i / kernel % b;
        const int64_t ic = out_first ? column : row, oc = out_first ? row : column;
        float *x = &rf_tensor_f32(w)[i];
        bias[oc] += *x * (bn->beta[ic] - bn->mean[ic] * bn->scale[ic]);
        *x *= bn->scale[ic];
    }
    rf_value_touch(layer->weight);
}

/* The layer reads what the BN read; the layer's own output keeps its name. */
static rf_status attach_bias(rf_graph *g, const rf_layer *layer, int64_t channels,
                             const float *bias)
{
    rf_value *out = layer->output;
    rf_node *adder = NULL;

    if (!rf_node_is(layer->node, "MatMul") || layer->bias_node)
        return rf_layer_set_bias(g, layer, channels, bias, &adder);
    /* A MatMul gets an Add behind it, whose result takes over the uses of the product. */
    RF_TRY(rf_layer_set_bias(g, layer, channels, bias, &adder));
    return rf_graph_replace_uses(g, out, adder->outputs[0], adder);
}

static rf_status fold_forward(rf_graph *g, rf_arena *arena, const rf_bn_pair *pair,
                              int64_t *channels_out, const char **reason_out)
{
    rf_bn_affine bn;
    rf_layer layer;
    float *bias = NULL;

    *reason_out = rf_layer_match(pair->layer, &layer) ? NULL : "its weights are not constant";
    if (!*reason_out)
        RF_TRY(rf_bn_affine_get(arena, pair->bn, &bn, reason_out));
    if (*reason_out || (*reason_out = refuse_forward(&layer, bn.channels)))
        return RF_OK;
    const int64_t oc = layer.weight->constant->shape.dims[layer.channel_axis];
    if ((*reason_out = rf_layer_refusal(arena, &layer, oc)))
        return RF_OK;
    RF_TRY(rf_layer_get_bias(arena, &layer, oc, &bias, reason_out));
    if (*reason_out)
        return RF_OK;
    *channels_out = bn.channels;
    absorb(&layer, &bn, bias);
    RF_TRY(attach_bias(g, &layer, oc, bias));
    RF_TRY(rf_graph_replace_uses(g, pair->bn->outputs[0], pair->bn->inputs[0], NULL));
    return rf_graph_remove_node(g, pair->bn);
}

/* --- what is left: a multiply-add in the form of a BN --- */

static rf_status make_standalone(rf_graph *g, rf_arena *arena, rf_node *bn, const char **reason_out)
{
    rf_bn_affine a;
    float *zeros, *ones;

    RF_TRY(rf_bn_affine_get(arena, bn, &a, reason_out));
    if (*reason_out)
        return RF_OK;
    zeros = rf_arena_array(arena, (size_t)a.channels, sizeof *zeros);
    ones = rf_arena_array(arena, (size_t)a.channels, sizeof *ones);
    if (!zeros || !ones)
        return RF_ENOMEM;
    for (int64_t c = 0; c < a.channels; c++) {
        ones[c] = 1.0F;
        a.beta[c] -= a.mean[c] * a.scale[c];
    }
    const float *const values[4] = { a.scale, a.beta, zeros, ones };
    for (int i = 0; i < 4; i++)
        RF_TRY(rf_node_set_floats(g, bn, i + 1, bn->inputs[i + 1]->name, values[i], a.channels));
    return rf_node_set_float(g, bn, "epsilon", 0.0);
}

static rf_status leave_standalone(rf_graph *g, rf_arena *arena, const rf_bn_pair *pair,
                                  const char *why, rf_fold_log *log)
{
    const char *reason = NULL;

    RF_TRY(make_standalone(g, arena, pair->bn, &reason));
    return rf_fold_log_standalone(log, pair,
                                  why      ? why
                                  : reason ? reason
                                           : "it has no layer before it");
}

/* --- all pairs: backward ones first, as AIMET does --- */

static rf_status fold_pair(rf_graph *g, rf_arena *arena, const rf_bn_pair *pair, rf_fold_log *log)
{
    const char *reason = pair->reason, *left = NULL;
    int64_t channels = 0;

    if (pair->kind == RF_BN_BACKWARD)
        RF_TRY(fold_backward(g, arena, pair, &channels, &reason));
    else if (pair->kind == RF_BN_FORWARD && pair->layer)
        RF_TRY(fold_forward(g, arena, pair, &channels, &reason));
    else
        return leave_standalone(g, arena, pair, reason, log);
    if (!reason) {
        const rf_folded folded = { .layer = pair->layer->name,
                                   .bn = pair->bn->name,
                                   .channels = channels };
        return rf_fold_log_folded(log, &folded);
    }
    if (pair->kind == RF_BN_FORWARD)
        return leave_standalone(g, arena, pair, reason, log);
    RF_TRY(make_standalone(g, arena, pair->bn, &left));
    return rf_fold_log_refused(log, pair, reason);
}

static rf_status fold_kind(rf_graph *g, const rf_bn_pairs *pairs, bool backward, rf_fold_log *log)
{
    rf_status st = RF_OK;

    for (size_t i = 0; !st && i < pairs->count; i++) {
        rf_arena arena;
        if ((pairs->items[i].kind == RF_BN_BACKWARD) != backward)
            continue;
        rf_arena_init(&arena, g->ctx);
        st = fold_pair(g, &arena, &pairs->items[i], log);
        rf_arena_release(&arena);
    }
    return st;
}

rf_status rf_fold_to_weight(rf_graph *graph, rf_fold_report **out)
{
    rf_bn_pairs pairs = { 0 };
    rf_fold_log *log = NULL;
    rf_status st;

    RF_TRY(rf_fold_log_new(graph->ctx, &log));
    if ((st = rf_graph_compute_params(graph)))
        goto out;
    if ((st = rf_bn_pairs_find(graph, &pairs)))
        goto out;
    if ((st = fold_kind(graph, &pairs, /*backward=*/true, log)))
        goto out;
    if ((st = fold_kind(graph, &pairs, /*backward=*/false, log)))
        goto out;
    if ((st = rf_graph_prune(graph)))
        goto out;
    st = rf_fold_log_finish(log, out);
    log = NULL;
out:
    rf_fold_log_free(log);
    RF_VEC_RELEASE(graph->ctx, &pairs);
    return st;
}
