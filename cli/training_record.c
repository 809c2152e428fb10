/* Keeps every step of a training in memory, some 100 bytes each, and passes it on. */
#include "training_record.h"

#include <math.h>
#include <stdlib.h>

#include "commands.h"
#include "curve_file.h"
#include "processes.h"

enum { MOST_POINTS = 400 }; /* of a curve in summary.json */

/* A curve without its end is a pity, a training that fails for want of a point would be a shame. */
static void push(rf_train_event **items, int64_t *count, int64_t *room, const rf_train_event *event)
{
    if (*count == *room) {
        const int64_t more = *room ? 2 * *room : 256;
        rf_train_event *grown = realloc(*items, (size_t)more * sizeof **items);
        if (!grown)
            return;
        *items = grown;
        *room = more;
    }
    (*items)[(*count)++] = *event;
}

/* ---- event files ---- */

static rf_status put_step(rf_event_file *f, const rf_train_event *e)
{
    rf_status st = rf_event_file_scalar(f, "train/loss", e->step, e->loss);
    if (!st)
        st = rf_event_file_scalar(f, "train/top1", e->step, e->top1);
    return st ? st : rf_event_file_scalar(f, "train/lr", e->step, e->learning_rate);
}

static rf_status put_epoch(rf_event_file *f, const rf_train_event *e)
{
    rf_status st = rf_event_file_scalar(f, "epoch/loss", e->epoch, e->loss);
    if (!st)
        st = rf_event_file_scalar(f, "epoch/top1", e->epoch, e->top1);
    if (!st && e->validation.samples > 0)
        st = rf_event_file_scalar(f, "validation/loss", e->epoch, e->validation.loss);
    if (!st && e->validation.samples > 0)
        st = rf_event_file_scalar(f, "validation/top1", e->epoch, e->validation.top1);
    return st;
}

/* The disk may be full: the training goes on without. */
static void pass_on(cli_record *r, const rf_train_event *e)
{
    if (!r->events)
        return;
    if ((e->epoch_end ? put_epoch : put_step)(r->events, e) == RF_OK)
        return;
    cli_warn(r->s, "--tensorboard ends here: %s", rf_context_message(r->s->ctx));
    rf_event_file_free(r->events);
    r->events = NULL;
}

/* ---- the log ---- */

static void json_validation(cli_json *j, const rf_train_event *e)
{
    if (e->validation.samples == 0) {
        cli_json_null(j, "validation");
        return;
    }
    cli_json_flat_object(j, "validation");
    cli_json_real(j, "top1", e->validation.top1);
    cli_json_real(j, "loss", e->validation.loss);
    cli_json_end(j);
}

static void json_epoch(cli_json *j, const rf_train_event *e)
{
    cli_json_int(j, "epoch", e->epoch);
    cli_json_int(j, "step", e->step);
    cli_json_real(j, "loss", e->loss);
    cli_json_real(j, "top1", e->top1);
    cli_json_real(j, "lr", e->learning_rate);
    json_validation(j, e);
}

static void log_epoch(const cli_record *r, const rf_train_event *e)
{
    cli_json j = { .compact = true };
    if (!cli_log_begin(r->s, &j, "epoch"))
        return;
    json_epoch(&j, e);
    cli_log_end(r->s, &j);
}

/* ---- what a resumed run begins with ---- */

static void remember(void *user, const rf_train_event *e)
{
    cli_record *r = user;
    if (e->epoch_end)
        push(&r->epochs, &r->epoch_count, &r->epoch_room, e);
    else
        push(&r->steps, &r->step_count, &r->step_room, e);
}

static int64_t before(const rf_train_event *list, int64_t count, int64_t step)
{
    while (count > 0 && list[count - 1].step >= step)
        count--;
    return count;
}

/* The checkpoint may be older than the last event: what follows it is done again. */
static void begin_curve(cli_record *r, const rf_train_event *first)
{
    r->step_count = before(r->steps, r->step_count, first->step);
    r->epoch_count = before(r->epochs, r->epoch_count, first->step);
    if (!r->curve_path)
        return;
    r->curve =
        cli_curve_begin(r->curve_path, (const rf_train_event *const[]){ r->steps, r->epochs },
                        (const int64_t[]){ r->step_count, r->epoch_count });
}

