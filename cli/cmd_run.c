/* refold run: the whole workflow into one folder, with a table of what each step did. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "option_json.h"
#include "output_path.h"
#include "processes.h"
#include "report_input.h"
#include "step_options.h"
#include "work_folder.h"
#include "workflow.h"

static void json_step(cli_json *j, const cli_workflow *w, const cli_step *step)
{
    const bool evaluated = step->accuracy.samples > 0;
    cli_json_flat_object(j, NULL);
    cli_json_text(j, "step", step->name);
    cli_json_real(j, "seconds", step->seconds);
    cli_json_real(j, "top1", evaluated ? step->accuracy.top1 : (double)NAN);
    cli_json_real(j, "top5", evaluated ? step->accuracy.top5 : (double)NAN);
    cli_json_real(j, "loss", evaluated ? step->accuracy.loss : (double)NAN);
    cli_json_text(j, "file", step->file);
    if (strcmp(step->name, "train") == 0)
        cli_json_int(j, "train_steps", w->training.steps);
    if (strcmp(step->name, "reestimate") == 0)
        cli_json_int(j, "batches", w->batches);
    cli_json_end(j);
}

static void json_export(cli_json *j, const rf_export_report *r)
{
    cli_json_object(j, "export");
    cli_json_array(j, "files");
    for (int i = 0; i < r->file_count; i++) {
        const char *slash = strrchr(r->files[i], '/');
        cli_json_text(j, NULL, slash ? slash + 1 : r->files[i]);
    }
    cli_json_end(j);
    cli_json_int(j, "encoded", r->encoded);
    cli_json_array(j, "float");
    for (int i = 0; i < r->float_count; i++)
        cli_json_text(j, NULL, r->float_tensors[i]);
    cli_json_end(j);
    cli_json_end(j);
}

static void make_summary(const cli_workflow *w, cli_json *j)
{
    const cli_session *s = w->s;
    cli_json_document(j, "run");
    cli_json_text(j, "model", s->options->operand);
    cli_json_text(j, "version", rf_version());
    cli_json_int(j, "threads", rf_context_threads(s->ctx));
    cli_json_options(j, "options", s->command, s->options);
    cli_json_array(j, "steps");
    for (int i = 0; i < w->count; i++)
        json_step(j, w, &w->steps[i]);
    cli_json_end(j);
    cli_json_training(j, "training", &w->record);
    cli_json_object(j, "fold");
    cli_json_fold(j, w->fold);
    cli_json_end(j);
    json_export(j, w->exported);
    cli_json_end(j);
}

static int save_summary(cli_session *s, const cli_json *summary, const char *folder)
{
    char *path = cli_path_join(folder, "summary.json");
    FILE *file = path ? fopen(path, "we") : NULL;
    bool ok =
        file && cli_json_write(summary, file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
    const int cause = errno;
    if (file && fclose(file) != 0)
        ok = false;
    free(path);
    return ok ? 0
              : cli_error(s, CLI_EXIT_FAILED, "cannot write summary.json: %s",
                          strerror(cause ? cause : EIO));
}

/* report.html and its document; where it fails, the run has not. */
static void save_report(const cli_workflow *w, const cli_json *summary)
{
    cli_session *s = w->s;
    char *text = summary->failed ? NULL : strndup(summary->text, summary->length);
    char *page = cli_path_join(w->folder, "report.html"),
         *document = cli_path_join(w->folder, "report.json");
    const cli_report_source source = { .path = w->folder,
                                       .summary = text,
                                       .dataset = w->validation ? w->validation : w->data };
    rf_report *report = NULL;
    const int code = text && page && document ? cli_report_make(s, &source, &report) : 0;
    rf_status st = report ? rf_report_save_json(report, document, /*force=*/true) : RF_OK;
    if (report && !st)
        st = rf_report_save_html(report, page, /*force=*/true);
    if (st)
        cli_warn(s, "%s", rf_context_message(s->ctx));
    if (st || code)
        cli_warn(s, "the run is complete but for its report; 'refold report' can try again");
    rf_report_free(report);
    free(document);
    free(page);
    free(text);
}

static void print_table(const cli_workflow *w)
{
    printf("%-12s%8s%10s%10s  %s\n", "step", "top-1", "loss", "seconds", "file");
    for (int i = 0; i < w->count; i++) {
        const cli_step *step = &w->steps[i];
        if (step->accuracy.samples > 0)
            printf("%-12s%8.2f%10.4f", step->name, step->accuracy.top1, step->accuracy.loss);
        else
            printf("%-12s%8s%10s", step->name, "-", "-");
        printf("%10.1f  %s\n", step->seconds, step->file ? step->file : "");
    }
    printf("fold: %d layers, largest code difference %lld, %d BN stay\n", w->fold->folded_count,
           (long long)cli_fold_difference(w->fold), w->fold->standalone_count);
}

