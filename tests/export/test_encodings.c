/* Tests of the encodings files against those that AIMET wrote for the same ranges, and of their form. */
#include "small_net.h"
#include "temp_folder.h"

#include <jansson.h>

#include "base/file.h"
#include "export/export.h"

/* AIMET's ranges are float32 numbers that pass through double unchanged; its scales divide in float32 as ours. */
#define TOL_ENCODING 1e-7

typedef struct golden {
    rf_context *ctx;
    rf_graph *g;
    rf_sim *sim;
    json_t *numbers, *names; /* AIMET's; module quantizer -> ONNX tensor */
} golden;

static const char *const cases[] = { "conv_bn_relu_x2_gemm", "linear_bn1d", "bn_before_conv_pad0" };

static const char *path_of(const char *name, const char *file, char path[512])
{
    char relative[256];
    snprintf(relative, sizeof relative, "golden/%s/%s", name, file);
    return test_shared(relative, path);
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", path, error.text);
    return root;
}

static rf_node *quantizer_of(const rf_sim *sim, const char *tensor)
{
    for (size_t i = 0; i < sim->quantizers.count; i++)
        if (!strcmp(rf_export_tensor_name(sim->quantizers.items[i]), tensor))
            return sim->quantizers.items[i];
    fail_msg("no quantizer on '%s'", tensor);
    return NULL;
}

static void set_ranges(golden *d)
{
    const char *key;
    json_t *entry;
    for (size_t i = 0; i < d->sim->quantizers.count; i++)
        CHECK_OK(d->ctx, rf_node_set_int(d->sim->graph, d->sim->quantizers.items[i], "enabled", 0));
    json_object_foreach(json_object_get(d->numbers, "encodings_after_fold"), key, entry)
    {
        rf_node *q = quantizer_of(d->sim, json_string_value(json_object_get(d->names, key)));
        const json_t *mins = json_object_get(entry, "min"), *maxs = json_object_get(entry, "max");
        float min[32], max[32];
        const size_t count = json_array_size(mins);
        assert_true(count <= 32);
        for (size_t c = 0; c < count; c++) {
            min[c] = (float)json_number_value(json_array_get(mins, c));
            max[c] = (float)json_number_value(json_array_get(maxs, c));
        }
        CHECK_OK(d->ctx, rf_quantizer_set_range(d->sim, q, min, max, (int64_t)count));
        CHECK_OK(d->ctx, rf_node_set_int(d->sim->graph, q, "enabled", 1));
    }
    d->sim->state = RF_STATE_CALIBRATED;
}

/* false: the reference files are not there. */
static bool golden_open(golden *d, const char *name)
{
    char path[512], config[512];
    if (!path_of(name, "model.onnx", path) ||
        !test_shared("golden/config_per_channel.json", config)) {
        print_message("skipped: no reference files (REFOLD_SHARED)\n");
        return false;
    }
    const rf_sim_options options = { .config = config, .compat = "aimet" };
    *d = (golden){ .ctx = test_context() };
    CHECK_OK(d->ctx, rf_graph_load(d->ctx, path, &d->g));
    CHECK_OK(d->ctx, rf_sim_new(d->g, &options, &d->sim));
    d->numbers = load(path_of(name, "v1_tf_w8a8.json", path));
    json_t *map = load(path_of(name, "map.json", path));
    d->names = json_incref(json_object_get(json_object_get(map, "quantizer_to_onnx_tensor"), "v1"));
    json_decref(map);
    set_ranges(d);
    return true;
}

static void golden_close(golden *d)
{
    json_decref(d->numbers);
    json_decref(d->names);
    rf_sim_free(d->sim);
    rf_graph_free(d->g);
    rf_context_free(d->ctx);
}