static void keep(cli_record *r, const rf_train_event *e)
{
    if (!r->begun)
        begin_curve(r, e);
    r->begun = true;
    if (!r->curve || cli_curve_add(r->curve, e))
        return;
    cli_record_end(r);
}

void cli_record_keep(cli_record *r, const char *checkpoint)
{
    if (!cli_speaks(r->s))
        return;
    r->curve_path = cli_curve_path(checkpoint);
    if (r->curve_path && r->s->options->resume)
        cli_curve_read(r->curve_path, remember, r);
}

/* ---- the record ---- */

static void on_event(void *user, const rf_train_event *e)
{
    cli_record *r = user;
    keep(r, e);
    remember(r, e);
    if (e->epoch_end)
        log_epoch(r, e);
    pass_on(r, e);
}

int cli_record_open(cli_session *s, cli_record *out)
{
    *out = (cli_record){ .s = s };
    if (!s->options->tensorboard || !cli_speaks(s))
        return 0;
    const rf_status st = rf_event_file_new(s->ctx, s->options->tensorboard, &out->events);
    return st ? cli_fail(s, st) : 0;
}

void cli_record_attach(cli_record *r, rf_train_options *options)
{
    if (!cli_speaks(r->s))
        return;
    options->on_event = on_event;
    options->on_event_user = r;
}

void cli_record_end(cli_record *r)
{
    if (r->curve)
        fclose(r->curve);
    r->curve = NULL;
}

void cli_record_close(cli_record *r)
{
    cli_record_end(r);
    rf_event_file_free(r->events);
    free(r->curve_path);
    free(r->steps);
    free(r->epochs);
    *r = (cli_record){ 0 };
}

/* ---- curves ---- */

static double loss_of(const rf_train_event *e)
{
    return e->loss;
}

static double top1_of(const rf_train_event *e)
{
    return e->top1;
}

static double rate_of(const rf_train_event *e)
{
    return e->learning_rate;
}

/* Means of `width` steps each; the last point may stand for fewer. */
static void json_curve(cli_json *j, const char *key, const cli_record *r, int64_t width,
                       double (*of)(const rf_train_event *))
{
    cli_json_flat_array(j, key);
    for (int64_t i = 0; i < r->step_count; i += width) {
        const int64_t end = i + width < r->step_count ? i + width : r->step_count;
        double sum = 0.0;
        for (int64_t k = i; k < end; k++)
            sum += of(&r->steps[k]);
        cli_json_float(j, NULL, (float)(sum / (double)(end - i)));
    }
    cli_json_end(j);
}

static void json_curves(cli_json *j, const cli_record *r, int64_t width)
{
    cli_json_object(j, "curve");
    cli_json_flat_array(j, "step");
    for (int64_t i = 0; i < r->step_count; i += width)
        cli_json_int(j, NULL,
                     r->steps[i + width < r->step_count ? i + width - 1 : r->step_count - 1].step);
    cli_json_end(j);
    json_curve(j, "loss", r, width, loss_of);
    json_curve(j, "top1", r, width, top1_of);
    json_curve(j, "lr", r, width, rate_of);
    cli_json_end(j);
}

void cli_json_training(cli_json *j, const char *key, const cli_record *r)
{
    const int64_t width = (r->step_count + MOST_POINTS - 1) / MOST_POINTS;
    if (r->step_count == 0) {
        cli_json_null(j, key);
        return;
    }
    cli_json_object(j, key);
    cli_json_int(j, "steps_a_point", width);
    json_curves(j, r, width);
    cli_json_array(j, "epochs");
    for (int64_t i = 0; i < r->epoch_count; i++) {
        cli_json_flat_object(j, NULL);
        json_epoch(j, &r->epochs[i]);
        cli_json_end(j);
    }
    cli_json_end(j);
    cli_json_end(j);
}
