/* The training loop, for plain graphs and simulations alike. */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>

#include "base/profile.h"
#include "exec/computed_params.h"
#include "graph/ports.h"

/* --- setting up --- */

static bool graph_has_bn(const rf_graph *g)
{
    for
        RF_GRAPH_EACH_NODE(n, g)
    if (rf_node_is(n, "BatchNormalization"))
        return true;
    return false;
}

static bool is_range(const rf_param *p)
{
    return p->role == RF_ROLE_RANGE_MIN || p->role == RF_ROLE_RANGE_MAX;
}

/* Plans mark what is trainable anew, so what holds for this run is which slots of the optimizer have moments. */
static rf_status collect_params(rf_trainer *t)
{
    const bool learn_ranges = t->sim && t->sim->learned && t->o.encoding_learning_rate > 0.0;

    RF_TRY(rf_params_collect(t->g, &t->params));
    for (size_t i = 0; i < t->params.count; i++)
        if (is_range(&t->params.items[i]) && !learn_ranges)
            t->params.items[i].value->trainable = false;
    return RF_OK;
}

static bool shares_statistics(const rf_trainer *t)
{
    return t->o.sync_bn && t->has_bn && rf_distributed_size(t->ctx) > 1;
}

/* Plans are made for one way of treating BN, so the feed is made anew when the statistics freeze. */
static rf_status open_feed(rf_trainer *t)
{
    const bool frozen = t->o.freeze_bn_after >= 0 && t->at.epoch >= t->o.freeze_bn_after;
    rf_feed_options options = {
        .batch = t->o.batch,
        .shuffle = !t->o.no_shuffle,
        .augment = !t->o.no_augment,
        .finite = true,
        /* The zeros behind a short batch of a fixed size would enter the batch statistics. */
        .drop_last = rf_graph_fixed_batch(t->g) > 0,
        .plan = { .mode = RF_MODE_TRAIN, .bn_sync = shares_statistics(t), .bn_frozen = frozen },
    };

    if (t->feed && t->feed_frozen == frozen)
        return RF_OK;
    rf_feed_free(t->feed);
    t->feed = NULL;
    t->feed_frozen = frozen;
    RF_TRY(rf_feed_new(t->g, t->data, &options, &t->feed));
    rf_exchange_release(&t->exchange);
    return rf_exchange_init(&t->exchange, &t->optimizer, rf_feed_plan(t->feed),
                            t->has_bn && !frozen && !shares_statistics(t));
}

/* Samples that a batch must have, so that BN has two values a channel wherever it takes statistics. */
static int64_t least_batch(const rf_trainer *t)
{
    const int64_t size = rf_distributed_size(t->ctx);

    return t->has_bn && !shares_statistics(t) ? 2 * size : size;
}

static rf_status check_batch(const rf_trainer *t)
{
    if (rf_distributed_size(t->ctx) == 1 || t->o.batch >= least_batch(t))
        return RF_OK;
    return rf_fail(t->ctx, RF_EARG,
                   "a batch of %lld is too small for %d processes: this network needs %lld or more",
                   (long long)t->o.batch, rf_distributed_size(t->ctx), (long long)least_batch(t));
}

static rf_status count_steps(rf_trainer *t)
{
    const int64_t samples = rf_feed_samples(t->feed);

    const int64_t last = samples % t->o.batch;

    t->per_epoch = rf_feed_batches(t->feed);
    /* One sample has no variance: with BN, a last batch that leaves a process a single one is left out. */
    if (t->has_bn && t->per_epoch > 1 && last > 0 && last < least_batch(t))
        t->per_epoch--;
    if (t->per_epoch < 1)
        return rf_fail(t->ctx, RF_EDATA,
                       "the data set '%s' has %lld samples, too few for one batch", t->data->spec,
                       (long long)samples);
    t->total = t->o.epochs > 0 ? t->o.epochs * t->per_epoch : t->o.steps;
    if (t->o.steps > 0 && t->o.steps < t->total)
        t->total = t->o.steps;
    return RF_OK;
}

