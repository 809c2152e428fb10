/* refold convert: a Keras or TensorFlow model as ONNX, BN kept. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"

#define MAX_PORTS 64

/* One run of a graph on made-up samples. */
typedef struct trial {
    rf_tensor *inputs[MAX_PORTS], *outputs[MAX_PORTS];
    int input_count, output_count;
} trial;

static void release_trial(trial *t)
{
    for (int i = 0; i < MAX_PORTS; i++) {
        rf_tensor_free(t->inputs[i]);
        rf_tensor_free(t->outputs[i]);
    }
}

/* Numbers from -1 to 1, the same in each run. */
static void fill(rf_tensor *t, uint32_t seed)
{
    float *data = rf_tensor_data(t);
    for (int64_t i = 0; i < rf_tensor_count(t); i++) {
        seed = seed * 1664525U + 1013904223U;
        data[i] = (float)(seed >> 8) / 8388608.0F - 1.0F;
    }
}

/* False where a size is open, so that nothing can be run. */
static bool make_inputs(cli_session *s, const rf_graph *g, trial *t, rf_status *st)
{
    rf_port port;
    t->input_count = rf_graph_input_count(g);
    t->output_count = rf_graph_output_count(g);
    if (t->input_count > MAX_PORTS || t->output_count > MAX_PORTS)
        return false;
    for (int i = 0; i < t->input_count && !*st; i++) {
        *st = rf_graph_input(g, i, &port);
        if (*st || port.dtype != RF_DTYPE_F32 || port.rank < 1)
            return false;
        port.dims[0] = port.dims[0] < 0 ? 2 : port.dims[0];
        for (int d = 0; d < port.rank; d++)
            if (port.dims[d] < 0)
                return false;
        *st = rf_tensor_new(s->ctx, RF_DTYPE_F32, port.rank, port.dims, &t->inputs[i]);
        if (!*st)
            fill(t->inputs[i], (uint32_t)i + 1);
    }
    return !*st;
}

static rf_status run(const rf_graph *g, trial *t)
{
    const int64_t batch = t->input_count ? rf_tensor_dims(t->inputs[0])[0] : 1;
    return rf_infer(g, (const rf_tensor *const *)t->inputs, batch, t->outputs);
}

static bool same(const trial *a, const trial *b)
{
    for (int i = 0; i < a->output_count; i++) {
        const rf_tensor *x = a->outputs[i], *y = b->outputs[i];
        if (rf_tensor_count(x) != rf_tensor_count(y) ||
            memcmp(rf_tensor_const_data(x), rf_tensor_const_data(y),
                   (size_t)rf_tensor_count(x) * rf_dtype_bytes(rf_tensor_dtype(x))) != 0)
            return false;
    }
    return true;
}

/* The file, read again, computes what the network in memory does. *ran: it could be run at all. */
static int verify(cli_session *s, const rf_graph *g, const char *path, bool *ran)
{
    rf_graph *again = NULL;
    trial a = { 0 }, b = { 0 };
    int code = 0;
    rf_status st = rf_graph_load(s->ctx, path, &again);
    *ran = !st && make_inputs(s, g, &a, &st) && make_inputs(s, again, &b, &st);
    if (!st && *ran)
        st = run(g, &a);
    if (st == RF_EUNSUPPORTED) { /* inspect tells it; the file is of use elsewhere */
        cli_warn(s, "%s", rf_context_message(s->ctx));
        st = RF_OK;
        *ran = false;
    }
    if (!st && *ran)
        st = run(again, &b);
    if (st)
        code = cli_fail(s, st);
    else if (*ran && !same(&a, &b))
        code = cli_error(s, CLI_EXIT_FAILED, "'%s' computes other numbers than the model", path);
    release_trial(&a);
    release_trial(&b);
    rf_graph_free(again);
    return code;
}

static int print_result(cli_session *s, const rf_graph *graph, bool ran)
{
    rf_inspection *found = NULL;
    cli_json j = { 0 };
    const rf_status st = rf_inspect(graph, NULL, &found);
    if (st)
        return cli_fail(s, st);
    int64_t nodes = 0;
    for (int i = 0; i < found->operator_count; i++)
        nodes += found->operators[i].count;
    if (s->options->json) {
        cli_json_document(&j, "convert");
        cli_json_text(&j, "file", s->options->output);
        cli_json_int(&j, "nodes", nodes);
        cli_json_int(&j, "parameters", found->parameters);
        cli_json_int(&j, "macs", found->macs);
        cli_json_int(&j, "batch_norms", found->batch_norm_count);
        cli_json_bool(&j, "verified", ran);
        cli_json_end(&j);
        cli_json_write(&j, stdout);
        cli_json_release(&j);
    } else {
        printf("%s: %lld nodes, %lld parameters, %d BatchNormalization kept; read again%s\n",
               s->options->output, (long long)nodes, (long long)found->parameters,
               found->batch_norm_count,
               ran ? " and computes the same" : ", not run (the shape of its input is open)");
    }
    rf_inspection_free(found);
    return 0;
}

int cmd_convert(cli_session *s)
{
    rf_graph *graph = NULL;
    bool ran = false;
    int code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_graph_import(s, &graph);
    if (!code) {
        const rf_status st = rf_graph_save(graph, s->options->output, s->options->force);
        code = st ? cli_fail(s, st) : verify(s, graph, s->options->output, &ran);
    }
    if (!code)
        code = print_result(s, graph, ran);
    rf_graph_free(graph);
    return code;
}
