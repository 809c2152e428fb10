/* A whole network: read, inspected, and run on zeros where it is small enough for that. */
#include <refold/refold.h>

#include "fuzz.h"

enum { MOST_INPUTS = 4, MOST_OUTPUTS = 16 };
#define MOST_BYTES (16 << 20)

static rf_status make_input(rf_context *ctx, const rf_graph *g, int index, rf_tensor **out)
{
    rf_port port;
    RF_TRY(rf_graph_input(g, index, &port));
    for (int d = 0; d < port.rank; d++)
        port.dims[d] = port.dims[d] < 0 ? 1 : port.dims[d];
    return rf_tensor_new(ctx, port.dtype, port.rank, port.dims, out);
}

static rf_status infer(rf_context *ctx, const rf_graph *g)
{
    rf_tensor *inputs[MOST_INPUTS] = { NULL }, *outputs[MOST_OUTPUTS] = { NULL };
    rf_status st = RF_OK;
    for (int i = 0; i < rf_graph_input_count(g) && st == RF_OK; i++)
        st = make_input(ctx, g, i, &inputs[i]);
    if (st == RF_OK)
        st = rf_infer(g, (const rf_tensor *const *)inputs, 1, outputs);
    for (int i = 0; i < MOST_INPUTS; i++)
        rf_tensor_free(inputs[i]);
    for (int i = 0; i < MOST_OUTPUTS; i++)
        rf_tensor_free(outputs[i]);
    return st;
}

static rf_status look(rf_context *ctx, const char *path)
{
    rf_inspect_options options = RF_INSPECT_OPTIONS_INIT;
    rf_inspection *i = NULL;
    rf_graph *g = NULL;
    options.batch = 1;
    RF_TRY(rf_graph_load(ctx, path, &g));
    rf_status st = rf_inspect(g, &options, &i);
    const bool is_small = st == RF_OK && i->infer_bytes > 0 && i->infer_bytes < MOST_BYTES &&
                          rf_graph_input_count(g) <= MOST_INPUTS &&
                          rf_graph_output_count(g) <= MOST_OUTPUTS;
    if (is_small)
        st = infer(ctx, g);
    rf_inspection_free(i);
    rf_graph_free(g);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx =
        fuzz_begin(size, 1 << 16); /* of running, which tensors decide and not the file */
    fuzz_end(ctx, look(ctx, fuzz_file("net.onnx", data, size)));
    return 0;
}