static rf_status prepare(rf_trainer *t, const rf_train_options *options)
{
    const rf_optimizer_rule *rule = NULL;
    const int64_t fixed = rf_graph_fixed_batch(t->g);

    RF_TRY(rf_train_options_resolve(t->ctx, options, &t->o));
    if (fixed > 0)
        t->o.batch = fixed;
    RF_TRY(rf_schedule_parse(t->ctx, t->o.schedule, t->o.warmup, &t->schedule));
    RF_TRY(rf_optimizer_rule_find(t->ctx, t->o.optimizer, &rule));
    if (!rf_dataset_has_labels(t->data))
        return rf_fail(t->ctx, RF_EDATA, "the data set '%s' has no labels to train on",
                       t->data->spec);
    RF_TRY(rf_graph_need_float(t->g, "training"));
    rf_use_threads(t->ctx);
    t->has_bn = graph_has_bn(t->g);
    RF_TRY(collect_params(t));
    RF_TRY(rf_optimizer_init(&t->optimizer, t->ctx, rule, &t->params));
    RF_TRY(check_batch(t));
    RF_TRY(rf_code_changes_init(&t->changes, t->sim));
    rf_health_init(&t->health, t->g, t->sim, &t->params);
    if (t->o.resume && rf_distributed_rank(t->ctx) == 0)
        RF_TRY(rf_checkpoint_resume(t));
    return RF_OK;
}

/* Every process starts where rank 0 stands, which alone has read a checkpoint. */
static rf_status start_together(rf_trainer *t, rf_status prepared)
{
    RF_TRY(rf_group_agree(t->ctx, prepared));
    RF_TRY(rf_group_share(t->ctx, &t->at, sizeof t->at));
    RF_TRY(rf_exchange_state(t->ctx, &t->optimizer));
    rf_status st = open_feed(t);
    if (!st)
        st = count_steps(t);
    return rf_group_agree(t->ctx, st);
}

/* --- one step --- */

enum { ADVICE = 640 };

/* The end of a message: the cure, and where a user who fails goes on from. */
static const char *advise(const rf_trainer *t, char text[ADVICE])
{
    const int length =
        snprintf(text, ADVICE, "; try a lower learning rate than %g", t->o.learning_rate);
    if (t->o.checkpoint && t->saved_step > 0)
        snprintf(text + length, ADVICE - (size_t)length,
                 "; checkpoint '%.500s' of step %lld is kept", t->o.checkpoint,
                 (long long)t->saved_step);
    return text;
}

static rf_status fail_not_finite(const rf_trainer *t, const rf_plan *plan)
{
    char advice[ADVICE];
    return rf_fail(t->ctx, RF_ENUMERIC,
                   "the loss of step %lld (epoch %lld) is not finite; the first output that is not "
                   "finite is that of '%s'%s",
                   (long long)t->optimizer.step + 1, (long long)t->at.epoch + 1,
                   rf_health_bad_node(&t->health, plan), advise(t, advice));
}

/* A quantizer of activations whose range the updates closed passes one value, and learns no more. */
static void tell_collapsed(const rf_trainer *t)
{
    for (size_t i = 0; t->sim && i < t->sim->quantizers.count; i++) {
        const rf_node *n = t->sim->quantizers.items[i];
        const float min = rf_quantizer_min(n)[0], max = rf_quantizer_max(n)[0];
        if (rf_quantizer_enabled(n) && !rf_quantizer_is_param(n) && max < min) {
            rf_log(t->ctx, RF_LOG_WARNING,
                   "after step %lld the range of '%s' is closed (%g to %g): all that passes is one "
                   "value; try a lower encoding learning rate than %g",
                   (long long)t->optimizer.step, rf_quantizer_tensor(n)->name, (double)min,
                   (double)max, t->o.encoding_learning_rate);
            return;
        }
    }
}

/* A Relu or a quantizer may swallow what an update made, so the next loss does not always tell. */
static rf_status check_params(const rf_trainer *t)
{
    const char *layer = rf_health_bad_layer(&t->health);
    char advice[ADVICE];
    return layer ? rf_fail(t->ctx, RF_ENUMERIC,
                           "after step %lld a parameter or range of '%s' is not finite%s",
                           (long long)t->optimizer.step, layer, advise(t, advice))
                 : RF_OK;
}

static rf_status save(rf_trainer *t)
{
    if (!t->o.checkpoint)
        return RF_OK;
    RF_TRY(rf_checkpoint_write(t));
    t->saved_step = t->optimizer.step;
    return RF_OK;
}

/* All of them before any is used: what is told has changed nothing. */
static rf_status check_gradients(const rf_trainer *t, const rf_plan *plan)
{
    char advice[ADVICE];
    for (size_t i = 0; i < t->params.count; i++) {
        const float *diff = rf_exchange_diff(&t->exchange, plan, (int)i);
        if (diff)
            RF_TRY(rf_health_check_gradient(&t->health, i, diff, t->optimizer.step + 1,
                                            advise(t, advice)));
    }
    return RF_OK;
}

