/* refold evaluate: top-1, top-5 and loss. */
#include <math.h>

#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "step_options.h"

static void print_json(const rf_accuracy *a)
{
    cli_json j = { 0 };
    cli_json_document(&j, "evaluate");
    cli_json_int(&j, "samples", a->samples);
    cli_json_real(&j, "top1", a->top1);
    cli_json_real(&j, "top5", a->top5);
    cli_json_real(&j, "loss", a->loss);
    cli_json_real(&j, "img_per_s", a->img_per_s);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_text(const rf_accuracy *a)
{
    printf("samples %lld\ntop-1   %.2f %%\n", (long long)a->samples, a->top1);
    if (isfinite(a->top5))
        printf("top-5   %.2f %%\n", a->top5);
    printf("loss    %.4f\nrate    %.0f img/s\n", a->loss, a->img_per_s);
}

int cmd_evaluate(cli_session *s)
{
    cli_model model = { 0 };
    rf_dataset *data = NULL;
    rf_accuracy accuracy = { 0 };
    int code = cli_model_load(s, &model);
    if (!code)
        code = cli_data_open(s, s->options->data, cli_model_graph(&model), &data);
    if (!code) {
        const rf_status st =
            rf_evaluate(cli_model_graph(&model), data, s->options->batch, &accuracy);
        code = st ? cli_fail(s, st) : 0;
    }
    if (!code) {
        cli_progress_clear(s);
        if (s->options->json)
            print_json(&accuracy);
        else
            print_text(&accuracy);
        code = cli_check_gate(s, accuracy.top1);
    }
    rf_dataset_free(data);
    cli_model_release(&model);
    return code;
}
