/* Reading the golden files, and simulations as AIMET built them. */
#include "golden_files.h"

#include "tensor/tensor.h"

static const char *file_of(const golden *g, const char *name, const char *suffix, char buffer[1024])
{
    snprintf(buffer, 1024, "%s/%s/%s%s", g->id.root, g->model, name, suffix);
    return buffer;
}

static json_t *load_json(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", path, error.text);
    return root;
}

/* A life of cases/ names its configuration, AIMET's own have one of two. */
static void find_config(golden *g)
{
    const char *name = json_string_value(json_object_get(g->info, "config"));
    if (!name)
        name = json_is_true(json_object_get(g->info, "per_channel")) ? "config_per_channel.json"
                                                                     : "config_per_tensor.json";
    if (strstr(name, ".json"))
        snprintf(g->config, sizeof g->config, "%s/%s", g->id.root, name);
    else
        snprintf(g->config, sizeof g->config, "%s", name);
}

/* Both engines have to give AIMET's numbers: GOLDEN_COMPUTE=float is the one without integers. */
static rf_context *context_of_engine(void)
{
    const char *engine = getenv("GOLDEN_COMPUTE");
    const bool is_float = engine && strcmp(engine, "float") == 0;
    const rf_context_options options = { .threads = test_threads(),
                                         .seed = 1,
                                         .compute = is_float ? RF_COMPUTE_FLOAT : RF_COMPUTE_AUTO };
    rf_context *ctx = NULL;
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    return ctx;
}

void golden_open(golden *g, const golden_id *id)
{
    char path[1024];
    *g = (golden){ .ctx = context_of_engine(), .id = *id };
    g->model = g->id.model;
    g->life = g->id.life;
    g->temp = temp_folder_make();
    CHECK_OK(g->ctx, rf_graph_load(g->ctx, file_of(g, "model", ".onnx", path), &g->graph));
    g->map = load_json(file_of(g, "map", ".json", path));
    g->info = load_json(file_of(g, g->life, ".json", path));
    CHECK_OK(g->ctx, rf_npz_read(g->ctx, file_of(g, g->life, ".npz", path), &g->values));
    golden_unpack(g);
    find_config(g);
}

void golden_close(golden *g)
{
    temp_folder_remove(&g->temp);
    json_decref(g->info);
    json_decref(g->map);
    if (g->values.ctx)
        rf_npz_release(&g->values);
    rf_graph_free(g->graph);
    rf_context_free(g->ctx);
}

const rf_tensor *golden_find(const golden *g, const char *name)
{
    return rf_npz_find(&g->values, name);
}

const rf_tensor *golden_get(const golden *g, const char *name)
{
    const rf_tensor *t = golden_find(g, name);
    if (!t)
        fail_msg("%s/%s.npz has no array '%s'", g->model, g->life, name);
    return t;
}

rf_tensor *golden_array(const golden *g, const char *name)
{
    char path[1024];
    rf_tensor *t = NULL;
    CHECK_OK(g->ctx, rf_tensor_load_npy(g->ctx, file_of(g, name, ".npy", path), &t));
    return t;
}

/* [batches, 16, ...] -> [batches * 16, ...] in a file of its own. */
static void flatten_batches(golden *g, const char *name, bool has_batches, char path[512])
{
    rf_tensor *t = golden_array(g, name);
    char file[64];
    snprintf(file, sizeof file, "%s.npy", name);
    if (has_batches) {
        t->shape.dims[1] *= t->shape.dims[0];
        t->shape.rank--;
        memmove(t->shape.dims, t->shape.dims + 1, (size_t)t->shape.rank * sizeof t->shape.dims[0]);
    }
    temp_path(&g->temp, file, path);
    CHECK_OK(g->ctx, rf_tensor_save_npy(g->ctx, t, path, /*force=*/true));
    rf_tensor_free(t);
}

rf_dataset *golden_dataset(golden *g, const char *samples, const char *labels)
{
    char x[512], y[512], spec[1100];
    rf_dataset *dataset = NULL;
    flatten_batches(g, samples, strcmp(samples, "eval") != 0, x);
    if (labels)
        flatten_batches(g, labels, /*has_batches=*/true, y);
    snprintf(spec, sizeof spec, "npy:%s%s%s", x, labels ? "," : "", labels ? y : "");
    CHECK_OK(g->ctx, rf_dataset_open(g->ctx, spec, NULL, &dataset));
    return dataset;
}

bool golden_is_v2(const golden *g)
{
    return strncmp(g->life, "v2", 2) == 0;
}

static const char *scheme_of(const golden *g)
{
    const bool enhanced = strcmp(json_string_value(json_object_get(g->info, "scheme")), "tf") != 0;
    if (json_is_true(json_object_get(g->info, "post_training")))
        return enhanced ? "post_training_tf_enhanced" : "post_training_tf";
    return enhanced ? "training_range_learning_with_tf_enhanced_init"
                    : "training_range_learning_with_tf_init";
}