static rf_status check_update(const rf_trainer *t)
{
    char advice[ADVICE];
    RF_TRY(check_params(t));
    return rf_health_check_ranges(&t->health, t->optimizer.step, advise(t, advice));
}

static void update_params(rf_trainer *t, const rf_plan *plan)
{
    const double factor =
        rf_schedule_factor(&t->schedule, t->optimizer.step, t->per_epoch, t->total);

    t->learning_rate = factor * t->o.learning_rate;
    const rf_step_part before = rf_profile_enter(t->ctx, RF_PART_OPTIMIZER);
    rf_optimizer_begin(&t->optimizer);
    for (size_t i = 0; i < t->params.count; i++) {
        const rf_param *p = &t->params.items[i];
        const float *diff = rf_exchange_diff(&t->exchange, plan, (int)i);
        const rf_update hyper = {
            .learning_rate =
                factor * (is_range(p) ? t->o.encoding_learning_rate : t->o.learning_rate),
            .momentum = t->o.momentum,
            .weight_decay = p->role == RF_ROLE_WEIGHT ? t->o.weight_decay : 0.0,
        };
        if (diff)
            rf_optimizer_apply(&t->optimizer, (int)i, &hyper, diff);
    }
    rf_profile_enter(t->ctx, before);
}

static void tell(const rf_trainer *t, rf_train_event event)
{
    event.step = t->optimizer.step;
    event.learning_rate = t->learning_rate;
    if (t->o.on_event)
        t->o.on_event(t->o.on_event_user, &event);
}

static void count_step(rf_trainer *t, const rf_loss_sums *sums)
{
    if (t->optimizer.step == 1)
        t->at.first_loss = rf_loss_mean(sums);
    rf_loss_sums_add(&t->at.sums, sums);
    t->at.last_loss = rf_loss_mean(&t->at.sums);
    t->at.train_top1 = rf_loss_percent(t->at.sums.top1, t->at.sums.samples);
    t->at.batch++;
    t->images += sums->samples;
    tell(t, (rf_train_event){ .epoch = t->at.epoch + 1,
                              .loss = rf_loss_mean(sums),
                              .top1 = rf_loss_percent(sums->top1, sums->samples) });
}

/* Loss and gradients of the samples that are here. */
static rf_status forward_backward(rf_trainer *t, rf_plan *plan, const rf_batch *batch,
                                  rf_loss_sums *sums)
{
    const rf_loss_batch labels = { .labels = batch->labels,
                                   .count = batch->count,
                                   .total = batch->total,
                                   .batch = rf_plan_input(plan, 0)->dims[0],
                                   .first = t->at.batch * t->o.batch + batch->first,
                                   .smoothing = t->o.label_smoothing };

    if (!rf_plan_diff_output(plan, 0)->data)
        return rf_fail(t->ctx, RF_EUNSUPPORTED,
                       "the first output '%s' depends on no weight through operators with a "
                       "gradient: there is nothing to train",
                       t->g->outputs.items[0]->name);
    rf_plan_set_position(plan, t->optimizer.step, batch->first);
    RF_TRY(rf_plan_forward(plan));
    RF_TRY(
        rf_loss_add(t->ctx, rf_plan_output(plan, 0), &labels, rf_plan_diff_output(plan, 0), sums));
    return isfinite(sums->loss) ? rf_plan_backward(plan) : fail_not_finite(t, plan);
}

static rf_status train_step(rf_trainer *t, rf_plan *plan, const rf_batch *batch)
{
    rf_loss_sums sums = { 0 };
    rf_status st = RF_OK;

    /* Static schemes take the ranges of weights from the weights, at every step; AIMET v1 does, its v2 does not. */
    if (t->sim && !t->sim->learned && !t->sim->compat_v2)
        RF_TRY(rf_sim_calibrate_params(t->sim));
    rf_exchange_begin(&t->exchange, plan);
    if (plan)
        st = forward_backward(t, plan, batch, &sums);
    if (st && st != RF_ENUMERIC)
        return st;
    /* A loss that is not finite makes the sum so: every process learns of it there, and then who had it. */
    if (rf_distributed_size(t->ctx) > 1 || !st) {
        const rf_step_part before = rf_profile_enter(t->ctx, RF_PART_ALL_REDUCE);
        RF_TRY(rf_exchange_end(&t->exchange, plan, batch->count, batch->total, &sums));
        rf_profile_enter(t->ctx, before);
    }
    if (st || !isfinite(sums.loss)) {
        RF_TRY(rf_group_agree(t->ctx, st));
        return rf_fail(t->ctx, RF_ENUMERIC, "the sum of the losses of step %lld is not finite",
                       (long long)t->optimizer.step + 1);
    }
    RF_TRY(check_gradients(t, plan));
    update_params(t, plan);
    count_step(t, &sums);
    return check_update(t);
}

