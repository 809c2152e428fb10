/* Folding BN into the scale of a layer's weight quantizer: the integer weights stay, and that is proven. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bn/bias_grid.h"
#include "bn/bn_layer.h"
#include "bn/fold_report.h"
#include "ops/params.h"
#include "quant/qparams.h"
#include "sim/sim.h"

/* One pair on its way; arrays lie in a scratch arena. */
typedef struct fold {
    rf_sim *sim;
    rf_arena *arena;
    const rf_bn_pair *pair;
    rf_layer layer;
    rf_bn_affine bn;
    rf_node *quantizer; /* of the weights */
    rf_qspec spec;
    int64_t ranges;                       /* of the weights: channels, or 1 (compat aimet only) */
    float *bias;                          /* [channels] of the layer, then of the result */
    float *old_weights;                   /* as they were */
    float *old_min, *old_max, *min, *max; /* [ranges] */
    int32_t *old_codes;                   /* signed: real = scale * code */
    bool *dead;                           /* [channels] */
    rf_folded result;
} fold;

/* --- refusing before anything changes --- */

/* An enabled quantizer between layer and BN would be left without a place. */
static bool quantized_between(const fold *f)
{
    for (const rf_value *v = f->pair->bn->inputs[0]; v != f->layer.output;
         v = v->producer->inputs[0])
        if (rf_quantizer_enabled(v->producer))
            return true;
    return false;
}

static bool quantized_bias(const fold *f)
{
    const rf_node *q = f->layer.bias ? rf_value_quantizer(f->layer.bias) : NULL;

    return q && rf_quantizer_enabled(q);
}

static const char *refuse_quantizer(fold *f)
{
    const rf_node *q = f->quantizer;

    if (!q || !rf_quantizer_enabled(q) || f->spec.bitwidth >= 32)
        return "its weights are not quantized, so there is no scale to fold into; enable parameter "
               "quantization for this "
               "layer in the configuration";
    if (f->sim->compat_aimet && !f->sim->learned)
        return "BatchNorm folding to scale supports learned ranges only (compat aimet); quantize "
               "with a tf-init or "
               "tf-enhanced-init scheme";
    if (rf_quantizer_axis(q) < 0 && !f->sim->compat_aimet)
        return "its weights have one range for all channels (per tensor), which cannot absorb a "
               "factor a channel; "
               "quantize with --config per-channel";
    if (rf_quantizer_axis(q) >= 0 &&
        (rf_quantizer_axis(q) != f->layer.channel_axis || rf_quantizer_count(q) != f->bn.channels))
        return "its weight ranges do not lie along the BN's channels";
    if (rf_attr_int(q, "frozen", 0) && f->sim->learned)
        return "its weight ranges are frozen; unfreeze them";
    return NULL;
}

static const char *refuse_neighbours(const fold *f)
{
    if (quantized_between(f))
        return "an enabled quantizer stands between the layer and the BN; they should belong to "
               "the same supergroup of "
               "the configuration";
    if (quantized_bias(f))
        return "its bias quantizer is on, and the bias changes; leave biases unquantized (params: "
               "bias: is_quantized "
               "False)";
    return NULL;
}

static rf_status examine(fold *f, const char **reason_out)
{
    *reason_out = NULL;
    if (!rf_layer_match(f->pair->layer, &f->layer)) {
        *reason_out = "its weights are not constant";
        return RF_OK;
    }
    if ((*reason_out = refuse_neighbours(f)))
        return RF_OK;
    RF_TRY(rf_bn_affine_get(f->arena, f->pair->bn, &f->bn, reason_out));
    if (*reason_out)
        return RF_OK;
    f->quantizer = rf_value_quantizer(f->layer.weight);
    if (f->quantizer)
        f->spec = rf_quantizer_spec(f->quantizer);
    if ((*reason_out = refuse_quantizer(f)) ||
        (*reason_out = rf_layer_refusal(f->arena, &f->layer, f->bn.channels)))
        return RF_OK;
    return rf_layer_get_bias(f->arena, &f->layer, f->bn.channels, &f->bias, reason_out);
}

/* --- numbers --- */

static int64_t channel_of(const fold *f, int64_t i)
{
    return i / rf_layer_channel_inner(&f->layer) % f->bn.channels;
}

static int64_t range_of(const fold *f, int64_t i)
{
    return f->ranges == 1 ? 0 : channel_of(f, i);
}

/* Codes q of the weights now, made signed with each channel's offset: what the target multiplies. In the arena. */
static rf_status signed_codes(fold *f, int32_t **out)
{
    const int64_t count = f->layer.weight->constant->count;
    const float *min = rf_quantizer_min(f->quantizer), *max = rf_quantizer_max(f->quantizer);
    int32_t *codes = NULL, *copy = rf_arena_array(f->arena, (size_t)count, sizeof *copy);

    if (!copy)
        return RF_ENOMEM;
    RF_TRY(rf_quantizer_codes(f->sim->ctx, f->quantizer, &codes));
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = range_of(f, i);
        float scale = 0.0F;
        int32_t offset = 0;
        rf_scale_offset(&f->spec, min[c], max[c], &scale, &offset);
        copy[i] = codes[i] + offset;
    }
    rf_free(f->sim->ctx, codes);
    *out = copy;
    return RF_OK;
}

