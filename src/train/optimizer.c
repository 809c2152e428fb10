/* The table of optimizers, and a parameter's step cut into pieces for the threads. */
#include "train/optimizer.h"

#include <string.h>

#define PIECE 16384 /* elements: small enough to balance, large enough to hide the call */

static const rf_optimizer_rule *const rules[] = { &rf_rule_sgd, &rf_rule_adam };

rf_status rf_optimizer_rule_find(rf_context *ctx, const char *name, const rf_optimizer_rule **out)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!name || strcmp(rules[i]->name, name) == 0) {
            *out = rules[i];
            return RF_OK;
        }
    }
    return rf_fail(ctx, RF_EARG, "optimizer '%s' is unknown; there are sgd and adam", name);
}

rf_status rf_optimizer_init(rf_optimizer *o, rf_context *ctx, const rf_optimizer_rule *rule,
                            const rf_params *params)
{
    *o = (rf_optimizer){ .ctx = ctx, .rule = rule };
    RF_NEW_ARRAY(ctx, o->slots, params->count ? params->count : 1);
    for (size_t i = 0; i < params->count; i++) {
        rf_slot *slot = &o->slots[o->slot_count++];
        slot->param = &params->items[i];
        for (int m = 0; slot->param->value->trainable && m < rule->moments; m++)
            RF_NEW_ARRAY(ctx, slot->moments[m], slot->param->value->constant->count);
    }
    return RF_OK;
}

void rf_optimizer_release(rf_optimizer *o)
{
    for (int i = 0; i < o->slot_count; i++)
        for (int m = 0; m < RF_MAX_MOMENTS; m++)
            rf_free(o->ctx, o->slots[i].moments[m]);
    if (o->slots)
        rf_free(o->ctx, o->slots);
    *o = (rf_optimizer){ 0 };
}

void rf_optimizer_begin(rf_optimizer *o)
{
    o->step++;
}

static void apply_piece(const rf_optimizer *o, const rf_update *whole, const rf_slot *slot,
                        int64_t begin, float *weights, const float *diff)
{
    rf_update u = *whole;
    float *moments[RF_MAX_MOMENTS] = { NULL };

    u.count = whole->count - begin < PIECE ? whole->count - begin : PIECE;
    for (int m = 0; m < o->rule->moments; m++)
        moments[m] = slot->moments[m] + begin;
    o->rule->update(&u, weights + begin, diff + begin, moments);
}

void rf_optimizer_apply(rf_optimizer *o, int index, const rf_update *hyper, const float *diff)
{
    const rf_slot *slot = &o->slots[index];
    float *weights = rf_tensor_f32(slot->param->value->constant);
    rf_update u = *hyper;

    u.step = o->step;
    u.count = slot->param->value->constant->count;
    const int64_t pieces = (u.count + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(static) if (pieces > 4)
    for (int64_t p = 0; p < pieces; p++)
        apply_piece(o, &u, slot, p * PIECE, weights, diff);
}