/* --- epochs --- */

static void show_progress(rf_trainer *t)
{
    t->meter.progress.epoch = (int)t->at.epoch + 1;
    t->meter.progress.epochs = (int)((t->total + t->per_epoch - 1) / t->per_epoch);
    t->meter.progress.loss = t->at.last_loss;
    t->meter.progress.top1 = t->at.train_top1;
    rf_meter_update(&t->meter, t->images, t->images);
}

/* Processes stop together: each one's wish to stop travels with the step. */
static rf_status check_stop(rf_trainer *t)
{
    if (t->exchange.active && !t->exchange.stop)
        return RF_OK;
    if (t->exchange.stop)
        rf_context_interrupt(t->ctx);
    return rf_check_interrupt(t->ctx);
}

static rf_status run_batches(rf_trainer *t)
{
    RF_TRY(rf_feed_start(t->feed, t->at.epoch, t->at.batch));
    while (t->at.batch < t->per_epoch && t->optimizer.step < t->total) {
        rf_plan *plan = NULL;
        rf_batch batch;
        RF_TRY(check_stop(t));
        RF_TRY(rf_feed_next(t->feed, &plan, &batch));
        if (batch.total == 0)
            return rf_fail(t->ctx, RF_EINTERNAL, "the epoch ended after %lld of %lld batches",
                           (long long)t->at.batch, (long long)t->per_epoch);
        RF_TRY(train_step(t, plan, &batch));
        show_progress(t);
        if (t->o.checkpoint && t->o.checkpoint_every > 0 &&
            t->optimizer.step % t->o.checkpoint_every == 0 && t->at.batch < t->per_epoch &&
            t->optimizer.step < t->total) /* else the end of the epoch writes it */
            RF_TRY(save(t));
    }
    return RF_OK;
}

static void log_epoch(const rf_trainer *t, int64_t epoch)
{
    char validation[128] = "";

    if (t->o.validation)
        snprintf(validation, sizeof validation, ", validation top-1 %.2f %%, loss %.4f",
                 t->validation.top1, t->validation.loss);
    rf_log(t->ctx, RF_LOG_INFO, "epoch %lld/%lld: loss %.4f, top-1 %.2f %%%s, %.1f img/s",
           (long long)epoch, (long long)((t->total + t->per_epoch - 1) / t->per_epoch),
           t->at.last_loss, t->at.train_top1, validation,
           t->train_seconds > 0.0 ? (double)t->images / t->train_seconds : 0.0);
}

static rf_status end_epoch(rf_trainer *t)
{
    const int64_t epoch = t->at.epoch + 1;

    if (t->at.batch == t->per_epoch) {
        t->at.epoch++;
        t->at.batch = 0;
        t->at.sums = (rf_loss_sums){ 0 };
    }
    RF_TRY(rf_code_changes_end(&t->changes));
    /* Before the validation, so that nothing learned is lost when that is interrupted. */
    RF_TRY(save(t));
    tell_collapsed(t);
    if (t->o.validation)
        RF_TRY(rf_evaluate(t->g, t->o.validation, t->o.batch, &t->validation));
    log_epoch(t, epoch);
    tell(t, (rf_train_event){ .epoch = epoch,
                              .epoch_end = true,
                              .loss = t->at.last_loss,
                              .top1 = t->at.train_top1,
                              .validation = t->validation });
    return RF_OK;
}

