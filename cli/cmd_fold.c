/* refold fold: BN into the quantization scales of a simulation, or into the weights of a plain model. */
#include <string.h>

#include "commands.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "step_options.h"

static void print_json(const rf_fold_report *report, const char *file)
{
    cli_json j = { 0 };
    cli_json_document(&j, "fold");
    cli_json_fold(&j, report);
    cli_json_text(&j, "file", file);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_text(const rf_fold_report *r, const char *file)
{
    for (int i = 0; i < r->folded_count; i++) {
        const rf_folded *f = &r->folded[i];
        printf("  %s <- %s: %lld channels, code difference %lld", f->layer, f->bn,
               (long long)f->channels, (long long)f->max_code_difference);
        if (f->negative_gamma)
            printf(", %lld of negative gamma", (long long)f->negative_gamma);
        if (f->dead_channels)
            printf(", %lld dead", (long long)f->dead_channels);
        putchar('\n');
    }
    for (int i = 0; i < r->standalone_count; i++)
        printf("  %s stays, as a multiply-add: %s\n", r->standalone[i].bn, r->standalone[i].reason);
    for (int i = 0; i < r->refused_count; i++)
        printf("  %s <- %s refused: %s\n", r->refused[i].layer, r->refused[i].bn,
               r->refused[i].reason);
    printf("%s: %d folded, largest code difference %lld; %d stay; %d refused\n",
           file ? file : "not saved", r->folded_count, (long long)cli_fold_difference(r),
           r->standalone_count, r->refused_count);
}

/* A refusal still prints its report, and saves nothing. */
static int fold(cli_session *s, cli_model *model)
{
    rf_fold_report *report = NULL;
    int code = 0;
    const rf_status st = model->sim ? rf_fold_to_scale(model->sim, &report)
                                    : rf_fold_to_weight(model->graph, &report);
    if (!st)
        code = cli_model_save(s, model, s->options->output, s->options->force);
    if (!code && report && s->options->json)
        print_json(report, st ? NULL : s->options->output);
    else if (!code && report)
        print_text(report, st ? NULL : s->options->output);
    if (st)
        code = cli_fail(s, st);
    rf_fold_report_free(report);
    return code;
}

int cmd_fold(cli_session *s)
{
    const bool to_weight = strcmp(s->options->to, "weight") == 0;
    cli_model model = { 0 };
    int code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = to_weight ? cli_model_load(s, &model) : cli_model_load_sim(s, &model);
    if (!code && to_weight && model.sim)
        code = cli_error(
            s, CLI_EXIT_FAILED,
            "'%s' is a simulation, whose BN fold into scales; --to weight takes a plain model",
            s->options->operand);
    if (!code)
        code = fold(s, &model);
    cli_model_release(&model);
    return code;
}
