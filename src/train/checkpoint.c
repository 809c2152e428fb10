/* Checkpoints: the whole state of a training run in one safetensors file, two of which are kept. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "tensor/safetensors.h"
#include "train/trainer.h"

#define FORMAT "refold-checkpoint-2"
#define CHECKSUM "checksum" /* metadata; CRC-32 of all the rest, in hexadecimal */

/* --- names --- */

static char *older_path(rf_arena *arena, const char *path)
{
    return rf_arena_printf(arena, "%s.1", path);
}

static char *moment_name(rf_arena *arena, int moment, const rf_value *v)
{
    return rf_arena_printf(arena, "moment%d/%s", moment, v->name);
}

static char *value_name(rf_arena *arena, const rf_value *v)
{
    return rf_arena_printf(arena, "value/%s", v->name);
}

/* --- writing --- */

static rf_status add_slot(rf_safetensors *file, rf_arena *arena, const rf_trainer *t,
                          const rf_slot *slot)
{
    const rf_value *v = slot->param->value;
    const char *name = value_name(arena, v);

    if (!name)
        return RF_ENOMEM;
    RF_TRY(rf_safetensors_add(file, name, v->constant));
    for (int m = 0; rf_slot_learns(slot) && m < t->optimizer.rule->moments; m++) {
        name = moment_name(arena, m, v);
        if (!name)
            return RF_ENOMEM;
        RF_TRY(rf_safetensors_add_array(file, name, RF_DTYPE_F32, &v->constant->shape,
                                        slot->moments[m]));
    }
    return RF_OK;
}

static rf_status set_count(rf_safetensors *file, const char *key, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, value);
    return rf_safetensors_set(file, key, text);
}

/* Hexadecimal, so that the same double comes back. */
static rf_status set_number(rf_safetensors *file, const char *key, double value)
{
    char text[64];

    snprintf(text, sizeof text, "%a", value);
    return rf_safetensors_set(file, key, text);
}

static rf_status set_position(rf_safetensors *file, const rf_trainer *t)
{
    const rf_train_position *at = &t->at;

    RF_TRY(set_count(file, "step", t->optimizer.step));
    RF_TRY(set_count(file, "epoch", at->epoch));
    RF_TRY(set_count(file, "batch_of_epoch", at->batch));
    RF_TRY(set_number(file, "sum_loss", at->sums.loss));
    RF_TRY(set_count(file, "sum_samples", at->sums.samples));
    RF_TRY(set_count(file, "sum_top1", at->sums.top1));
    RF_TRY(set_number(file, "first_loss", at->first_loss));
    RF_TRY(set_number(file, "last_loss", at->last_loss));
    return set_number(file, "train_top1", at->train_top1);
}

/* What a continued run must have in common; then what a reader may want to know. */
static rf_status set_run(rf_safetensors *file, const rf_trainer *t)
{
    RF_TRY(rf_safetensors_set(file, "format", FORMAT));
    RF_TRY(rf_safetensors_set(file, "optimizer", t->optimizer.rule->name));
    RF_TRY(set_count(file, "seed", (int64_t)rf_context_seed(t->ctx)));
    RF_TRY(set_count(file, "batch_size", t->o.batch));
    RF_TRY(set_count(file, "samples", rf_dataset_count(t->data)));
    RF_TRY(rf_safetensors_set(file, "schedule", t->o.schedule ? t->o.schedule : "constant"));
    RF_TRY(set_count(file, "total_steps", t->total));
    RF_TRY(set_number(file, "learning_rate", t->o.learning_rate));
    RF_TRY(set_number(file, "encoding_learning_rate", t->o.encoding_learning_rate));
    RF_TRY(set_number(file, "momentum", t->o.momentum));
    RF_TRY(set_number(file, "weight_decay", t->o.weight_decay));
    RF_TRY(set_number(file, "warmup", (double)t->o.warmup));
    RF_TRY(set_number(file, "label_smoothing", t->o.label_smoothing));
    RF_TRY(set_count(file, "freeze_bn_after", t->o.freeze_bn_after));
    RF_TRY(set_count(file, "shuffle", !t->o.no_shuffle));
    RF_TRY(set_count(file, "augment", !t->o.no_augment));
    RF_TRY(set_count(file, "threads", rf_context_threads(t->ctx)));
    return set_count(file, "processes", rf_distributed_size(t->ctx));
}