static rf_status run_epochs(rf_trainer *t)
{
    const int64_t steps = t->total - t->optimizer.step;
    const int64_t images = steps > 0 ? steps * rf_feed_samples(t->feed) / t->per_epoch : 0;

    t->steps_before = t->optimizer.step;
    t->traffic_before = rf_group_traffic_so_far(t->ctx);
    rf_meter_start(&t->meter, t->ctx, "train", "img", images);
    while (t->optimizer.step < t->total) {
        RF_TRY(open_feed(t));
        RF_TRY(rf_code_changes_begin(&t->changes));
        const double start = rf_clock_seconds();
        const rf_status st = run_batches(t);
        t->train_seconds += rf_clock_seconds() - start;
        RF_TRY(st);
        RF_TRY(end_epoch(t));
    }
    /* A resumed run that was complete already. */
    if (t->o.validation && t->validation.samples == 0)
        return rf_evaluate(t->g, t->o.validation, t->o.batch, &t->validation);
    return RF_OK;
}

/* --- the whole run --- */

/* What was learned stays whatever ended the run, so it has to reach the file. */
static void touch_values(rf_trainer *t)
{
    for (size_t i = 0; i < t->params.count; i++)
        rf_value_touch(t->params.items[i].value);
}

static rf_status stop_interrupted(rf_trainer *t)
{
    rf_clear_interrupt(t->ctx);
    rf_log(t->ctx, RF_LOG_DEBUG, "training was interrupted after step %lld",
           (long long)t->optimizer.step);
    return rf_group_agree(t->ctx, save(t));
}

static void report(const rf_trainer *t, bool interrupted, rf_training *out)
{
    const rf_group_traffic now = rf_group_traffic_so_far(t->ctx);
    const int64_t steps = t->optimizer.step - t->steps_before;

    *out = (rf_training){
        .epochs = t->at.epoch,
        .steps = t->optimizer.step,
        .first_loss = t->at.first_loss,
        .last_loss = t->at.last_loss,
        .train_top1 = t->at.train_top1,
        .validation = t->validation,
        .seconds = rf_meter_seconds(&t->meter),
        .img_per_s = t->train_seconds > 0.0 ? (double)t->images / t->train_seconds : 0.0,
        .interrupted = interrupted,
        .processes = rf_distributed_size(t->ctx),
        .bytes_per_step =
            steps > 0 ? (double)(now.bytes - t->traffic_before.bytes) / (double)steps : 0.0,
        .seconds_waited = now.seconds - t->traffic_before.seconds,
    };
}

static rf_status train(rf_graph *g, rf_sim *sim, const rf_dataset *data,
                       const rf_train_options *options, rf_training *out)
{
    rf_trainer t = { .ctx = g->ctx, .g = g, .sim = sim, .data = data };
    bool interrupted = false;
    rf_status st = start_together(&t, prepare(&t, options));

    if (!st) {
        st = run_epochs(&t);
        interrupted = st == RF_EINTERRUPTED;
        if (interrupted)
            st = stop_interrupted(&t);
        touch_values(&t);
    }
    if (!st && out)
        report(&t, interrupted, out);
    rf_code_changes_release(&t.changes);
    rf_feed_free(t.feed);
    rf_exchange_release(&t.exchange);
    rf_optimizer_release(&t.optimizer);
    RF_VEC_RELEASE(t.ctx, &t.params);
    return st;
}

rf_status rf_train_graph(rf_graph *graph, const rf_dataset *dataset,
                         const rf_train_options *options, rf_training *out)
{
    RF_TRY(rf_graph_compute_params(graph));
    return train(graph, NULL, dataset, options, out);
}

rf_status rf_sim_need_trainable(const rf_sim *sim)
{
    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "training"));
    if (sim->state == RF_STATE_FOLDED)
        return rf_fail(sim->ctx, RF_ESTATE,
                       "the simulation is folded: its BN layers are gone; train before folding");
    return RF_OK;
}

/* What the last update left behind: gammas below 0, which AIMET keeps, and weights that outgrew a static range. */
rf_status rf_sim_finish_training(rf_sim *sim)
{
    sim->state = RF_STATE_TRAINED;
    if (!sim->compat_aimet)
        RF_TRY(rf_sim_flip_negative_gamma(sim));
    return sim->learned || sim->compat_v2 ? RF_OK : rf_sim_calibrate_params(sim);
}

rf_status rf_train_sim(rf_sim *sim, const rf_dataset *dataset, const rf_train_options *options,
                       rf_training *out)
{
    rf_training result;

    RF_TRY(rf_sim_need_trainable(sim));
    RF_TRY(train(sim->graph, sim, dataset, options, &result));
    RF_TRY(rf_sim_finish_training(sim));
    if (out)
        *out = result;
    return RF_OK;
}
