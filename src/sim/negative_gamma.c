/*
 * Negative gammas. Folding a channel with gamma < 0 mirrors its integer codes, and the lowest code of the grid has no
 * mirror image. Changing the sign of the channel's weights, bias, running mean and gamma leaves the float network's
 * function as it is, bit for bit, and makes every later fold exact: before calibration for what the model came with, and
 * after training for gammas that crossed 0 meanwhile. There the range is mirrored too, and only a weight on the lowest
 * code of a symmetric grid moves, by one step in a channel that is next to dead.
 */
#include "base/status.h"
#include "sim/sim_impl.h"

/* The constants of a pair that change together. */
typedef struct channel_parts {
    rf_value *weight, *bias, *mean, *gamma; /* bias may be NULL */
    int64_t channels, outer, inner;         /* of weight, around the channel axis */
} channel_parts;

/* A constant that only this pair reads may be changed; one that others share may not. */
static bool is_private(const rf_value *v)
{
    return v && v->constant && v->constant->dtype == RF_DTYPE_F32 && !v->is_output &&
           rf_value_is_used_once(v);
}

static bool holds_channels(const rf_value *v, int64_t channels)
{
    return is_private(v) && v->constant->count == channels;
}

static bool find_parts(const rf_bn_pair *pair, channel_parts *out)
{
    rf_layer layer;
    if (!rf_layer_match(pair->layer, &layer) || !is_private(layer.weight))
        return false;
    if (layer.transpose && !rf_value_is_used_once(layer.transpose->outputs[0]))
        return false;
    const rf_shape *shape = &layer.weight->constant->shape;
    *out = (channel_parts){ layer.weight,
                            layer.bias,
                            rf_node_input(pair->bn, 3),
                            rf_node_input(pair->bn, 1),
                            shape->dims[layer.channel_axis],
                            1,
                            1 };
    for (int i = 0; i < shape->rank; i++) {
        if (i != layer.channel_axis)
            *(i < layer.channel_axis ? &out->outer : &out->inner) *= shape->dims[i];
    }
    return holds_channels(out->gamma, out->channels) && holds_channels(out->mean, out->channels) &&
           (!out->bias || holds_channels(out->bias, out->channels));
}

static void flip_channel(const channel_parts *p, int64_t c)
{
    for (int64_t o = 0; o < p->outer; o++) {
        float *row = rf_tensor_f32(p->weight->constant) + (o * p->channels + c) * p->inner;
        for (int64_t i = 0; i < p->inner; i++)
            row[i] = -row[i];
    }
    rf_value *const vectors[] = { p->bias, p->mean, p->gamma };
    for (int i = 0; i < 3; i++) {
        if (vectors[i])
            rf_tensor_f32(vectors[i]->constant)[c] *= -1.0f;
    }
}

/* Ends of a channel's range; those of a symmetric grid mean the same either way round, and stay as they are stored. */
static void mirror_range(const channel_parts *p, int64_t c)
{
    const rf_node *q = rf_value_quantizer(p->weight);
    if (!q || rf_quantizer_count(q) != p->channels || rf_quantizer_spec(q).symmetric)
        return;
    const float min = rf_quantizer_min(q)[c];
    rf_quantizer_min(q)[c] = -rf_quantizer_max(q)[c];
    rf_quantizer_max(q)[c] = -min;
    rf_value_touch(q->inputs[1]);
    rf_value_touch(q->inputs[2]);
}

static void touch_parts(const channel_parts *p)
{
    rf_value *const changed[] = { p->weight, p->bias, p->mean, p->gamma };
    for (int i = 0; i < 4; i++) {
        if (changed[i])
            rf_value_touch(changed[i]);
    }
}

static rf_status flip_pair(rf_graph *g, const rf_bn_pair *pair)
{
    channel_parts parts;
    int64_t flipped = 0;
    if (rf_bn_pair_stays(pair) || !find_parts(pair, &parts))
        return RF_OK;
    for (int64_t c = 0; c < parts.channels; c++) {
        if (rf_tensor_f32(parts.gamma->constant)[c] < 0.0f) {
            flip_channel(&parts, c);
            mirror_range(&parts, c);
            flipped++;
        }
    }
    if (flipped == 0)
        return RF_OK;
    touch_parts(&parts);
    flipped += rf_attr_int(pair->bn, RF_NEGATIVE_GAMMA, 0);
    return rf_node_set_int(g, pair->bn, RF_NEGATIVE_GAMMA, flipped);
}

rf_status rf_sim_flip_negative_gamma(rf_sim *sim)
{
    rf_bn_pairs pairs = { 0 };
    rf_status st = rf_bn_pairs_find(sim->graph, &pairs);
    for (size_t i = 0; st == RF_OK && i < pairs.count; i++)
        st = flip_pair(sim->graph, &pairs.items[i]);
    RF_VEC_RELEASE(sim->ctx, &pairs);
    return st;
}
