/* refold quantize: build the simulation, calibrate it, save it. */
#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "step_options.h"

static void print_result(cli_session *s, const rf_sim *sim, const rf_calibration *c)
{
    cli_json j = { 0 };
    if (!s->options->json) {
        printf("%s: %s on %lld samples in %.1f s; %d quantizers enabled, %d disabled\n",
               s->options->output, rf_state_name(rf_sim_state(sim)), (long long)c->samples,
               c->seconds, c->enabled, c->disabled);
        return;
    }
    cli_json_document(&j, "quantize");
    cli_json_text(&j, "file", s->options->output);
    cli_json_text(&j, "state", rf_state_name(rf_sim_state(sim)));
    cli_json_int(&j, "samples", c->samples);
    cli_json_int(&j, "enabled", c->enabled);
    cli_json_int(&j, "disabled", c->disabled);
    cli_json_real(&j, "seconds", c->seconds);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static int quantize(cli_session *s, const rf_graph *graph, const rf_dataset *data)
{
    const rf_sim_options sim_options = cli_sim_options(s->options);
    const rf_calibrate_options options = cli_calibrate_options(s->options);
    rf_calibration calibration;
    rf_sim *sim = NULL;
    rf_status st = rf_sim_new(graph, &sim_options, &sim);
    if (!st)
        st = rf_sim_calibrate(sim, data, &options, &calibration);
    if (!st)
        st = rf_sim_save(sim, s->options->output, s->options->force);
    if (!st)
        print_result(s, sim, &calibration);
    rf_sim_free(sim);
    return st ? cli_fail(s, st) : 0;
}

int cmd_quantize(cli_session *s)
{
    cli_model model = { 0 };
    rf_dataset *data = NULL;
    int code = cli_sim_check(s);
    if (!code)
        code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_model_load(s, &model);
    if (!code && model.sim)
        code = cli_error(s, CLI_EXIT_FAILED,
                         "'%s' is a simulation already; quantize takes a plain model",
                         s->options->operand);
    if (!code)
        code = cli_data_open(s, s->options->data, model.graph, &data);
    if (!code)
        code = quantize(s, model.graph, data);
    rf_dataset_free(data);
    cli_model_release(&model);
    return code;
}
