/* From the options of the Data group to an open data set. */
#include "data_input.h"

#include <string.h>

#include "commands.h"

#define DEFAULT_BATCH 128 /* as the option tables have it */

/* A model input of images says channels and size; -1 leaves them open. */
static void take_input_size(const rf_graph *graph, rf_dataset_options *out)
{
    rf_port port;
    if (rf_graph_input_count(graph) < 1 || rf_graph_input(graph, 0, &port) != RF_OK ||
        port.rank != 4)
        return;
    out->channels = port.dims[1] > 0 ? port.dims[1] : 0;
    out->height = port.dims[2] > 0 ? port.dims[2] : 0;
    out->width = port.dims[3] > 0 ? port.dims[3] : 0;
}

/* As its Keras or TensorFlow has it. */
static bool is_channels_last(const rf_graph *graph)
{
    rf_port port;
    return rf_graph_input_count(graph) > 0 && rf_graph_input(graph, 0, &port) == RF_OK &&
           port.channels_last;
}

static int take_reals(const cli_reals *from, float to[CLI_MAX_REALS])
{
    for (int i = 0; i < from->count; i++)
        to[i] = (float)from->items[i];
    return from->count;
}

int64_t cli_fixed_batch(const rf_graph *graph)
{
    int64_t batch = 0;
    for (int i = 0; i < rf_graph_input_count(graph); i++) {
        rf_port port;
        if (rf_graph_input(graph, i, &port) != RF_OK || port.rank < 1 || port.dims[0] < 1)
            return 0;
        batch = port.dims[0];
    }
    return batch;
}

/* The default is nobody's wish. */
int cli_check_batch(cli_session *s, const rf_graph *graph)
{
    const int64_t fixed = cli_fixed_batch(graph), wanted = s->options->batch;
    return fixed == 0 || wanted == fixed || wanted == DEFAULT_BATCH
               ? 0
               : cli_error(s, CLI_EXIT_USAGE,
                           "the model fixes its batch to %lld, and --batch asks for %lld; leave "
                           "--batch out, or export the model with a dynamic batch axis",
                           (long long)fixed, (long long)wanted);
}

int cli_data_open(cli_session *s, const char *spec, const rf_graph *graph, rf_dataset **out)
{
    const cli_options *o = s->options;
    rf_dataset_options options = RF_DATASET_OPTIONS_INIT;
    const int fault = cli_check_batch(s, graph);
    if (fault)
        return fault;
    options.preset = o->preset;
    options.resize = o->resize;
    options.crop = o->crop;
    options.scale = (float)o->scale;
    options.mean_count = take_reals(&o->mean, options.mean);
    options.std_count = take_reals(&o->std, options.std);
    options.augment = o->augment;
    options.input_nhwc =
        o->input_layout ? strcmp(o->input_layout, "nhwc") == 0 : is_channels_last(graph);
    options.input_nchw_where_it_fits = !o->input_layout;
    take_input_size(graph, &options);
    const rf_status st = rf_dataset_open(s->ctx, spec, &options, out);
    if (!st)
        return 0;
    const int code = cli_fail(s, st);
    return st == RF_EIO ? rf_status_exit_code(RF_EDATA)
                        : code; /* data that is not there is bad data */
}
