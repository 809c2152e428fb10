/* Codes of all weights at an epoch's beginning, and how many of them are others at its end. */
#include "train/code_changes.h"

#include <math.h>
#include <string.h>

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
    if (c->restored) {
        c->restored = false;
        return RF_OK;
    }
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

/* --- checkpoints --- */

static char *entry_name(rf_arena *arena, const char *what, const rf_code_snapshot *s)
{
    return rf_arena_printf(arena, "%s/%s", what, s->quantizer->inputs[1]->name);
}

static rf_status store(const rf_code_snapshot *s, bool midst, rf_arena *arena, rf_safetensors *file)
{
    const rf_shape one = { .rank = 1, .dims = { 1 } }, all = { .rank = 1, .dims = { s->count } };
    const char *changed = entry_name(arena, "changed", s),
               *codes = entry_name(arena, "epoch_codes", s);
    double *share = rf_arena_array(arena, 1, sizeof *share);
    if (!changed || !codes || !share)
        return RF_ENOMEM;
    *share = rf_quantizer_changed(s->quantizer);
    if (isfinite(*share))
        RF_TRY(rf_safetensors_add_array(file, changed, RF_DTYPE_F64, &one, share));
    return midst && s->codes ? rf_safetensors_add_array(file, codes, RF_DTYPE_U16, &all, s->codes)
                             : RF_OK;
}

rf_status rf_code_changes_store(const rf_code_changes *c, bool midst, rf_arena *arena,
                                rf_safetensors *file)
{
    for (size_t i = 0; i < c->count; i++)
        RF_TRY(store(&c->items[i], midst, arena, file));
    return RF_OK;
}

static rf_status restore_codes(rf_code_changes *c, rf_code_snapshot *s, const rf_safetensors *file,
                               const char *name)
{
    const rf_shape all = { .rank = 1, .dims = { s->count } };
    const rf_tensor *codes = NULL;
    if (!rf_safetensors_find(file, name))
        return RF_OK;
    RF_TRY(rf_safetensors_get(file, name, RF_DTYPE_U16, &all, &codes));
    if (!s->codes)
        RF_NEW_ARRAY(c->sim->ctx, s->codes, s->count);
    memcpy(s->codes, codes->data, (size_t)s->count * sizeof *s->codes);
    return RF_OK;
}

static rf_status restore_share(const rf_code_changes *c, const rf_code_snapshot *s,
                               const rf_safetensors *file, const char *name)
{
    const rf_shape one = { .rank = 1, .dims = { 1 } };
    const rf_tensor *share = NULL;
    if (!rf_safetensors_find(file, name))
        return RF_OK;
    RF_TRY(rf_safetensors_get(file, name, RF_DTYPE_F64, &one, &share));
    return rf_node_set_float(c->sim->graph, s->quantizer, RF_CHANGED_CODES,
                             *(const double *)share->data);
}

rf_status rf_code_changes_restore(rf_code_changes *c, bool midst, rf_arena *arena,
                                  const rf_safetensors *file)
{
    for (size_t i = 0; i < c->count; i++) {
        rf_code_snapshot *s = &c->items[i];
        const char *changed = entry_name(arena, "changed", s),
                   *codes = entry_name(arena, "epoch_codes", s);
        if (!changed || !codes)
            return RF_ENOMEM;
        RF_TRY(restore_share(c, s, file, changed));
        if (midst)
            RF_TRY(restore_codes(c, s, file, codes));
    }
    c->restored = midst;
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
