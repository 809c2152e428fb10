/*
 * Exports small simulations into folders below the one given, each with an input and the simulation's output as
 * arrays, and prints one line of JSON about each; test_target.mjs runs them in ONNX Runtime.
 */
#include "small_net.h"
#include "run_graph.h"

#include "base/file.h"
#include "export/export.h"

#define BATCH 16
#define SAMPLE (3 * NET_SIZE * NET_SIZE)

typedef struct model {
    const char *name;
    rf_graph *(*build)(rf_context *ctx);
    int param_bw, output_bw;
    rf_export_options options;
} model;

static const model models[] = {
    { "w8a8", net_build, 8, 8, { 0 } },
    { "w4a8", net_build, 4, 8, { 0 } },
    { "w4a8_float_bias", net_build, 4, 8, { .qdq_bias = "float" } },
    { "w4a8_int4", net_build, 4, 8, { .qdq_weights = "int4" } },
    { "w3a4", net_build, 3, 4, { 0 } },
    { "w8a16", net_build, 8, 16, { 0 } },
    { "opset9", net_build_old, 4, 8, { 0 } },
    { "opset9_int4", net_build_old, 4, 8, { .qdq_weights = "int4" } },
};

/* One code of the output's quantizer. */
static float output_step(const rf_sim *sim)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *q = sim->quantizers.items[i];
        if (!strcmp(rf_export_tensor_name(q), "logits") && rf_quantizer_exports(q))
            return (float)rf_export_encoding(q, 0).scale;
    }
    return 1e-4f;
}

static void save(rf_context *ctx, const char *folder, const char *name, int64_t columns,
                 const float *values)
{
    char path[512];
    rf_tensor *t = NULL;
    const int64_t dims[] = { BATCH, 3, NET_SIZE, NET_SIZE }, flat[] = { BATCH, columns };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, columns == SAMPLE ? 4 : 2,
                                columns == SAMPLE ? dims : flat, &t));
    memcpy(t->data, values, (size_t)t->count * sizeof *values);
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, t, path, /*force=*/true));
    rf_tensor_free(t);
}

static void export_model(const char *root, const model *m)
{
    rf_context *ctx = test_context();
    rf_graph *g = m->build(ctx);
    rf_sim *sim = net_simulate(g, m->param_bw, m->output_bw);
    char folder[400];
    int64_t count = 0;
    snprintf(folder, sizeof folder, "%s/%s", root, m->name);
    CHECK_OK(ctx, rf_export(sim, folder, &m->options, NULL));
    float *x = random_input(BATCH * SAMPLE, 11);
    float *y = run_graph(ctx, sim->graph, x, BATCH, &count);
    save(ctx, folder, "input.npy", SAMPLE, x);
    save(ctx, folder, "output.npy", count / BATCH, y);
    printf("{\"folder\": \"%s\", \"step\": %.9g}\n", folder, (double)output_step(sim));
    free(x);
    free(y);
    rf_sim_free(sim);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        export_model(argv[1], &models[i]);
    return 0;
}
