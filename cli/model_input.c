/* Loading and saving whatever MODEL turns out to be. */
#include "model_input.h"

#include "commands.h"
#include "processes.h"

int cli_model_load(cli_session *s, cli_model *out)
{
    return cli_model_load_from(s, s->options->operand, out);
}

int cli_model_load_from(cli_session *s, const char *path, cli_model *out)
{
    cli_model model = { 0 };
    rf_status st = rf_graph_load(s->ctx, path, &model.graph);
    if (!st && rf_graph_holds_sim(model.graph))
        st = rf_sim_load(s->ctx, path, &model.sim);
    if (st) {
        rf_graph_free(model.graph);
        const int code = cli_fail(s, st);
        return st == RF_EIO ? rf_status_exit_code(RF_EMODEL)
                            : code; /* a file that is not there is a bad model file */
    }
    *out = model;
    return 0;
}

int cli_graph_import(cli_session *s, rf_graph **out)
{
    const rf_import_options options = {
        .weights = s->options->weights,
        .signature = s->options->signature,
        .inputs = s->options->import_inputs,
        .outputs = s->options->import_outputs,
        .input_shapes = s->options->input_shapes,
    };
    const rf_status st = rf_graph_import(s->ctx, s->options->operand, &options, out);
    if (!st)
        return 0;
    const int code = cli_fail(s, st);
    return st == RF_EIO ? rf_status_exit_code(RF_EMODEL) : code;
}

int cli_model_load_sim(cli_session *s, cli_model *out)
{
    cli_model model = { 0 };
    const int code = cli_model_load(s, &model);
    if (code)
        return code;
    if (!model.sim) {
        cli_model_release(&model);
        return cli_error(s, CLI_EXIT_FAILED,
                         "'%s' is a plain model, expected a simulation; make one with 'refold "
                         "quantize %s -o SIM "
                         "--data D'",
                         s->options->operand, s->options->operand);
    }
    *out = model;
    return 0;
}

int cli_model_save(cli_session *s, const cli_model *model, const char *path, bool force)
{
    if (!cli_speaks(s))
        return 0;
    const rf_status st = model->sim ? rf_sim_save(model->sim, path, force)
                                    : rf_graph_save(model->graph, path, force);
    return st ? cli_fail(s, st) : 0;
}

const rf_graph *cli_model_graph(const cli_model *model)
{
    return model->sim ? rf_sim_graph(model->sim) : model->graph;
}

void cli_model_release(cli_model *model)
{
    rf_sim_free(model->sim);
    rf_graph_free(model->graph);
    *model = (cli_model){ 0 };
}
