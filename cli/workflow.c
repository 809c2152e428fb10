/* The steps of `refold run`, each as the single command would do it. */
#include "workflow.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "output_path.h"
#include "step_options.h"

typedef int (*step_fn)(cli_workflow *w, cli_step *step);

/* Save the simulation as `name` and remember where it will be found. */
static int save_sim(cli_workflow *w, cli_step *step, const char *name)
{
    char *path = cli_path_join(w->folder, name);
    step->file = cli_path_join(w->s->options->output, name);
    if (!path || !step->file) {
        free(path);
        return cli_error(w->s, CLI_EXIT_FAILED, "out of memory");
    }
    const rf_status st = rf_sim_save(w->sim, path, /*force=*/true);
    free(path);
    return st ? cli_fail(w->s, st) : 0;
}

static int evaluate(cli_workflow *w, cli_step *step, const rf_graph *graph)
{
    if (!w->validation)
        return 0;
    const rf_status st = rf_evaluate(graph, w->validation, w->s->options->batch, &step->accuracy);
    return st ? cli_fail(w->s, st) : 0;
}

static int step_fp32(cli_workflow *w, cli_step *step)
{
    step->file = strdup(w->s->options->operand);
    return evaluate(w, step, w->graph);
}

/* Whether the fold will be refused is known once ranges are there: better now than after hours of training. */
static int foresee_fold(cli_workflow *w)
{
    char *path = cli_path_join(w->folder, "quantized.onnx");
    rf_sim *trial = NULL;
    rf_fold_report *report = NULL;
    rf_status st = path ? rf_sim_load(w->s->ctx, path, &trial) : RF_ENOMEM;
    if (!st)
        st = rf_fold_to_scale(trial, &report);
    rf_fold_report_free(report);
    rf_sim_free(trial);
    free(path);
    return st ? cli_fail(w->s, st) : 0;
}

static int step_quantize(cli_workflow *w, cli_step *step)
{
    const rf_sim_options sim_options = cli_sim_options(w->s->options);
    const rf_calibrate_options options = cli_calibrate_options(w->s->options);
    const double start = cli_seconds();
    rf_calibration calibration;
    rf_status st = rf_sim_new(w->graph, &sim_options, &w->sim);
    if (!st)
        st = rf_sim_calibrate(w->sim, w->data, &options, &calibration);
    if (st)
        return cli_fail(w->s, st);
    step->seconds = cli_seconds() - start;
    int code = save_sim(w, step, "quantized.onnx");
    if (!code)
        code = foresee_fold(w);
    return code ? code : evaluate(w, step, rf_sim_graph(w->sim));
}

static int step_train(cli_workflow *w, cli_step *step)
{
    const cli_options *o = w->s->options;
    /* The step is evaluated when it is done; after each epoch only where there are several. */
    rf_train_options options = cli_train_options(o, o->epochs > 1 ? w->validation : NULL);
    options.checkpoint = w->checkpoint;
    cli_record_attach(&w->record, &options);
    const rf_status st = rf_train_sim(w->sim, w->data, &options, &w->training);
    cli_record_end(&w->record);
    if (st)
        return cli_fail(w->s, st);
    if (w->training.interrupted)
        return cli_error(w->s, CLI_EXIT_INTERRUPTED,
                         "interrupted after %lld training steps; --resume continues from '%s'",
                         (long long)w->training.steps, w->checkpoint);
    step->seconds = w->training.seconds;
    const int code = save_sim(w, step, "trained.onnx");
    return code ? code : evaluate(w, step, rf_sim_graph(w->sim));
}

static int step_reestimate(cli_workflow *w, cli_step *step)
{
    const rf_reestimate_options options = cli_reestimate_options(w->s->options);
    const double start = cli_seconds();
    rf_reestimation *report = NULL;
    const rf_status st = rf_reestimate_sim(w->sim, w->data, &options, &report);
    if (st)
        return cli_fail(w->s, st);
    w->batches = rf_reestimation_batches(report);
    rf_reestimation_free(report);
    step->seconds = cli_seconds() - start;
    const int code = save_sim(w, step, "reestimated.onnx");
    return code ? code : evaluate(w, step, rf_sim_graph(w->sim));
}