rf_sim *golden_sim(golden *g)
{
    rf_sim *sim = NULL;
    const rf_sim_options options = {
        .param_bw = (int)json_integer_value(json_object_get(g->info, "param_bw")),
        .output_bw = (int)json_integer_value(json_object_get(g->info, "output_bw")),
        .scheme = scheme_of(g),
        .config = g->config,
        .compat = golden_is_v2(g) ? "aimet-v2" : "aimet",
    };
    CHECK_OK(g->ctx, rf_sim_new(g->graph, &options, &sim));
    return sim;
}

rf_sim *golden_calibrated_sim(golden *g)
{
    rf_sim *sim = golden_sim(g);
    rf_dataset *data = golden_dataset(g, "calib", NULL);
    const rf_calibrate_options options = { .batch = GOLDEN_BATCH };
    CHECK_OK(g->ctx, rf_sim_calibrate(sim, data, &options, NULL));
    rf_dataset_free(data);
    return sim;
}

rf_tensor *golden_logits(const golden *g, const rf_graph *graph)
{
    rf_tensor *x = golden_array(g, "eval"), *y = NULL;
    const rf_tensor *inputs[] = { x };
    CHECK_OK(g->ctx, rf_infer(graph, inputs, GOLDEN_BATCH, &y));
    rf_tensor_free(x);
    return y;
}

/* A Linear that gets a bias by the fold: what PyTorch calls the output from then on. */
static const char *name_with_bias(const char *matmul)
{
    static char name[256];
    const char *end = strstr(matmul, "/MatMul_output_0");
    if (!end)
        return matmul;
    snprintf(name, sizeof name, "%.*s/Gemm_output_0", (int)(end - matmul), matmul);
    return name;
}

/* "deconv.output0", which AIMET has after the fold only: what the module's last node makes. */
static const char *output_of_module(const golden *g, const char *quantizer)
{
    char module[128];
    const char *end = strstr(quantizer, ".output0");
    snprintf(module, sizeof module, "%.*s", end ? (int)(end - quantizer) : 0, quantizer);
    json_t *nodes = json_object_get(json_object_get(g->map, "nodes"), module);
    json_t *last = json_array_get(nodes, json_array_size(nodes) - 1);
    const char *output = json_string_value(json_array_get(json_object_get(last, "outputs"), 0));
    return output ? name_with_bias(output) : NULL;
}

const char *golden_tensor_name(const golden *g, const char *quantizer)
{
    json_t *names = json_object_get(json_object_get(g->map, "quantizer_to_onnx_tensor"),
                                    golden_is_v2(g) ? "v2" : "v1");
    const char *name = json_string_value(json_object_get(names, quantizer));
    if (!name)
        name = output_of_module(g, quantizer);
    if (!name)
        fail_msg("%s/map.json has no quantizer '%s'", g->model, quantizer);
    return name;
}

rf_node *golden_quantizer(const golden *g, const rf_sim *sim, const char *quantizer)
{
    const rf_value *v = rf_graph_find_value(sim->graph, golden_tensor_name(g, quantizer));
    return v ? rf_value_quantizer(v) : NULL;
}

/* The first element that is off by more than it may; -1. */
static int64_t first_outside(const float *actual, const rf_tensor *expected, double floor,
                             double tolerance)
{
    const float *e = rf_tensor_f32(expected);
    for (int64_t i = 0; i < expected->count; i++) {
        const double error = fabs((double)actual[i] - (double)e[i]);
        if (!(error <= tolerance * fmax(floor, fabs((double)e[i]))))
            return i;
    }
    return -1;
}

static void check(const golden *g, const char *what, const float *actual, const rf_tensor *expected,
                  double floor, double tolerance)
{
    const int64_t i = first_outside(actual, expected, floor, tolerance);
    if (i >= 0)
        fail_msg("%s %s: %s[%lld] is %.9g, AIMET has %.9g", g->model, g->life, what, (long long)i,
                 (double)actual[i], (double)rf_tensor_f32(expected)[i]);
}

void golden_check(const golden *g, const char *what, const float *actual, const rf_tensor *expected,
                  double tolerance)
{
    check(g, what, actual, expected, 1.0, tolerance);
}

bool golden_agrees(const float *actual, const rf_tensor *expected, double tolerance)
{
    return first_outside(actual, expected, 1.0, tolerance) < 0;
}

double golden_largest(const rf_tensor *t)
{
    double largest = 0.0;
    for (int64_t i = 0; i < t->count; i++)
        largest = fmax(largest, fabs((double)rf_tensor_f32(t)[i]));
    return largest;
}

bool golden_agrees_scaled(const float *actual, const rf_tensor *expected, double floor,
                          double tolerance)
{
    return first_outside(actual, expected, fmax(floor, golden_largest(expected)), tolerance) < 0;
}

void golden_check_scaled(const golden *g, const char *what, const float *actual,
                         const rf_tensor *expected, double floor, double tolerance)
{
    check(g, what, actual, expected, fmax(floor, golden_largest(expected)), tolerance);
}
