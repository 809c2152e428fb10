/* Codes of all weights at an epoch's beginning, and how many of them are others at its end. */
#include "train/code_changes.h"

#include "base/status.h"

rf_status rf_code_changes_init(rf_code_changes *c, rf_sim *sim)
{
    *c = (rf_code_changes){ .sim = sim };
    if (!sim)
        return RF_OK;
    RF_NEW_ARRAY(sim->ctx, c->items, sim->quantizers.count + 1);
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        rf_node *n = sim->quantizers.items[i];
        const rf_tensor *t = rf_quantizer_tensor(n)->constant;
        if (!rf_quantizer_is_param(n) || !t || rf_quantizer_spec(n).bitwidth > 16)
            continue;
        c->items[c->count++] = (rf_code_snapshot){ .quantizer = n, .count = t->count };
    }
    return RF_OK;
}

static rf_status take(rf_context *ctx, rf_code_snapshot *s)
{
    int32_t *codes = NULL;
    if (!rf_quantizer_enabled(s->quantizer)) {
        rf_free(ctx, s->codes);
        s->codes = NULL;
        return RF_OK;
    }
    if (!s->codes)
        RF_NEW_ARRAY(ctx, s->codes, s->count);
    RF_TRY(rf_quantizer_codes(ctx, s->quantizer, &codes));
    for (int64_t i = 0; i < s->count; i++)
        s->codes[i] = (uint16_t)codes[i];
    rf_free(ctx, codes);
    return RF_OK;
}

rf_status rf_code_changes_begin(rf_code_changes *c)
{
    for (size_t i = 0; i < c->count; i++)
        RF_TRY(take(c->sim->ctx, &c->items[i]));
    return RF_OK;
}

static rf_status count_changes(rf_code_changes *c, const rf_code_snapshot *s)
{
    int32_t *codes = NULL;
    int64_t changed = 0;
    RF_TRY(rf_quantizer_codes(c->sim->ctx, s->quantizer, &codes));
    for (int64_t i = 0; i < s->count; i++)
        changed += codes[i] != s->codes[i];
    rf_free(c->sim->ctx, codes);
    return rf_node_set_float(c->sim->graph, s->quantizer, RF_CHANGED_CODES,
                             s->count ? (double)changed / (double)s->count : 0.0);
}

rf_status rf_code_changes_end(rf_code_changes *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].codes)
            RF_TRY(count_changes(c, &c->items[i]));
    return RF_OK;
}

void rf_code_changes_release(rf_code_changes *c)
{
    for (size_t i = 0; i < c->count; i++)
        rf_free(c->sim->ctx, c->items[i].codes);
    if (c->sim)
        rf_free(c->sim->ctx, c->items);
    *c = (rf_code_changes){ 0 };
}
