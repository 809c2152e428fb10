/* refold export: plain ONNX, encodings and QDQ ONNX for a target. */
#include <string.h>

#include "commands.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "step_options.h"

static void print_json(const rf_export_report *r)
{
    cli_json j = { 0 };
    cli_json_document(&j, "export");
    cli_json_array(&j, "files");
    for (int i = 0; i < r->file_count; i++)
        cli_json_text(&j, NULL, r->files[i]);
    cli_json_end(&j);
    cli_json_int(&j, "encoded", r->encoded);
    cli_json_array(&j, "float");
    for (int i = 0; i < r->float_count; i++)
        cli_json_text(&j, NULL, r->float_tensors[i]);
    cli_json_end(&j);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_text(const rf_export_report *r, bool names)
{
    for (int i = 0; i < r->file_count; i++)
        printf("%s\n", r->files[i]);
    printf("%lld tensors with an encoding, %d float%s\n", (long long)r->encoded, r->float_count,
           names || r->float_count == 0 ? "" : " (--verbose lists them)");
    for (int i = 0; names && i < r->float_count; i++)
        printf("  float %s\n", r->float_tensors[i]);
}

static void print_keras(const cli_session *s, const rf_keras_export_report *r)
{
    cli_json j = { 0 };
    if (!s->options->json) {
        printf("%s: weights of %d layers, %d BatchNormalization now the identity, %d biases "
               "added%s\n",
               s->options->output, r->layers, r->identities, r->biases_added,
               r->json_written ? " (architecture beside it, as .json)" : "");
        return;
    }
    cli_json_document(&j, "export");
    cli_json_text(&j, "file", s->options->output);
    cli_json_int(&j, "layers", r->layers);
    cli_json_int(&j, "identities", r->identities);
    cli_json_int(&j, "biases_added", r->biases_added);
    cli_json_bool(&j, "json_written", r->json_written);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static int export_keras(cli_session *s)
{
    const rf_keras_export_options options = { .template_file = s->options->model_template,
                                              .weights = s->options->weights,
                                              .force = s->options->force };
    cli_model model = { 0 };
    rf_keras_export_report report;
    int code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_model_load_sim(s, &model);
    if (!code) {
        const rf_status st = rf_export_keras(model.sim, s->options->output, &options, &report);
        code = st ? cli_fail(s, st) : 0;
    }
    if (!code)
        print_keras(s, &report);
    cli_model_release(&model);
    return code;
}

static int export_onnx(cli_session *s)
{
    const rf_export_options options = cli_export_options(s->options);
    cli_model model = { 0 };
    rf_export_report *report = NULL;
    int code = cli_output_check_folder(s, s->options->output);
    if (!code)
        code = cli_output_check_exports(s);
    if (!code)
        code = cli_model_load_sim(s, &model);
    if (!code) {
        const rf_status st = rf_export(model.sim, s->options->output, &options, &report);
        code = st ? cli_fail(s, st) : 0;
    }
    if (!code && s->options->json)
        print_json(report);
    else if (!code)
        print_text(report, s->options->verbose);
    rf_export_report_free(report);
    cli_model_release(&model);
    return code;
}

int cmd_export(cli_session *s)
{
    return strcmp(s->options->to, "keras") == 0 ? export_keras(s) : export_onnx(s);
}