static rf_status set_checksum(rf_safetensors *file)
{
    char text[16];

    snprintf(text, sizeof text, "%08" PRIx32, rf_safetensors_checksum(file, CHECKSUM));
    return rf_safetensors_set(file, CHECKSUM, text);
}

static rf_status fill(rf_safetensors *file, rf_arena *arena, const rf_trainer *t)
{
    RF_TRY(set_run(file, t));
    RF_TRY(set_position(file, t));
    for (int i = 0; i < t->optimizer.slot_count; i++)
        RF_TRY(add_slot(file, arena, t, &t->optimizer.slots[i]));
    RF_TRY(rf_code_changes_store(&t->changes, t->at.batch > 0, arena, file));
    return set_checksum(file);
}

/*
 * The checkpoint gets its second name before it loses the first, so that a whole one is there under `path` at every
 * moment. Where there are no hard links it is moved, and for a moment only the second name is there.
 */
static rf_status keep_older(rf_context *ctx, const char *path, const char *older)
{
    if (!rf_file_exists(path))
        return RF_OK;
    if ((unlink(older) != 0 && errno != ENOENT) || link(path, older) != 0)
        return rf_file_rename(ctx, path, older);
    return RF_OK;
}

static rf_status write_and_rotate(rf_safetensors *file, rf_arena *arena, const char *path)
{
    const char *older = older_path(arena, path), *fresh = rf_arena_printf(arena, "%s.new", path);
    rf_context *ctx = arena->ctx;

    if (!older || !fresh)
        return RF_ENOMEM;
    RF_TRY(rf_safetensors_write(file, fresh, /*force=*/true));
    RF_TRY(keep_older(ctx, path, older));
    return rf_file_rename(ctx, fresh, path);
}

rf_status rf_checkpoint_write(const rf_trainer *t)
{
    rf_safetensors *file = NULL;
    rf_arena arena;
    rf_status st;

    if (rf_distributed_rank(t->ctx) != 0) /* all have the same state */
        return RF_OK;
    rf_arena_init(&arena, t->ctx);
    if ((st = rf_safetensors_new(t->ctx, &file)))
        goto out;
    if ((st = fill(file, &arena, t)))
        goto out;
    st = write_and_rotate(file, &arena, t->o.checkpoint);
out:
    rf_safetensors_free(file);
    rf_arena_release(&arena);
    return st;
}

/* --- reading --- */

/* A checkpoint being looked at. */
typedef struct reader {
    const rf_safetensors *file;
    const char *path;
    rf_arena *arena; /* for names */
    rf_trainer *t;
} reader;

static rf_status get_text(const reader *r, const char *key, const char **out)
{
    const char *text = rf_safetensors_text(r->file, key);

    if (!text)
        return rf_fail(r->t->ctx, RF_EDATA, "'%s' is no training checkpoint: it has no entry '%s'",
                       r->path, key);
    *out = text;
    return RF_OK;
}

static rf_status get_count(const reader *r, const char *key, int64_t *out)
{
    const char *text = NULL;
    char *end = NULL;

    RF_TRY(get_text(r, key, &text));
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return rf_fail(r->t->ctx, RF_EDATA, "'%s': entry '%s' is '%s', expected an integer",
                       r->path, key, text);
    *out = value;
    return RF_OK;
}

static rf_status get_number(const reader *r, const char *key, double *out)
{
    const char *text = NULL;
    char *end = NULL;

    RF_TRY(get_text(r, key, &text));
    *out = strtod(text, &end);
    if (end == text || *end)
        return rf_fail(r->t->ctx, RF_EDATA, "'%s': entry '%s' is '%s', expected a number", r->path,
                       key, text);
    return RF_OK;
}

