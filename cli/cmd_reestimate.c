/* refold reestimate: BN statistics anew, under the quantized weights. */
#include <math.h>

#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "step_options.h"

static void json_layer(cli_json *j, const rf_bn_layer *layer)
{
    cli_json_object(j, NULL);
    cli_json_text(j, "bn", layer->bn);
    cli_json_text(j, "mean", layer->mean);
    cli_json_text(j, "var", layer->var);
    cli_json_floats(j, "mean_before", layer->mean_before, layer->channels);
    cli_json_floats(j, "mean_after", layer->mean_after, layer->channels);
    cli_json_floats(j, "var_before", layer->var_before, layer->channels);
    cli_json_floats(j, "var_after", layer->var_after, layer->channels);
    cli_json_end(j);
}

static rf_status print_json(cli_session *s, const rf_reestimation *r)
{
    cli_json j = { 0 };
    rf_status st = RF_OK;
    cli_json_document(&j, "reestimate");
    cli_json_int(&j, "batches", rf_reestimation_batches(r));
    cli_json_text(&j, "estimator", s->options->estimator);
    cli_json_array(&j, "layers");
    for (int i = 0; !st && i < rf_reestimation_layer_count(r); i++) {
        rf_bn_layer layer;
        if (!(st = rf_reestimation_layer(r, i, &layer)))
            json_layer(&j, &layer);
    }
    cli_json_end(&j);
    cli_json_text(&j, "file", s->options->output);
    cli_json_end(&j);
    if (!st)
        cli_json_write(&j, stdout);
    cli_json_release(&j);
    return st;
}

/* How far a layer's statistics moved: root mean square of the ratio of deviations, and of the shift in deviations. */
static void print_layer(const rf_bn_layer *layer)
{
    double shift = 0.0, spread = 0.0;
    for (int64_t c = 0; c < layer->channels; c++) {
        const double sigma = sqrt((double)layer->var_before[c] + 1e-12);
        const double d = ((double)layer->mean_after[c] - (double)layer->mean_before[c]) / sigma;
        shift += d * d;
        spread += sqrt((double)layer->var_after[c] + 1e-12) / sigma;
    }
    printf("  %-40s %5lld channels  mean moved %.3f sigma, sigma x %.3f\n", layer->bn,
           (long long)layer->channels, sqrt(shift / (double)layer->channels),
           spread / (double)layer->channels);
}

static rf_status print_text(cli_session *s, const rf_reestimation *r)
{
    const int count = rf_reestimation_layer_count(r);
    printf("%s: %d BN layers re-estimated over %lld batches\n", s->options->output, count,
           (long long)rf_reestimation_batches(r));
    for (int i = 0; i < count; i++) {
        rf_bn_layer layer;
        const rf_status st = rf_reestimation_layer(r, i, &layer);
        if (st)
            return st;
        print_layer(&layer);
    }
    return RF_OK;
}

static int reestimate(cli_session *s, cli_model *model, const rf_dataset *data)
{
    const rf_reestimate_options options = cli_reestimate_options(s->options);
    rf_reestimation *report = NULL;
    rf_status st = model->sim ? rf_reestimate_sim(model->sim, data, &options, &report)
                              : rf_reestimate_graph(model->graph, data, &options, &report);
    int code =
        st ? cli_fail(s, st) : cli_model_save(s, model, s->options->output, s->options->force);
    if (!code) {
        st = s->options->json ? print_json(s, report) : print_text(s, report);
        code = st ? cli_fail(s, st) : 0;
    }
    rf_reestimation_free(report);
    return code;
}

int cmd_reestimate(cli_session *s)
{
    cli_model model = { 0 };
    rf_dataset *data = NULL;
    int code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_model_load(s, &model);
    if (!code)
        code = cli_data_open(s, s->options->data, cli_model_graph(&model), &data);
    if (!code)
        code = reestimate(s, &model, data);
    rf_dataset_free(data);
    cli_model_release(&model);
    return code;
}