/* Same keys and kinds, same words; numbers to TOL_ENCODING. Names of activations differ between the two models. */
static bool alike(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        const double x = json_number_value(a), y = json_number_value(b);
        return json_typeof(a) == json_typeof(b) &&
               fabs(x - y) <= TOL_ENCODING * fmax(1e-3, fabs(y));
    }
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!alike(json_array_get(a, i), json_array_get(b, i)))
                return false;
        return true;
    }
    if (!json_is_object(a))
        return json_equal(a, b);
    const char *key;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        const json_t *other = json_object_get(b, key);
        if (!other || (strcmp(key, "name") && !alike(value, other)))
            return false;
    }
    return true;
}

/* Every entry of `a` has an equal in `b`, whatever their keys. */
static void check_matched(const json_t *a, const json_t *b)
{
    json_t *left = json_is_object(a) ? json_array() : json_copy((json_t *)(uintptr_t)a);
    json_t *right = json_is_object(b) ? json_array() : json_copy((json_t *)(uintptr_t)b), *value;
    const char *key;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)a, key, value) json_array_append(left, value);
    json_object_foreach((json_t *)(uintptr_t)b, key, value) json_array_append(right, value);
    assert_int_equal(json_array_size(left), json_array_size(right));
    json_array_foreach(left, i, value)
    {
        bool found = false;
        for (size_t j = 0; !found && j < json_array_size(right); j++)
            found = alike(value, json_array_get(right, j));
        if (!found)
            fail_msg("no counterpart to %s", json_dumps(value, JSON_COMPACT));
    }
    json_decref(left);
    json_decref(right);
}

static void check_version(const char *version, const char *golden_key)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        golden d;
        char *text = NULL;
        if (!golden_open(&d, cases[i]))
            skip();
        CHECK_OK(d.ctx, rf_export_encodings(d.sim, version, &text));
        json_t *ours = json_loads(text, 0, NULL);
        const json_t *theirs = json_object_get(d.numbers, golden_key);
        assert_non_null(ours);
        assert_int_equal(json_object_size(ours), json_object_size(theirs));
        static const char *const same[] = { "version", "excluded_layers", "quantizer_args" };
        for (size_t k = 0; k < 3; k++)
            if (!json_equal(json_object_get(ours, same[k]), json_object_get(theirs, same[k])))
                fail_msg("%s: %s differs", cases[i], same[k]);
        if (json_is_object(json_object_get(theirs, "param_encodings")))
            assert_true(alike(json_object_get(ours, "param_encodings"),
                              json_object_get(theirs, "param_encodings")));
        check_matched(json_object_get(ours, "param_encodings"),
                      json_object_get(theirs, "param_encodings"));
        check_matched(json_object_get(ours, "activation_encodings"),
                      json_object_get(theirs, "activation_encodings"));
        json_decref(ours);
        rf_free(d.ctx, text);
        golden_close(&d);
    }
}

static void version_061_is_what_aimet_writes(void **state)
{
    (void)state;
    check_version("0.6.1", "export_encodings_0.6.1");
}

static void version_100_is_what_aimet_writes(void **state)
{
    (void)state;
    check_version("1.0.0", "export_encodings_1.0.0");
}

