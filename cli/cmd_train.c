/* refold train: learn through the simulation, or train a plain model in FP32. */
#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "step_options.h"
#include "training_record.h"

static void print_json(cli_session *s, const cli_model *model, const rf_training *t, bool saved)
{
    cli_json j = { 0 };
    cli_json_document(&j, "train");
    cli_json_text(&j, "file", saved ? s->options->output : NULL);
    cli_json_text(&j, "state", model->sim ? rf_state_name(rf_sim_state(model->sim)) : "float");
    cli_json_int(&j, "epochs", t->epochs);
    cli_json_int(&j, "steps", t->steps);
    cli_json_real(&j, "first_loss", t->first_loss);
    cli_json_real(&j, "last_loss", t->last_loss);
    cli_json_real(&j, "train_top1", t->train_top1);
    cli_json_accuracy(&j, "validation", &t->validation);
    cli_json_real(&j, "seconds", t->seconds);
    cli_json_real(&j, "img_per_s", t->img_per_s);
    cli_json_bool(&j, "interrupted", t->interrupted);
    cli_json_int(&j, "processes", t->processes);
    cli_json_real(&j, "bytes_per_step", t->bytes_per_step);
    cli_json_real(&j, "seconds_waited", t->seconds_waited);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_text(cli_session *s, const rf_training *t, bool saved)
{
    printf("%s: %lld steps in %.1f s (%.0f img/s), loss %.4f to %.4f, training top-1 %.2f %%\n",
           saved ? s->options->output : "not saved", (long long)t->steps, t->seconds, t->img_per_s,
           t->first_loss, t->last_loss, t->train_top1);
    if (t->validation.samples > 0)
        printf("validation: top-1 %.2f %%, loss %.4f on %lld samples\n", t->validation.top1,
               t->validation.loss, (long long)t->validation.samples);
}

/* Interrupted with a checkpoint, the checkpoint is the result; without one, what was learned goes to the output. */
static int finish(cli_session *s, const cli_model *model, const rf_training *t)
{
    const bool save = !t->interrupted || !s->options->checkpoint;
    const int code = save ? cli_model_save(s, model, s->options->output, s->options->force) : 0;
    if (code)
        return code;
    if (s->options->json)
        print_json(s, model, t, save);
    else
        print_text(s, t, save);
    if (!t->interrupted)
        return 0;
    if (save)
        return cli_error(s, CLI_EXIT_INTERRUPTED,
                         "interrupted after %lld steps; what was learned is in '%s'",
                         (long long)t->steps, s->options->output);
    return cli_error(s, CLI_EXIT_INTERRUPTED,
                     "interrupted after %lld steps; --resume continues from '%s'",
                     (long long)t->steps, s->options->checkpoint);
}

static int train(cli_session *s, cli_model *model, const rf_dataset *data,
                 const rf_dataset *validation)
{
    rf_train_options options = cli_train_options(s->options, validation);
    rf_training training;
    cli_record record;
    const int code = cli_record_open(s, &record);
    if (code)
        return code;
    cli_record_attach(&record, &options);
    const rf_status st = model->sim ? rf_train_sim(model->sim, data, &options, &training)
                                    : rf_train_graph(model->graph, data, &options, &training);
    cli_record_close(&record);
    return st ? cli_fail(s, st) : finish(s, model, &training);
}

int cmd_train(cli_session *s)
{
    cli_model model = { 0 };
    rf_dataset *data = NULL, *validation = NULL;
    int code = cli_train_check(s);
    if (!code && s->options->epochs == 0 && s->options->steps == 0)
        code = cli_usage_error(s->command, "--epochs 0 leaves nothing to train");
    if (!code)
        code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_model_load(s, &model);
    if (!code)
        code = cli_data_open(s, s->options->data, cli_model_graph(&model), &data);
    if (!code && s->options->validation)
        code = cli_data_open(s, s->options->validation, cli_model_graph(&model), &validation);
    if (!code)
        code = train(s, &model, data, validation);
    rf_dataset_free(validation);
    rf_dataset_free(data);
    cli_model_release(&model);
    return code;
}
