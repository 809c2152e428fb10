/* What is worth knowing before the first step: the form of the export, channels that are odd, quantizers that will hurt. */
#include <math.h>
#include <stdlib.h>

#include "base/status.h"
#include "graph/ports.h"
#include "inspect/inspection.h"
#include "quant/qparams.h"

/* Largest over median range of a depthwise layer's channels from which one range for all leaves them less than 4 bits. */
static const float UNEVEN = 16.0F;

/* ------------------------------------------------------------------------------ the export --- */

static rf_status advise_export(rf_looking *l)
{
    const rf_graph *g = l->graph;
    if (g->training_form)
        RF_TRY(rf_advise(l, "Exported in training form: BN and Dropout are read in inference form, "
                            "which is what the file means to be run as."));
    const int64_t batch = rf_graph_fixed_batch(g);
    if (batch > 0 && l->pairs.count > 0)
        RF_TRY(rf_advise(l,
                         "The batch is fixed to %lld%s. PyTorch: dynamic_axes={\"%s\": {0: "
                         "\"batch\"}}, or with dynamo dynamic_shapes.",
                         (long long)batch,
                         batch < 16
                             ? ", too few samples for batch statistics: train and reestimate "
                               "need a dynamic batch axis"
                             : ", and every step uses that batch",
                         g->inputs.items[0]->name));
    return RF_OK;
}

/* Dims besides the batch that the file leaves open. */
static rf_status advise_inputs(rf_looking *l)
{
    for (size_t i = 0; i < l->graph->inputs.count; i++) {
        const rf_value *v = l->graph->inputs.items[i];
        char text[RF_SHAPE_TEXT];
        bool open = v->shape.rank < 1;
        for (int d = 1; d < v->shape.rank; d++)
            open = open || v->shape.dims[d] < 0;
        if (open)
            RF_TRY(rf_advise(l,
                             "Input '%s' is %s: its open dims become those of the data, whose "
                             "samples must have one size.",
                             v->name, rf_shape_text(&v->shape, text)));
        if (v->dtype != RF_DTYPE_F32)
            RF_TRY(rf_advise(l,
                             "Input '%s' is %s: refold feeds float32 inputs only; put the Cast "
                             "inside of the model.",
                             v->name, rf_dtype_name(v->dtype)));
    }
    return RF_OK;
}

/* Cross-entropy of the first output takes logits: a Softmax in front of it would be applied twice. */
static rf_status advise_outputs(rf_looking *l)
{
    const rf_value *out = l->graph->outputs.count > 0 ? l->graph->outputs.items[0] : NULL;
    if (!out || !out->producer || out->shape.rank != 2 ||
        !(rf_node_is(out->producer, "Softmax") || rf_node_is(out->producer, "Sigmoid")))
        return RF_OK;
    return rf_advise(l,
                     "The first output is a %s: training and the loss of evaluate expect the "
                     "logits in front of it. Cut the model there.",
                     out->producer->op_type);
}

/* ---------------------------------------------------------------------------- channels of BN --- */

typedef struct odd_channels {
    int64_t negative, dead;
    int negative_layers, dead_layers;
    const char *first_dead;
} odd_channels;

static const rf_tensor *bn_constant(const rf_node *bn, int input, int64_t count)
{
    const rf_value *v = rf_skip_fakequant(rf_node_input(bn, input));
    const rf_tensor *t = v ? v->constant : NULL;
    return t && t->dtype == RF_DTYPE_F32 && (count < 0 || t->count == count) ? t : NULL;
}

/* Largest magnitude, NaN aside. Lanes, because inspect looks at every weight and one chain of comparisons is slow. */
static float largest(const float *x, int64_t count)
{
    float lanes[8] = { 0.0F }, most = 0.0F;
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++)
            lanes[k] = fabsf(x[i + k]) > lanes[k] ? fabsf(x[i + k]) : lanes[k];
    for (; i < count; i++)
        most = fmaxf(most, fabsf(x[i]));
    for (int k = 0; k < 8; k++)
        most = fmaxf(most, lanes[k]);
    return most;
}