static void disabled_quantizers_have_no_entry(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = net_build(ctx);
    rf_sim *sim = net_simulate(g, 4, 8);
    char *text = NULL;
    CHECK_OK(ctx, rf_node_set_int(sim->graph, quantizer_of(sim, "relu1"), "enabled", 0));
    CHECK_OK(ctx, rf_export_encodings(sim, "0.6.1", &text));
    json_t *root = json_loads(text, 0, NULL);
    const json_t *activations = json_object_get(root, "activation_encodings");
    assert_null(json_object_get(activations, "relu1"));
    assert_non_null(json_object_get(activations, "clip2"));
    assert_null(json_object_get(json_object_get(root, "param_encodings"), "conv1.bias"));
    json_decref(root);
    rf_free(ctx, text);
    rf_sim_free(sim);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void numbers_come_back_as_they_were_in_sorted_indented_text(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = net_build(ctx);
    rf_sim *sim = net_simulate(g, 4, 8);
    char *text = NULL;
    CHECK_OK(ctx, rf_export_encodings(sim, "0.6.1", &text));
    const char *start = "{\n    \"activation_encodings\": {\n        \"";
    assert_memory_equal(text, start, strlen(start));
    json_t *root = json_loads(text, 0, NULL);
    const json_t *list = json_object_get(json_object_get(root, "param_encodings"), "conv1.weight");
    const rf_node *q = quantizer_of(sim, "conv1.weight");
    assert_int_equal(json_array_size(list), 4);
    for (size_t c = 0; c < 4; c++) {
        const json_t *entry = json_array_get(list, c);
        const rf_encoding e = rf_export_encoding(q, (int64_t)c);
        assert_true(json_number_value(json_object_get(entry, "scale")) == e.scale);
        assert_true(json_number_value(json_object_get(entry, "min")) == e.min);
        assert_true(json_number_value(json_object_get(entry, "max")) == e.max);
        assert_int_equal(json_integer_value(json_object_get(entry, "offset")), -8);
    }
    json_decref(root);
    rf_free(ctx, text);
    rf_sim_free(sim);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void check_arguments(rf_sim *sim, bool symmetric, bool per_channel)
{
    char *text = NULL;
    CHECK_OK(sim->ctx, rf_export_encodings(sim, "0.6.1", &text));
    json_t *root = json_loads(text, 0, NULL);
    const json_t *arguments = json_object_get(root, "quantizer_args");
    assert_int_equal(json_is_true(json_object_get(arguments, "is_symmetric")), symmetric);
    assert_int_equal(json_is_true(json_object_get(arguments, "per_channel_quantization")),
                     per_channel);
    json_decref(root);
    rf_free(sim->ctx, text);
}

/* Of a network whose layers, Conv and Gemm, do the contrary of the defaults; before and after a file. */
static void check_defaults(const char *symmetric, bool expected_symmetric, bool per_channel)
{
    char config[512], path[512], json[1024];
    rf_context *ctx = test_context();
    rf_graph *g = net_build(ctx);
    rf_sim *sim = NULL, *back = NULL;
    temp_folder t = temp_folder_make();
    snprintf(json, sizeof json,
             "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\"},\"params\":{\"is_"
             "quantized\":\"True\"%s},\"per_channel_quantization\":\"%s\"},\"params\":{},"
             "\"op_type\":{\"Conv\":{\"per_channel_quantization\":\"%s\"},\"Gemm\":{\"per_"
             "channel_quantization\":\"%s\"}},\"supergroups\":[],\"model_input\":{},"
             "\"model_output\":{}}",
             symmetric, per_channel ? "True" : "False", per_channel ? "False" : "True",
             per_channel ? "False" : "True");
    CHECK_OK(ctx, rf_file_write(ctx, temp_path(&t, "config.json", config), json, strlen(json),
                                /*force=*/true));
    CHECK_OK(ctx, rf_sim_new(g, &(rf_sim_options){ .config = config }, &sim));
    check_arguments(sim, expected_symmetric, per_channel);
    CHECK_OK(ctx, rf_sim_save(sim, temp_path(&t, "sim.onnx", path), /*force=*/true));
    CHECK_OK(ctx, rf_sim_load(ctx, path, &back));
    check_arguments(back, expected_symmetric, per_channel);
    temp_folder_remove(&t);
    rf_sim_free(back);
    rf_sim_free(sim);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void the_arguments_are_the_defaults_of_the_configuration(void **state)
{
    (void)state;
    check_defaults(",\"is_symmetric\":\"True\"", true, false);
    check_defaults(",\"is_symmetric\":\"False\"", false, true);
    check_defaults("", true, true); /* AIMET: as the channels */
    check_defaults("", false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_061_is_what_aimet_writes),
        cmocka_unit_test(version_100_is_what_aimet_writes),
        cmocka_unit_test(disabled_quantizers_have_no_entry),
        cmocka_unit_test(the_arguments_are_the_defaults_of_the_configuration),
        cmocka_unit_test(numbers_come_back_as_they_were_in_sorted_indented_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