static rf_status check_same(const reader *r, const char *key, int64_t present, const char *what)
{
    int64_t found = 0;

    RF_TRY(get_count(r, key, &found));
    if (found != present)
        return rf_fail(r->t->ctx, RF_EARG,
                       "'%s' was written with %s %" PRId64 ", this run has %" PRId64
                       "; use the same or start without resuming",
                       r->path, what, found, present);
    return RF_OK;
}

static rf_status check_run(const reader *r)
{
    const rf_trainer *t = r->t;
    const char *format = NULL, *optimizer = NULL;

    RF_TRY(get_text(r, "format", &format));
    if (strcmp(format, FORMAT) != 0)
        return rf_fail(t->ctx, RF_EDATA, "'%s' has checkpoint format '%s', expected '%s'", r->path,
                       format, FORMAT);
    RF_TRY(get_text(r, "optimizer", &optimizer));
    if (strcmp(optimizer, t->optimizer.rule->name) != 0)
        return rf_fail(t->ctx, RF_EARG, "'%s' was written with optimizer %s, this run has %s",
                       r->path, optimizer, t->optimizer.rule->name);
    RF_TRY(check_same(r, "seed", (int64_t)rf_context_seed(t->ctx), "seed"));
    RF_TRY(check_same(r, "batch_size", t->o.batch, "batch size"));
    return check_same(r, "samples", rf_dataset_count(t->data), "a data set of size");
}

/* Options that may differ, but then the result is another than that of one run. */
static rf_status tell_differences(const reader *r)
{
    static const char *const keys[] = {
        "schedule", "learning_rate",   "encoding_learning_rate", "momentum", "weight_decay",
        "warmup",   "label_smoothing", "freeze_bn_after",        "shuffle",  "augment",
        "threads",  "processes"
    };
    rf_context *ctx = r->t->ctx;
    rf_safetensors *now = NULL;
    rf_status st = rf_safetensors_new(ctx, &now);

    if (!st)
        st = set_run(now, r->t);
    for (size_t i = 0; !st && i < sizeof keys / sizeof *keys; i++) {
        const char *then = rf_safetensors_text(r->file, keys[i]);
        if (!then || strcmp(then, rf_safetensors_text(now, keys[i])) != 0)
            rf_log(ctx, RF_LOG_WARNING,
                   "'%s' was written with another %s; the result will not be that of one run",
                   r->path, keys[i]);
    }
    rf_safetensors_free(now);
    return st;
}

static rf_status get_position(const reader *r, rf_train_position *at, int64_t *step_out)
{
    RF_TRY(get_count(r, "step", step_out));
    RF_TRY(get_count(r, "epoch", &at->epoch));
    RF_TRY(get_count(r, "batch_of_epoch", &at->batch));
    RF_TRY(get_number(r, "sum_loss", &at->sums.loss));
    RF_TRY(get_count(r, "sum_samples", &at->sums.samples));
    RF_TRY(get_count(r, "sum_top1", &at->sums.top1));
    RF_TRY(get_number(r, "first_loss", &at->first_loss));
    RF_TRY(get_number(r, "last_loss", &at->last_loss));
    RF_TRY(get_number(r, "train_top1", &at->train_top1));
    if (*step_out < 0 || at->epoch < 0 || at->batch < 0)
        return rf_fail(r->t->ctx, RF_EDATA,
                       "'%s' stands at step %" PRId64 ", epoch %" PRId64 ", batch %" PRId64,
                       r->path, *step_out, at->epoch, at->batch);
    return RF_OK;
}

/* Visit every tensor of a slot; with `copy` false only check that it is there and fits. */
static rf_status read_slot(const reader *r, rf_slot *slot, bool copy)
{
    const rf_value *v = slot->param->value;
    const rf_tensor *found = NULL;
    const char *name = value_name(r->arena, v);

    if (!name)
        return RF_ENOMEM;
    RF_TRY(rf_safetensors_get(r->file, name, v->constant->dtype, &v->constant->shape, &found));
    if (copy)
        memcpy(v->constant->data, found->data, (size_t)found->count * rf_dtype_bytes(found->dtype));
    for (int m = 0; rf_slot_learns(slot) && m < r->t->optimizer.rule->moments; m++) {
        name = moment_name(r->arena, m, v);
        if (!name)
            return RF_ENOMEM;
        RF_TRY(rf_safetensors_get(r->file, name, RF_DTYPE_F32, &v->constant->shape, &found));
        if (copy)
            memcpy(slot->moments[m], found->data, (size_t)found->count * sizeof(float));
    }
    return RF_OK;
}