/* Largest |weight| of each channel of the layer in front; all infinite where there is none to fold into. */
static void reach_of_weights(const rf_bn_pair *pair, int64_t channels, float *reach)
{
    rf_layer layer;
    const bool folds = pair->kind == RF_BN_BACKWARD && rf_layer_match(pair->layer, &layer);
    const rf_tensor *w = folds ? layer.weight->constant : NULL;
    const bool known =
        w && w->dtype == RF_DTYPE_F32 && w->shape.dims[layer.channel_axis] == channels;
    int64_t inner = 1;
    for (int64_t c = 0; c < channels; c++)
        reach[c] = known ? 0.0F : INFINITY;
    for (int d = known ? layer.channel_axis + 1 : 0; known && d < w->shape.rank; d++)
        inner *= w->shape.dims[d];
    for (int64_t block = 0; known && inner > 0 && block < w->count / inner; block++) {
        float *most = &reach[block % channels];
        *most = fmaxf(*most, largest(rf_tensor_f32(w) + block * inner, inner));
    }
}

/* Dead as the fold sees it: what gamma leaves of the channel's range is no range any more. */
static rf_status look_at_channels(rf_context *ctx, const rf_bn_pair *pair, odd_channels *seen)
{
    const rf_tensor *gamma = bn_constant(pair->bn, 1, -1);
    const rf_tensor *var = gamma ? bn_constant(pair->bn, 4, gamma->count) : NULL;
    int64_t negative = 0, dead = 0;
    float *reach = NULL;
    if (!var)
        return RF_OK;
    RF_NEW_ARRAY(ctx, reach, gamma->count + 1);
    reach_of_weights(pair, gamma->count, reach);
    const float eps = rf_attr_float(pair->bn, "epsilon", 1e-5F);
    for (int64_t c = 0; c < gamma->count; c++) {
        const float g = rf_tensor_f32(gamma)[c], v = rf_tensor_f32(var)[c];
        const float factor = fabsf(g) / sqrtf(v + eps);
        negative += g < 0.0F;
        dead += v <= 0.0F || factor < (float)RF_GATE_EPSILON ||
                2.0F * reach[c] * factor < (float)RF_GATE_EPSILON;
    }
    rf_free(ctx, reach);
    seen->negative += negative;
    seen->dead += dead;
    seen->negative_layers += negative > 0;
    seen->dead_layers += dead > 0;
    if (dead > 0 && !seen->first_dead)
        seen->first_dead = pair->bn->name;
    return RF_OK;
}

static rf_status advise_channels(rf_looking *l)
{
    odd_channels seen = { 0 };
    for (size_t i = 0; i < l->pairs.count; i++)
        RF_TRY(look_at_channels(l->ctx, &l->pairs.items[i], &seen));
    l->report.negative_gamma_channels = seen.negative;
    l->report.dead_channels = seen.dead;
    if (seen.dead > 0)
        RF_TRY(rf_advise(
            l,
            "%lld channel%s in %d BN (first: '%s') %s dead, with gamma or weights "
            "next to 0, or variance 0: they get code 0 and their beta. Pruning them costs "
            "nothing.",
            (long long)seen.dead, seen.dead == 1 ? "" : "s", seen.dead_layers, seen.first_dead,
            seen.dead == 1 ? "is" : "are"));
    if (seen.negative > 0 && l->planned)
        RF_TRY(rf_advise(l,
                         "%lld channel%s in %d BN %s negative gamma: quantize changes the signs of "
                         "weights and gamma together, which leaves the network's function as it is "
                         "and makes the fold exact.",
                         (long long)seen.negative, seen.negative == 1 ? "" : "s",
                         seen.negative_layers, seen.negative == 1 ? "has" : "have"));
    return RF_OK;
}

static rf_status advise_folding(rf_looking *l)
{
    int stays = 0;
    for (size_t i = 0; i < l->pairs.count; i++)
        stays += rf_bn_pair_stays(&l->pairs.items[i]) != NULL;
    if (l->pairs.count == 0 || rf_looking_has(l, "QuantizeLinear"))
        return RF_OK;
    if (stays > 0)
        return rf_advise(l,
                         "%d of %d BatchNormalizations do not fold and stay as multiply-adds; the "
                         "reasons stand beside them.",
                         stays, (int)l->pairs.count);
    return l->planned && l->unsupported.count == 0
               ? rf_advise(l, "Every BatchNormalization folds: ready for 'refold run' or 'refold "
                              "quantize'.")
               : RF_OK;
}

/* ---------------------------------------------------------------------------------- quantizers --- */

