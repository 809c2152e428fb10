/* From cli_options to the library's option structs, and what several commands check and print alike. */
#include "step_options.h"

#include <math.h>
#include <string.h>

#include "commands.h"
#include "output_path.h"

rf_sim_options cli_sim_options(const cli_options *o)
{
    rf_sim_options options = RF_SIM_OPTIONS_INIT;
    options.param_bw = (int)o->param_bw;
    options.output_bw = (int)o->output_bw;
    options.scheme = o->scheme;
    options.config = o->config;
    options.compat = o->compat;
    return options;
}

rf_calibrate_options cli_calibrate_options(const cli_options *o)
{
    rf_calibrate_options options = RF_CALIBRATE_OPTIONS_INIT;
    options.samples = o->calibration_samples;
    options.batch = o->batch;
    return options;
}

rf_train_options cli_train_options(const cli_options *o, const rf_dataset *validation)
{
    rf_train_options options = RF_TRAIN_OPTIONS_INIT;
    options.epochs = o->epochs > 0 ? o->epochs : 0;
    options.steps = o->steps;
    options.batch = o->batch;
    options.optimizer = o->optimizer;
    options.learning_rate = o->learning_rate;
    options.momentum = o->momentum;
    options.weight_decay = o->weight_decay;
    options.encoding_learning_rate = o->encoding_learning_rate;
    options.schedule = o->schedule;
    options.warmup = o->warmup;
    options.label_smoothing = o->label_smoothing;
    options.freeze_bn_after = o->freeze_bn_after;
    options.sync_bn = o->sync_bn;
    options.no_shuffle = o->no_shuffle;
    options.validation = validation;
    options.checkpoint = o->checkpoint;
    options.checkpoint_every = o->checkpoint_every;
    options.resume = o->resume;
    return options;
}

rf_reestimate_options cli_reestimate_options(const cli_options *o)
{
    rf_reestimate_options options = RF_REESTIMATE_OPTIONS_INIT;
    options.batches = o->batches;
    options.batch = o->batch;
    options.estimator =
        strcmp(o->estimator, "pooled") == 0 ? RF_ESTIMATOR_POOLED : RF_ESTIMATOR_MEAN_OF_BATCHES;
    options.no_shuffle = o->no_shuffle;
    return options;
}

rf_export_options cli_export_options(const cli_options *o)
{
    rf_export_options options = RF_EXPORT_OPTIONS_INIT;
    options.formats = o->formats;
    options.prefix = o->prefix;
    options.encodings_version = o->encodings_version;
    options.qdq_weights = o->qdq_weights;
    options.qdq_bias = o->qdq_bias;
    options.force = o->force;
    return options;
}

int cli_train_check(cli_session *s)
{
    const cli_options *o = s->options;
    /* `run` has one of its own */
    if (!o->checkpoint && s->command->run != cmd_run && (o->resume || o->checkpoint_every))
        return cli_usage_error(s->command, "--%s needs --checkpoint FILE",
                               o->resume ? "resume" : "checkpoint-every");
    if (o->checkpoint && cli_path_exists(o->checkpoint) && !o->resume && !o->force)
        return cli_error(
            s, CLI_EXIT_FAILED,
            "checkpoint '%s' exists; --resume continues from it, --force overwrites it",
            o->checkpoint);
    if (o->checkpoint && strcmp(o->checkpoint, o->output) == 0)
        return cli_usage_error(s->command, "--checkpoint and --output are both '%s'", o->output);
    return o->checkpoint ? cli_output_check_replaceable(s, o->checkpoint) : 0;
}

int cli_sim_check(cli_session *s)
{
    const cli_options *o = s->options;
    const int64_t bits[] = { o->param_bw, o->output_bw };
    for (int i = 0; i < 2; i++) {
        if (bits[i] > 16 && bits[i] != 32)
            return cli_usage_error(s->command, "--%s '%lld': expected 2 to 16, or 32 for float",
                                   i ? "output-bw" : "param-bw", (long long)bits[i]);
    }
    return 0;
}

void cli_json_accuracy(cli_json *j, const char *key, const rf_accuracy *a)
{
    if (a->samples == 0) {
        cli_json_null(j, key);
        return;
    }
    cli_json_flat_object(j, key);
    cli_json_int(j, "samples", a->samples);
    cli_json_real(j, "top1", a->top1);
    cli_json_real(j, "top5", a->top5);
    cli_json_real(j, "loss", a->loss);
    cli_json_real(j, "img_per_s", a->img_per_s);
    cli_json_end(j);
}

static void json_refusals(cli_json *j, const char *key, const rf_fold_refusal *list, int count,
                          bool layer)
{
    cli_json_array(j, key);
    for (int i = 0; i < count; i++) {
        cli_json_flat_object(j, NULL);
        if (layer)
            cli_json_text(j, "layer", list[i].layer);
        cli_json_text(j, "bn", list[i].bn);
        cli_json_text(j, "reason", list[i].reason);
        cli_json_end(j);
    }
    cli_json_end(j);
}

void cli_json_fold(cli_json *j, const rf_fold_report *r)
{
    cli_json_array(j, "folded");
    for (int i = 0; i < r->folded_count; i++) {
        const rf_folded *f = &r->folded[i];
        cli_json_flat_object(j, NULL);
        cli_json_text(j, "layer", f->layer);
        cli_json_text(j, "bn", f->bn);
        cli_json_int(j, "channels", f->channels);
        cli_json_int(j, "max_code_difference", f->max_code_difference);
        cli_json_int(j, "negative_gamma", f->negative_gamma);
        cli_json_int(j, "dead_channels", f->dead_channels);
        cli_json_end(j);
    }
    cli_json_end(j);
    json_refusals(j, "refused", r->refused, r->refused_count, true);
    json_refusals(j, "standalone", r->standalone, r->standalone_count, false);
}

int64_t cli_fold_difference(const rf_fold_report *r)
{
    int64_t largest = 0;
    for (int i = 0; i < r->folded_count; i++) {
        if (r->folded[i].max_code_difference > largest)
            largest = r->folded[i].max_code_difference;
    }
    return largest;
}

int cli_check_gate(cli_session *s, double top1)
{
    if (isnan(s->options->min_top1) || top1 >= s->options->min_top1)
        return 0;
    return cli_error(s, CLI_EXIT_GATE, "top-1 is %.2f %%, --min-top1 asks for %.2f %%", top1,
                     s->options->min_top1);
}