/* Everything is checked before the first value changes. */
static rf_status restore(const reader *r)
{
    rf_trainer *t = r->t;
    rf_train_position at = { 0 };
    int64_t step = 0;

    RF_TRY(check_run(r));
    RF_TRY(tell_differences(r));
    RF_TRY(get_position(r, &at, &step));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < t->optimizer.slot_count; i++)
            RF_TRY(read_slot(r, &t->optimizer.slots[i], /*copy=*/pass == 1));
    RF_TRY(rf_code_changes_restore(&t->changes, at.batch > 0, r->arena, r->file));
    t->at = at;
    t->optimizer.step = t->saved_step = step;
    rf_log(t->ctx, RF_LOG_INFO, "resuming from '%s' at step %" PRId64 " (epoch %" PRId64 ")",
           r->path, step, at.epoch + 1);
    return RF_OK;
}

/* Read a file whose bytes are those that were written. */
static rf_status read_whole(rf_context *ctx, const char *path, rf_safetensors **out)
{
    rf_safetensors *file = NULL;
    char sum[16];

    RF_TRY(rf_safetensors_read(ctx, path, &file));
    const char *noted = rf_safetensors_text(file, CHECKSUM);
    snprintf(sum, sizeof sum, "%08" PRIx32, rf_safetensors_checksum(file, CHECKSUM));
    if (noted && strcmp(noted, sum) == 0) {
        *out = file;
        return RF_OK;
    }
    const rf_status st =
        noted ? rf_fail(ctx, RF_EDATA,
                        "checkpoint '%s' is damaged: its checksum is %s, its content has %s", path,
                        noted, sum)
              : rf_fail(ctx, RF_EDATA,
                        "'%s' is no training checkpoint: it has no entry '" CHECKSUM "'", path);
    rf_safetensors_free(file);
    return st;
}

/* The newest file that can be read, and its name; *out NULL where there is none at all. */
static rf_status open_newest(rf_trainer *t, rf_arena *arena, rf_safetensors **out,
                             const char **path_out)
{
    const char *older = older_path(arena, t->o.checkpoint);
    const bool spare = older && rf_file_exists(older);
    char why[512];

    if (!older)
        return RF_ENOMEM;
    *path_out = t->o.checkpoint;
    if (!rf_file_exists(t->o.checkpoint)) {
        *path_out = older;
        return spare ? read_whole(t->ctx, older, out) : RF_OK;
    }
    rf_status st = read_whole(t->ctx, t->o.checkpoint, out);
    if (!st || st == RF_ENOMEM || !spare)
        return st;
    rf_log(t->ctx, RF_LOG_WARNING, "%s; falling back to the checkpoint before it, '%s'",
           rf_context_message(t->ctx), older);
    snprintf(why, sizeof why, "%s", rf_context_message(t->ctx));
    *path_out = older;
    st = read_whole(t->ctx, older, out);
    return st && st != RF_ENOMEM
               ? rf_fail(t->ctx, st,
                         "no checkpoint is left to continue from: %s; and the one before, '%s', "
                         "neither; start without resuming",
                         why, older)
               : st;
}

rf_status rf_checkpoint_resume(rf_trainer *t)
{
    rf_safetensors *file = NULL;
    const char *path = NULL;
    rf_arena arena;
    rf_status st;

    rf_arena_init(&arena, t->ctx);
    st = open_newest(t, &arena, &file, &path);
    if (!st && !file)
        rf_log(t->ctx, RF_LOG_INFO, "there is no checkpoint '%s' yet: starting from the beginning",
               t->o.checkpoint);
    if (!st && file)
        st = restore(&(reader){ .file = file, .path = path, .arena = &arena, .t = t });
    rf_safetensors_free(file);
    rf_arena_release(&arena);
    return st;
}