/*
 * Ranges that the factor will multiply. Asymmetric ends are snapped to the grid first, so that the offset cannot
 * fall on the other side of a tie when it is derived anew.
 */
static void load_range(fold *f, int64_t c)
{
    f->old_min[c] = f->min[c] = rf_quantizer_min(f->quantizer)[c];
    f->old_max[c] = f->max[c] = rf_quantizer_max(f->quantizer)[c];
    if (!f->spec.symmetric) {
        const rf_encoding e = rf_effective_encoding(&f->spec, f->min[c], f->max[c]);
        f->min[c] = (float)e.min;
        f->max[c] = (float)e.max;
    }
}

/*
 * range' = range * |factor|; a negative factor swaps the ends. One range for all channels follows the first of them, as
 * it does in AIMET. A channel whose range would fall below what gating
 * leaves is dead: weights 0 and the old range, never a scale that vanishes.
 */
static void scale_range(fold *f, int64_t c)
{
    const float factor = f->bn.scale[c], a = f->min[c] * factor, b = f->max[c] * factor;

    f->min[c] = factor < 0.0F ? b : a;
    f->max[c] = factor < 0.0F ? a : b;
    f->dead[c] = !(f->max[c] - f->min[c] >= RF_GATE_EPSILON);
    if (f->dead[c]) {
        f->min[c] = f->old_min[c];
        f->max[c] = f->old_max[c];
        f->result.dead_channels++;
    } else if (factor < 0.0F) {
        f->result.negative_gamma++;
    }
}

static rf_status keep_old(fold *f)
{
    const rf_tensor *w = f->layer.weight->constant;
    const size_t channels = (size_t)f->bn.channels;

    f->ranges = rf_quantizer_count(f->quantizer);
    f->old_weights = rf_arena_array(f->arena, (size_t)w->count, sizeof(float));
    f->old_min = rf_arena_array(f->arena, channels, sizeof(float));
    f->old_max = rf_arena_array(f->arena, channels, sizeof(float));
    f->min = rf_arena_array(f->arena, channels, sizeof(float));
    f->max = rf_arena_array(f->arena, channels, sizeof(float));
    f->dead = rf_arena_array(f->arena, channels, sizeof *f->dead);
    if (!f->old_weights || !f->old_min || !f->old_max || !f->min || !f->max || !f->dead)
        return RF_ENOMEM;
    memcpy(f->old_weights, w->data, (size_t)w->count * sizeof(float));
    return signed_codes(f, &f->old_codes);
}

static void scale_weights(fold *f)
{
    rf_tensor *w = f->layer.weight->constant;

    for (int64_t i = 0; i < w->count; i++) {
        const int64_t c = channel_of(f, i);
        rf_tensor_f32(w)[i] = f->dead[c] ? 0.0F : f->old_weights[i] * f->bn.scale[c];
    }
    rf_value_touch(f->layer.weight);
}

static int32_t wanted_code(const fold *f, int64_t i)
{
    const int64_t c = channel_of(f, i);

    if (f->dead[c])
        return 0;
    return f->bn.scale[c] < 0.0F ? -f->old_codes[i] : f->old_codes[i];
}

/*
 * W' = W c and range' = range |c| are rounded, so that a weight on a tie between two codes may come out on the other
 * side. The code is the fact and the float only its carrier: such a weight moves to the centre of its code.
 */
static void centre_ties(fold *f, const int32_t *codes)
{
    float *w = rf_tensor_f32(f->layer.weight->constant);

    for (int64_t i = 0; i < f->layer.weight->constant->count; i++) {
        const int64_t c = channel_of(f, i);
        float scale = 0.0F;
        int32_t offset = 0;
        if (codes[i] == wanted_code(f, i))
            continue;
        rf_scale_offset(&f->spec, f->min[c], f->max[c], &scale, &offset);
        w[i] = (float)wanted_code(f, i) * scale;
    }
}

static int64_t largest_difference(const fold *f, const int32_t *codes)
{
    int64_t largest = 0;

    for (int64_t i = 0; i < f->layer.weight->constant->count; i++) {
        const int64_t d = llabs((long long)codes[i] - wanted_code(f, i));
        largest = d > largest ? d : largest;
    }
    return largest;
}

/* New weights and ranges in place, and the proof: the largest difference of a code. */
static rf_status fold_weights(fold *f)
{
    int32_t *codes = NULL;

    for (int64_t c = 0; c < f->ranges; c++) {
        load_range(f, c);
        scale_range(f, c);
    }
    scale_weights(f);
    RF_TRY(rf_quantizer_set_range(f->sim, f->quantizer, f->min, f->max, f->ranges));
    RF_TRY(signed_codes(f, &codes));
    if (!f->sim->compat_aimet && largest_difference(f, codes) > 0) {
        centre_ties(f, codes);
        RF_TRY(signed_codes(f, &codes));
    }
    f->result.max_code_difference = largest_difference(f, codes);
    return RF_OK;
}