/* What was made gets its place; then it is shown, and the gate judges the last step. */
static int finish(cli_workflow *w, cli_work_folder *work)
{
    cli_session *s = w->s;
    const rf_accuracy *last = &w->steps[w->count - 1].accuracy;
    cli_json summary = { 0 };
    make_summary(w, &summary);
    int code = save_summary(s, &summary, work->path);
    if (!code && cli_speaks(s))
        save_report(w, &summary);
    if (!code)
        code = cli_work_commit(s, work);
    if (!code) {
        cli_progress_clear(s);
        if (s->options->json)
            cli_json_write(&summary, stdout);
        else
            print_table(w);
        code = last->samples > 0 ? cli_check_gate(s, last->top1) : 0;
    }
    cli_json_release(&summary);
    return code;
}

/* Said now, not after hours of training: an export that keeps BN may be what the user wants instead. */
static int tell_missing_bn(cli_workflow *w)
{
    rf_inspection *found = NULL;
    const rf_status st = rf_inspect(w->graph, NULL, &found);
    if (st)
        return cli_fail(w->s, st);
    if (found->batch_norm_count == 0) {
        cli_warn(w->s, "'%s' has no BatchNormalization: reestimate and fold have nothing to do",
                 w->s->options->operand);
        for (int i = 0; i < found->advice_count; i++)
            cli_warn(w->s, "%s", found->advice[i]);
    }
    rf_inspection_free(found);
    return 0;
}

static int load_plain(cli_workflow *w)
{
    cli_session *s = w->s;
    const rf_status st = rf_graph_load(s->ctx, s->options->operand, &w->graph);
    if (st) {
        const int code = cli_fail(s, st);
        return st == RF_EIO ? CLI_EXIT_MODEL : code;
    }
    if (rf_graph_holds_sim(w->graph))
        return cli_error(s, CLI_EXIT_FAILED,
                         "'%s' is a simulation already; run takes a plain model, the single "
                         "commands go on from here",
                         s->options->operand);
    return tell_missing_bn(w);
}

static int open_data(cli_workflow *w)
{
    cli_session *s = w->s;
    int code = cli_data_open(s, s->options->data, w->graph, &w->data);
    if (!code && s->options->validation)
        code = cli_data_open(s, s->options->validation, w->graph, &w->validation);
    if (code)
        return code;
    if (cli_workflow_trains(s->options) && !rf_dataset_has_labels(w->data))
        return cli_error(s, CLI_EXIT_DATA,
                         "'%s' has no labels, which training needs; --epochs 0 leaves training out",
                         s->options->data);
    if (w->validation && !rf_dataset_has_labels(w->validation)) {
        cli_warn(s, "'%s' has no labels: accuracy is not evaluated", s->options->validation);
        rf_dataset_free(w->validation);
        w->validation = NULL;
    } else if (!w->validation) {
        cli_note(s, "no --val: accuracy is not evaluated");
    }
    if (!w->validation && !isnan(s->options->min_top1))
        return cli_usage_error(s->command, "--min-top1 needs --val SPEC with labels");
    return 0;
}

static int check_output(cli_session *s)
{
    static const char *const names[] = { "quantized.onnx", "trained.onnx", "reestimated.onnx",
                                         "folded.onnx",    "summary.json", "report.html",
                                         "report.json" };
    int code = cli_output_check_new_folder(s, s->options->output);
    if (!code)
        code = cli_output_check_exports(s);
    for (size_t i = 0; !code && i < sizeof names / sizeof *names; i++)
        code = cli_output_check_inside(s, s->options->output, "", names[i]);
    return code;
}

static int check_options(cli_session *s)
{
    int code = cli_sim_check(s);
    if (!code)
        code = cli_train_check(s);
    return code ? code : check_output(s);
}

int cmd_run(cli_session *s)
{
    cli_workflow w = { .s = s };
    cli_work_folder work = { 0 };
    int code = check_options(s);
    if (!code)
        code = load_plain(&w);
    if (!code)
        code = open_data(&w);
    if (!code)
        code = cli_work_begin(s, &work);
    if (!code) {
        w.folder = work.path;
        w.checkpoint = work.checkpoint;
        code = cli_record_open(s, &w.record);
    }
    if (!code) {
        cli_record_keep(&w.record, w.checkpoint);
        code = cli_workflow_run(&w);
    }
    if (!code)
        code = finish(&w, &work);
    cli_work_end(s, &work);
    cli_workflow_release(&w);
    return code;
}