static const rf_node *weight_quantizer(const rf_graph *g, const rf_value *weight)
{
    const rf_value *v = weight ? rf_graph_find_value(g, weight->name) : NULL;
    const rf_node *q = v ? rf_value_quantizer(v) : NULL;
    return q && rf_quantizer_enabled(q) ? q : NULL;
}

static rf_status advise_per_tensor(rf_looking *l)
{
    int count = 0;
    const char *first = NULL;
    for (size_t i = 0; i < l->pairs.count; i++) {
        rf_layer layer;
        if (l->pairs.items[i].kind != RF_BN_BACKWARD ||
            !rf_layer_match(l->pairs.items[i].layer, &layer))
            continue;
        const rf_node *q = weight_quantizer(l->simulated, layer.weight);
        if (!q || rf_quantizer_axis(q) >= 0)
            continue;
        first = first ? first : layer.node->name;
        count++;
    }
    return count == 0 ? RF_OK
                      : rf_advise(l,
                                  "The configuration quantizes %d of the layers in front of a BN "
                                  "per tensor (first: '%s'): one scale cannot take up a scale for "
                                  "each channel, and fold would refuse them. Use --config "
                                  "per-channel, or \"per_channel_quantization\": \"True\" in the "
                                  "file.",
                                  count, first);
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Largest over median of the channels' largest weights; 0 where that says nothing. */
static rf_status unevenness(rf_context *ctx, const rf_tensor *w, float *out)
{
    const int64_t channels = w->shape.dims[0], inner = channels ? w->count / channels : 0;
    float *most = NULL;
    *out = 0.0F;
    if (channels < 2)
        return RF_OK;
    RF_NEW_ARRAY(ctx, most, channels);
    for (int64_t c = 0; c < channels; c++)
        most[c] = largest(rf_tensor_f32(w) + c * inner, inner);
    qsort(most, (size_t)channels, sizeof *most, by_size);
    if (most[channels / 2] > 0.0F)
        *out = most[channels - 1] / most[channels / 2];
    rf_free(ctx, most);
    return RF_OK;
}

static bool is_depthwise(const rf_layer *layer)
{
    return rf_node_is(layer->node, "Conv") && layer->groups > 1 &&
           layer->weight->constant->dtype == RF_DTYPE_F32 &&
           layer->weight->constant->shape.dims[0] % layer->groups == 0 &&
           layer->weight->constant->shape.dims[1] == 1;
}

static rf_status advise_depthwise(rf_looking *l)
{
    const char *worst = NULL;
    float most = UNEVEN;
    int bits = 0;
    for (rf_node *n = l->graph->first; n; n = n->next) {
        rf_layer layer;
        float ratio;
        if (!rf_layer_match(n, &layer) || !is_depthwise(&layer))
            continue;
        const rf_node *q = weight_quantizer(l->simulated, layer.weight);
        if (!q || rf_quantizer_axis(q) >= 0)
            continue;
        RF_TRY(unevenness(l->ctx, layer.weight->constant, &ratio));
        if (ratio > most) {
            most = ratio;
            worst = n->name;
            bits = rf_quantizer_spec(q).bitwidth;
        }
    }
    return !worst ? RF_OK
                  : rf_advise(l,
                              "Depthwise layers share one range for channels of very different "
                              "size: in '%s' the largest is %.0f times the median one, which "
                              "leaves that %.1f of %d bits. Per-channel weights cure it.",
                              worst, (double)most, fmax(0.0, bits - log2((double)most)), bits);
}

rf_status rf_look_advice(rf_looking *l)
{
    if (rf_looking_has(l, "QuantizeLinear"))
        RF_TRY(rf_advise(l, "This is a QDQ model: it can be evaluated, run and compared, but the "
                            "simulation starts from a float model."));
    RF_TRY(advise_folding(l));
    RF_TRY(advise_export(l));
    RF_TRY(advise_inputs(l));
    RF_TRY(advise_outputs(l));
    RF_TRY(advise_channels(l));
    if (l->simulated) {
        RF_TRY(advise_per_tensor(l));
        RF_TRY(advise_depthwise(l));
    }
    return l->unsupported.count == 0
               ? RF_OK
               : rf_advise(l, "Nodes without support must be removed before refold can run this "
                              "network: cut the model in front of them. Multiply-adds and memory "
                              "leave out what lies behind them.");
}
