/* refold quantize: build the simulation, calibrate it, save it. */
#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "step_options.h"

/* What set the ranges. */
typedef struct outcome {
    rf_calibration calibration;
    rf_encodings_report *encodings; /* NULL without a file */
} outcome;

static void count_quantizers(rf_sim *sim, outcome *out)
{
    out->calibration.enabled = out->calibration.disabled = 0;
    for (int i = 0; i < rf_sim_quantizer_count(sim); i++) {
        rf_quantizer q;
        if (rf_sim_quantizer(sim, i, &q) == RF_OK)
            *(q.enabled ? &out->calibration.enabled : &out->calibration.disabled) += 1;
    }
}

static void json_names(cli_json *j, const char *key, const char *const *names, int count)
{
    cli_json_array(j, key);
    for (int i = 0; i < count; i++)
        cli_json_text(j, NULL, names[i]);
    cli_json_end(j);
}

static void print_json(const cli_session *s, const rf_sim *sim, const outcome *o)
{
    cli_json j = { 0 };
    cli_json_document(&j, "quantize");
    cli_json_text(&j, "file", s->options->output);
    cli_json_text(&j, "state", rf_state_name(rf_sim_state(sim)));
    cli_json_int(&j, "samples", o->calibration.samples);
    cli_json_int(&j, "enabled", o->calibration.enabled);
    cli_json_int(&j, "disabled", o->calibration.disabled);
    cli_json_real(&j, "seconds", o->calibration.seconds);
    if (o->encodings) {
        cli_json_int(&j, "loaded", o->encodings->loaded);
        json_names(&j, "ignored", o->encodings->ignored, o->encodings->ignored_count);
        json_names(&j, "missing", o->encodings->missing, o->encodings->missing_count);
    }
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_result(const cli_session *s, const rf_sim *sim, const outcome *o)
{
    if (s->options->json) {
        print_json(s, sim, o);
        return;
    }
    printf("%s: %s on %lld samples in %.1f s; %d quantizers enabled, %d disabled\n",
           s->options->output, rf_state_name(rf_sim_state(sim)), (long long)o->calibration.samples,
           o->calibration.seconds, o->calibration.enabled, o->calibration.disabled);
    if (o->encodings)
        printf("encodings '%s': %d loaded, %d ignored, %d missing\n", s->options->load_encodings,
               o->encodings->loaded, o->encodings->ignored_count, o->encodings->missing_count);
}

static int calibrate(cli_session *s, rf_sim *sim, const rf_graph *graph, outcome *out)
{
    const rf_calibrate_options options = cli_calibrate_options(s->options);
    rf_dataset *data = NULL;
    const int code = cli_data_open(s, s->options->data, graph, &data);
    if (code)
        return code;
    const rf_status st = rf_sim_calibrate(sim, data, &options, &out->calibration);
    rf_dataset_free(data);
    return st ? cli_fail(s, st) : 0;
}

static int load(cli_session *s, rf_sim *sim, rf_encodings_report **out)
{
    const rf_load_encodings_options options = { .strict = !s->options->no_strict,
                                                .partial = !s->options->no_partial,
                                                .freeze = s->options->freeze };
    const rf_status st = rf_sim_load_encodings(sim, s->options->load_encodings, &options, out);
    return st ? cli_fail(s, st) : 0;
}

/* Ranges of the file first, since frozen ones work while the others are calibrated; then those again that are not. */
static int set_from_file(cli_session *s, rf_sim *sim, const rf_graph *graph, outcome *out)
{
    int code = load(s, sim, &out->encodings);
    if (code || rf_sim_state(sim) != RF_STATE_BUILT)
        return code;
    if (!s->options->data)
        return cli_error(s, CLI_EXIT_USAGE,
                         "encodings '%s' lack %d tensors, '%s' among them: --data calibrates "
                         "these, --no-partial switches them off",
                         s->options->load_encodings, out->encodings->missing_count,
                         out->encodings->missing[0]);
    code = calibrate(s, sim, graph, out);
    return code || s->options->freeze ? code : load(s, sim, NULL);
}

static int quantize(cli_session *s, const rf_graph *graph)
{
    const rf_sim_options sim_options = cli_sim_options(s->options);
    outcome o = { 0 };
    rf_sim *sim = NULL;
    rf_status st = rf_sim_new(graph, &sim_options, &sim);
    if (st)
        return cli_fail(s, st);
    int code = s->options->load_encodings ? set_from_file(s, sim, graph, &o)
                                          : calibrate(s, sim, graph, &o);
    if (!code)
        code = cli_model_save(s, &(cli_model){ .sim = sim }, s->options->output, s->options->force);
    if (!code) {
        count_quantizers(sim, &o);
        print_result(s, sim, &o);
    }
    rf_encodings_report_free(o.encodings);
    rf_sim_free(sim);
    return code;
}

static int check_encodings(const cli_session *s)
{
    const cli_options *o = s->options;
    if (!o->load_encodings && !o->data)
        return cli_usage_error(s->command, "--data SPEC is missing");
    if (!o->load_encodings && (o->no_strict || o->no_partial || o->freeze))
        return cli_usage_error(s->command, "--%s needs --load-encodings FILE",
                               o->no_strict    ? "no-strict"
                               : o->no_partial ? "no-partial"
                                               : "freeze");
    return 0;
}

int cmd_quantize(cli_session *s)
{
    cli_model model = { 0 };
    int code = check_encodings(s);
    if (!code)
        code = cli_sim_check(s);
    if (!code)
        code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_model_load(s, &model);
    if (!code && model.sim)
        code = cli_error(s, CLI_EXIT_FAILED,
                         "'%s' is a simulation already; quantize takes a plain model",
                         s->options->operand);
    if (!code)
        code = quantize(s, model.graph);
    cli_model_release(&model);
    return code;
}