static rf_status restore(fold *f)
{
    rf_tensor *w = f->layer.weight->constant;

    memcpy(w->data, f->old_weights, (size_t)w->count * sizeof(float));
    return rf_quantizer_set_range(f->sim, f->quantizer, f->old_min, f->old_max, f->ranges);
}

/* bias' = beta - (mean - bias) c; a dead channel's output is its beta, as far as its factor lets it. */
static void fold_bias(fold *f)
{
    for (int64_t c = 0; c < f->bn.channels; c++)
        f->bias[c] = f->bn.beta[c] - (f->bn.mean[c] - f->bias[c]) * f->bn.scale[c];
}

/* --- pairs --- */

static rf_status join(fold *f)
{
    rf_graph *g = f->sim->graph;
    rf_node *adder = NULL;

    fold_bias(f);
    RF_TRY(rf_layer_set_bias(g, &f->layer, f->bn.channels, f->bias, &adder));
    return rf_layer_replace_bn(g, &f->layer, f->pair->bn, adder,
                               /*keep_name=*/f->sim->compat_aimet);
}

static rf_status fold_pair(rf_sim *sim, rf_arena *arena, const rf_bn_pair *pair, rf_fold_log *log)
{
    fold f = { .sim = sim, .arena = arena, .pair = pair };
    const char *reason = NULL;

    RF_TRY(examine(&f, &reason));
    if (reason)
        return rf_fold_log_refused(log, pair, reason);
    f.result = (rf_folded){ .layer = pair->layer->name,
                            .bn = pair->bn->name,
                            .channels = f.bn.channels,
                            .negative_gamma = rf_attr_int(pair->bn, RF_NEGATIVE_GAMMA, 0) };
    RF_TRY(keep_old(&f));
    RF_TRY(fold_weights(&f));
    if (f.result.max_code_difference > 0 && !sim->compat_aimet) {
        RF_TRY(restore(&f));
        return rf_fold_log_refused(
            log, pair,
            "a channel whose gamma is negative has weights at the lowest code, which has no "
            "mirror image; train on, or quantize anew from the float model");
    }
    if (f.ranges < f.bn.channels)
        rf_log(sim->ctx, RF_LOG_WARNING,
               "layer '%s': its weights have one range, which took the factor of channel 0 for all "
               "(compat aimet); its codes changed by up to %lld",
               pair->layer->name, (long long)f.result.max_code_difference);
    RF_TRY(join(&f));
    return rf_fold_log_folded(log, &f.result);
}

/* AIMET raises before it touches anything when a BN stands in front of a layer that it could fold into. */
static bool has_forward(const rf_bn_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->items[i].kind == RF_BN_FORWARD)
            return true;
    return false;
}

static rf_status fold_pairs(rf_sim *sim, const rf_bn_pairs *pairs, rf_fold_log *log)
{
    const bool refuse_all = sim->compat_aimet && has_forward(pairs);
    rf_status st = RF_OK;

    for (size_t i = 0; !st && i < pairs->count; i++) {
        const rf_bn_pair *pair = &pairs->items[i];
        rf_arena arena;
        rf_arena_init(&arena, sim->ctx);
        const char *stays = rf_bn_pair_stays(pair);
        if (stays)
            st = rf_fold_log_standalone(log, pair, stays);
        else if (refuse_all)
            st = rf_fold_log_refused(
                log, pair,
                "forward folding to scale is not possible, and the network has such a "
                "pair (compat aimet)");
        else
            st = fold_pair(sim, &arena, pair, log);
        rf_arena_release(&arena);
    }
    return st;
}

rf_status rf_fold_to_scale(rf_sim *sim, rf_fold_report **out)
{
    rf_bn_pairs pairs = { 0 };
    rf_fold_log *log = NULL;
    rf_status st;

    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "folding"));
    RF_TRY(rf_fold_log_new(sim->ctx, &log));
    if ((st = rf_bn_pairs_find(sim->graph, &pairs)))
        goto out;
    if ((st = fold_pairs(sim, &pairs, log)))
        goto out;
    if (log->folded.count > 0 && (st = rf_graph_prune(sim->graph)))
        goto out;
    if ((st = rf_sim_refresh(sim)))
        goto out;
    if (!sim->compat_aimet && (st = rf_sim_snap_biases(sim)))
        goto out;
    if (log->folded.count > 0 || log->refused.count == 0)
        sim->state = RF_STATE_FOLDED;
    st = rf_fold_log_finish(log, out);
    log = NULL;
out:
    rf_fold_log_free(log);
    RF_VEC_RELEASE(sim->ctx, &pairs);
    return st;
}