static int step_fold(cli_workflow *w, cli_step *step)
{
    const double start = cli_seconds();
    const rf_status st = rf_fold_to_scale(w->sim, &w->fold);
    if (st)
        return cli_fail(w->s, st);
    step->seconds = cli_seconds() - start;
    const int code = save_sim(w, step, "folded.onnx");
    return code ? code : evaluate(w, step, rf_sim_graph(w->sim));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The file that a target runs, as it was written: NULL where --formats leaves it out. */
static const char *qdq_file(const rf_export_report *exported)
{
    for (int i = 0; i < exported->file_count; i++) {
        const char *file = exported->files[i];
        const size_t length = strlen(file);
        if (length > 9 && strcmp(file + length - 9, "_qdq.onnx") == 0)
            return file;
    }
    return NULL;
}

/* What counts is the file: it is loaded again and evaluated as any model. */
static int evaluate_file(cli_workflow *w, cli_step *step, const char *path)
{
    rf_graph *graph = NULL;
    if (!w->validation)
        return 0;
    const rf_status st = rf_graph_load(w->s->ctx, path, &graph);
    const int code = st ? cli_fail(w->s, st) : evaluate(w, step, graph);
    rf_graph_free(graph);
    return code;
}

static int step_export(cli_workflow *w, cli_step *step)
{
    rf_export_options options = cli_export_options(w->s->options);
    const double start = cli_seconds();
    options.force = true;
    const rf_status st = rf_export(w->sim, w->folder, &options, &w->exported);
    if (st)
        return cli_fail(w->s, st);
    step->seconds = cli_seconds() - start;
    const char *qdq = qdq_file(w->exported);
    const char *shown = qdq ? qdq : w->exported->file_count > 0 ? w->exported->files[0] : "";
    step->file = cli_path_join(w->s->options->output, base_name(shown));
    return qdq ? evaluate_file(w, step, qdq) : 0;
}

static const struct {
    const char *name;
    step_fn run;
} steps[CLI_STEP_COUNT] = {
    { "fp32", step_fp32 },   { "quantize", step_quantize },
    { "train", step_train }, { "reestimate", step_reestimate },
    { "fold", step_fold },   { "export", step_export },
};

bool cli_workflow_trains(const cli_options *o)
{
    return o->epochs != 0 || o->steps > 0;
}

static void tell_accuracy(cli_session *s, const cli_step *step)
{
    if (step->accuracy.samples > 0)
        cli_note(s, "%s: top-1 %.2f %%, loss %.4f (%.1f s)", s->step, step->accuracy.top1,
                 step->accuracy.loss, step->seconds);
    else
        cli_note(s, "%s: done (%.1f s)", s->step, step->seconds);
}

int cli_workflow_run(cli_workflow *w)
{
    const bool trains = cli_workflow_trains(w->s->options);
    int code = 0;
    for (int i = 0; !code && i < CLI_STEP_COUNT; i++) {
        char label[40];
        cli_step *step = &w->steps[w->count];
        if (steps[i].run == step_train && !trains)
            continue;
        snprintf(label, sizeof label, "%d/%d %s", w->count + 1, CLI_STEP_COUNT - !trains,
                 steps[i].name);
        w->s->step = label;
        step->name = steps[i].name;
        code = cli_interrupted() ? cli_error(w->s, CLI_EXIT_INTERRUPTED,
                                             "interrupted before step '%s'", step->name)
                                 : steps[i].run(w, step);
        w->count++;
        if (!code)
            tell_accuracy(w->s, step);
        w->s->step = NULL;
    }
    return code;
}

void cli_workflow_release(cli_workflow *w)
{
    for (int i = 0; i < w->count; i++)
        free(w->steps[i].file);
    cli_record_close(&w->record);
    rf_export_report_free(w->exported);
    rf_fold_report_free(w->fold);
    rf_dataset_free(w->validation);
    rf_dataset_free(w->data);
    rf_sim_free(w->sim);
    rf_graph_free(w->graph);
    *w = (cli_workflow){ 0 };
}
