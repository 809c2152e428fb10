/* Encodings files read back: bit for bit what was written, AIMET's strict, partial and freeze, and hostile files. */
#include "net_text.h"
#include "sim_data.h"

#include "base/file.h"
#include "export/export.h"
#include "sim/sim_impl.h"

#define NET                                                                                        \
    "input x:-1,3,6,6\nc = Conv x w:6,3,3,3\nn = BatchNormalization c " NET_BN(                    \
        "bn", "6") "\n"                                                                            \
                   "r = Relu n\nd = ConvTranspose r v:6,4,2,2\nf = Flatten d\n"                    \
                   "y = Gemm f u:100,5 b:5\noutput y"

static rf_context *ctx;
static temp_folder temp;
static rf_tensor *samples;
static rf_dataset *data;

static int open_all(void **state)
{
    (void)state;
    ctx = test_context();
    temp = temp_folder_make();
    samples = waves(ctx, 4, (int64_t[]){ 8, 3, 6, 6 });
    data = dataset_of(ctx, &temp, samples);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    rf_dataset_free(data);
    rf_tensor_free(samples);
    temp_folder_remove(&temp);
    rf_context_free(ctx);
    return 0;
}

static rf_sim *built(const rf_sim_options *options)
{
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, options, &sim));
    rf_graph_free(g);
    return sim;
}

static rf_sim *calibrated(const rf_sim_options *options)
{
    rf_sim *sim = built(options);
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    return sim;
}

/* Ends where training may have left them: off the grid, and min no longer -max. */
static void shake(rf_sim *sim, int round)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *n = sim->quantizers.items[i];
        for (int64_t c = 0; c < rf_quantizer_count(n); c++) {
            const float wave = sinf((float)(17 * round + 5 * (int)i) + (float)c);
            rf_quantizer_min(n)[c] *= 1.0f + 0.01f * wave;
            rf_quantizer_max(n)[c] *= 1.0f - 0.013f * wave;
        }
    }
}

static const char *write_text(const char *text)
{
    static char path[512];
    temp_path(&temp, "test.encodings", path);
    CHECK_OK(ctx, rf_file_write(ctx, path, text, strlen(text), /*force=*/true));
    return path;
}

static char *encodings_of(const rf_sim *sim, const char *version)
{
    char *text = NULL;
    CHECK_OK(ctx, rf_export_encodings(sim, version, &text));
    return text;
}

static rf_tensor *outputs_of(const rf_sim *sim)
{
    const rf_tensor *inputs[] = { samples };
    rf_tensor *y = NULL;
    CHECK_OK(ctx, rf_infer(rf_sim_graph(sim), inputs, 8, &y));
    return y;
}

static bool is_mirrored(const rf_quantizer *q, const rf_sim *sim)
{
    return q->symmetric && sim->grid == RF_GRID_LEARNED;
}

/* Scales and offsets to the last bit; with 0.6.1 the ends of learned symmetric ranges too. */
static void check_same(rf_sim *a, rf_sim *b, const char *version)
{
    assert_int_equal(a->quantizers.count, b->quantizers.count);
    for (int i = 0; i < rf_sim_quantizer_count(a); i++) {
        rf_quantizer p, q;
        CHECK_OK(ctx, rf_sim_quantizer(a, i, &p));
        CHECK_OK(ctx, rf_sim_quantizer(b, i, &q));
        assert_true(p.enabled == q.enabled && p.bitwidth == q.bitwidth && p.axis == q.axis);
        assert_true(p.symmetric == q.symmetric && p.strict_symmetric == q.strict_symmetric);
        assert_int_equal(p.count, q.count);
        assert_memory_equal(p.scale, q.scale, (size_t)p.count * sizeof *p.scale);
        assert_memory_equal(p.offset, q.offset, (size_t)p.count * sizeof *p.offset);
        if (is_mirrored(&p, a) && strcmp(version, "0.6.1") == 0) {
            assert_memory_equal(p.min, q.min, (size_t)p.count * sizeof *p.min);
            assert_memory_equal(p.max, q.max, (size_t)p.count * sizeof *p.max);
        }
    }
}

static void check_round_trip(const rf_sim_options *options, int round, const char *version)
{
    rf_sim *sim = calibrated(options), *back = built(options);
    if (round > 0)
        shake(sim, round);
    char *text = encodings_of(sim, version);
    CHECK_OK(ctx, rf_sim_load_encodings(back, write_text(text), NULL, NULL));
    assert_int_equal(rf_sim_state(back), RF_STATE_CALIBRATED);
    check_same(sim, back, version);
    char *again = encodings_of(back, version);
    assert_string_equal(text, again);
    rf_tensor *before = outputs_of(sim), *after = outputs_of(back);
    assert_memory_equal(rf_tensor_f32(before), rf_tensor_f32(after),
                        (size_t)rf_tensor_count(before) * sizeof(float));
    rf_tensor_free(before);
    rf_tensor_free(after);
    rf_free(ctx, again);
    rf_free(ctx, text);
    rf_sim_free(back);
    rf_sim_free(sim);
}

static void a_written_file_gives_the_same_simulation_bit_for_bit(void **state)
{
    (void)state;
    static const rf_sim_options options[] = {
        { .param_bw = 4 },
        { .param_bw = 8, .scheme = "tf-enhanced-init", .compat = "aimet" },
        { .param_bw = 4, .scheme = "tf-enhanced" },
        { .param_bw = 4, .scheme = "tf-enhanced-init", .compat = "aimet-v2" },
        { .param_bw = 16, .output_bw = 16, .config = "default" },
        { .scheme = "mse", .param_bw = 2, .output_bw = 6, .config = "default" },
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        /* Static ranges lie on their grid always; learned ones wander. */
        const bool learned = !options[i].scheme || strstr(options[i].scheme, "init");
        for (int round = 0; round < (learned ? 12 : 1); round++) {
            check_round_trip(&options[i], round, "0.6.1");
            check_round_trip(&options[i], round, "1.0.0");
        }
    }
}

/* A file of 0.6.1 as older AIMETs wrote it: another version, and before 0.5.0 no dtype. */
static const char *made_older(const char *text, const char *version)
{
    static char older[1 << 16];
    static const char now[] = "\"version\": \"0.6.1", dtype[] = "\"dtype\": \"int\",";
    snprintf(older, sizeof older, "%s", text);
    assert_true(strlen(text) < sizeof older);
    char *found = strstr(older, now);
    assert_non_null(found);
    memcpy(found + strlen(now) - strlen(version), version, strlen(version));
    if (strcmp(version, "0.4.0") != 0)
        return older;
    while ((found = strstr(older, dtype)) != NULL)
        memset(found, ' ', strlen(dtype));
    return older;
}

static void older_versions_of_a_written_file_give_it_as_well(void **state)
{
    (void)state;
    static const char *const versions[] = { "0.4.0", "0.5.0" };
    for (size_t v = 0; v < 2; v++) {
        rf_sim *sim = calibrated(NULL), *back = built(NULL);
        shake(sim, 3);
        char *text = encodings_of(sim, "0.6.1");
        const char *older = made_older(text, versions[v]);
        CHECK_OK(ctx, rf_sim_load_encodings(back, write_text(older), NULL, NULL));
        check_same(sim, back, "0.6.1");
        rf_free(ctx, text);
        rf_sim_free(back);
        rf_sim_free(sim);
    }
}

/* ------------------------------------------------------------------- files of others --- */

/* One activation (x) and nothing else. */
#define FILE_OF(version, x)                                                                        \
    "{" version "\"activation_encodings\": {\"x\": [" x "]}, \"param_encodings\": {}}"
#define LOADS(sim, text, options) rf_sim_load_encodings(sim, write_text(text), options, NULL)

static rf_node *quantizer_of(const rf_sim *sim, const char *tensor)
{
    rf_node *n = rf_value_quantizer(rf_graph_find_value(sim->graph, tensor));
    assert_non_null(n);
    return n;
}

static void check_range(const rf_sim *sim, const char *tensor, float min, float max)
{
    const rf_node *n = quantizer_of(sim, tensor);
    CHECK_NEAR(rf_quantizer_min(n)[0], min, 1e-6);
    CHECK_NEAR(rf_quantizer_max(n)[0], max, 1e-6);
}

static void old_versions_are_read_and_completed(void **state)
{
    (void)state;
    rf_sim *sim = calibrated(NULL);
    /* before 0.5.0: no version, no dtype; without a grid it is computed, without ends they are */
    CHECK_OK(ctx, LOADS(sim,
                        FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": \"False\", \"min\": -1, "
                                    "\"max\": 2}"),
                        NULL));
    check_range(sim, "x", -1.0f, 2.0f);
    CHECK_OK(ctx, LOADS(sim,
                        FILE_OF("\"version\": \"0.4.0\", ",
                                "{\"bitwidth\": 4, \"is_symmetric\": \"False\", \"offset\": -5, "
                                "\"scale\": 0.1}"),
                        NULL));
    check_range(sim, "x", -0.5f, 1.0f);
    assert_int_equal(rf_quantizer_spec(quantizer_of(sim, "x")).bitwidth, 4);
    CHECK_OK(ctx, LOADS(sim,
                        FILE_OF("\"version\": \"0.5.0\", ",
                                "{\"bitwidth\": 8, \"dtype\": \"int\", \"is_symmetric\": "
                                "\"False\", \"min\": -0.5, \"max\": 2.05, \"offset\": -50, "
                                "\"scale\": 0.01}"),
                        NULL));
    check_range(sim, "x", -0.5f, 2.05f);
    rf_sim_free(sim);
}

#define X8 "{\"bitwidth\": 8, \"is_symmetric\": \"False\", \"min\": -1, \"max\": 2}"
#define S8 "{\"bitwidth\": 8, \"is_symmetric\": \"True\", \"min\": -1.28, \"max\": 1.27}"

static void strict_refuses_what_lenient_ignores_or_takes_over(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
        int ignored;
    } cases[] = {
        { "{\"activation_encodings\": {\"nowhere\": [" X8 "]}, \"param_encodings\": {}}",
          "'nowhere' is not in the model", 1 },
        { "{\"activation_encodings\": {\"c\": [" X8 "]}, \"param_encodings\": {}}",
          "'c' is not quantized", 1 },
        { "{\"activation_encodings\": {}, \"param_encodings\": {\"x\": [" X8 "]}}",
          "'x' is not quantized", 1 },
        { FILE_OF("", "{\"bitwidth\": 16, \"dtype\": \"float\"}"), "dtype float", 1 },
        { FILE_OF("", S8), "is symmetric in the file", 0 },
        { "{\"activation_encodings\": {}, \"param_encodings\": {\"w\": [" S8 "]}}",
          "1 ranges in the file, 6 in the simulation", 0 },
    };
    const rf_load_encodings_options lenient = { .partial = true };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rf_sim *sim = calibrated(NULL);
        rf_encodings_report *report = NULL;
        const char *path = write_text(cases[i].file);
        CHECK_FAILS(ctx, RF_EMODEL, cases[i].message,
                    rf_sim_load_encodings(sim, path, NULL, &report));
        assert_null(report);
        CHECK_OK(ctx, rf_sim_load_encodings(sim, path, &lenient, &report));
        assert_int_equal(report->ignored_count, cases[i].ignored);
        assert_int_equal(report->loaded, 1 - cases[i].ignored);
        rf_encodings_report_free(report);
        rf_sim_free(sim);
    }
}

static void an_encoding_for_a_quantizer_that_is_off_is_refused_or_ignored(void **state)
{
    (void)state;
    const rf_load_encodings_options lenient = { .partial = true };
    rf_sim *sim = calibrated(NULL);
    rf_encodings_report *report = NULL;
    const char *path = write_text(FILE_OF("", X8));
    CHECK_OK(ctx, rf_node_set_int(sim->graph, quantizer_of(sim, "x"), "enabled", 0));
    CHECK_FAILS(ctx, RF_EMODEL, "'x' has a quantizer that is off",
                rf_sim_load_encodings(sim, path, NULL, NULL));
    CHECK_OK(ctx, rf_sim_load_encodings(sim, path, &lenient, &report));
    assert_int_equal(report->ignored_count, 1);
    assert_string_equal(report->ignored[0], "x");
    assert_false(rf_quantizer_enabled(quantizer_of(sim, "x")));
    rf_encodings_report_free(report);
    rf_sim_free(sim);
}

static void a_range_a_channel_becomes_one_a_tensor_and_back(void **state)
{
    (void)state;
    const rf_load_encodings_options lenient = { .partial = true };
    rf_sim *per_channel = calibrated(NULL);
    rf_sim *per_tensor = calibrated(&(rf_sim_options){ .config = "default" });
    char *channels = encodings_of(per_channel, "1.0.0"),
         *tensors = encodings_of(per_tensor, "1.0.0");
    CHECK_OK(ctx, LOADS(per_tensor, channels, &lenient));
    /* The channels of ConvTranspose lie on axis 1. */
    assert_int_equal(rf_quantizer_axis(quantizer_of(per_tensor, "v")), 1);
    check_same(per_channel, per_tensor, "1.0.0");
    CHECK_OK(ctx, LOADS(per_channel, tensors, &lenient));
    assert_int_equal(rf_quantizer_count(quantizer_of(per_channel, "w")), 1);
    assert_int_equal(rf_quantizer_axis(quantizer_of(per_channel, "w")), -1);
    rf_tensor_free(outputs_of(per_channel));
    rf_free(ctx, channels);
    rf_free(ctx, tensors);
    rf_sim_free(per_channel);
    rf_sim_free(per_tensor);
}

static void partial_decides_what_quantizers_without_an_entry_do(void **state)
{
    (void)state;
    const rf_load_encodings_options whole = { .strict = true };
    rf_sim *sim = built(NULL), *off = built(NULL);
    rf_encodings_report *report = NULL;
    const char *path = write_text(FILE_OF("", X8));
    CHECK_OK(ctx, rf_sim_load_encodings(sim, path, NULL, &report));
    assert_int_equal(report->missing_count, (int)sim->quantizers.count - 1);
    assert_int_equal(rf_sim_state(sim), RF_STATE_BUILT);
    rf_encodings_report_free(report);
    CHECK_OK(ctx, rf_sim_load_encodings(off, path, &whole, NULL));
    assert_int_equal(rf_sim_state(off), RF_STATE_CALIBRATED);
    for (size_t i = 0; i < off->quantizers.count; i++) {
        const rf_node *n = off->quantizers.items[i];
        assert_int_equal(rf_quantizer_enabled(n), strcmp(rf_quantizer_tensor(n)->name, "x") == 0);
    }
    rf_sim_free(off);
    rf_sim_free(sim);
}

static void frozen_ranges_survive_calibration_and_further_files(void **state)
{
    (void)state;
    const rf_load_encodings_options freeze = { .strict = true, .partial = true, .freeze = true };
    rf_sim *sim = built(NULL);
    rf_encodings_report *report = NULL;
    CHECK_OK(ctx, LOADS(sim, FILE_OF("", X8), &freeze));
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    check_range(sim, "x", -1.0f, 2.0f);
    /* It cut the input at -1 while the others were calibrated. */
    rf_sim *free_one = calibrated(NULL);
    assert_true(*rf_quantizer_max(quantizer_of(sim, "r")) !=
                *rf_quantizer_max(quantizer_of(free_one, "r")));
    rf_sim_free(free_one);
    const char *path = write_text(
        FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": \"False\", \"min\": -4, \"max\": 4}"));
    CHECK_OK(ctx, rf_sim_load_encodings(sim, path, NULL, &report));
    assert_int_equal(report->kept_count, 1);
    assert_string_equal(report->kept[0], "x");
    check_range(sim, "x", -1.0f, 2.0f);
    rf_encodings_report_free(report);
    rf_sim_free(sim);
}

static void senseless_files_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
    } cases[] = {
        { "{\"activation_encodings\": {\"x\": [{\"bitwidth\": 8, \"min\": NaN}]}}", "line 1" },
        { "[]", "version" },
        { "{\"version\": 7}", "version" },
        { "{\"version\": \"2.0.0\"}", "version" },
        { "{}", "activation_encodings: expected an object" },
        { "{\"version\": \"1.0.0\", \"activation_encodings\": {}}", "expected a list" },
        { "{\"activation_encodings\": {}, \"param_encodings\": {}}", "there are none" },
        { FILE_OF("", ""), "a list of one object" },
        { FILE_OF("", "7"), "expected an object" },
        { FILE_OF("", "{\"bitwidth\": 64}"), "bitwidth" },
        { FILE_OF("", "{\"bitwidth\": 8.5}"), "bitwidth" },
        { FILE_OF("", "{\"bitwidth\": 8}"), "is_symmetric" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": \"yes\"}"), "is_symmetric" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"min\": 0}"), "max" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false}"), "two or all of them" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"min\": 2, \"max\": 1}"),
          "min < max" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"min\": -1, \"max\": 1e300}"),
          "within float32" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"min\": -1, \"max\": 2, "
                      "\"scale\": 1, \"offset\": -1}"),
          "scale: expected the range's width" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"scale\": 0, \"offset\": 0}"),
          "above 0" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"scale\": 1, \"offset\": 5}"),
          "offset" },
        { FILE_OF("", "{\"bitwidth\": 8, \"is_symmetric\": false, \"scale\": 1, \"offset\": -999}"),
          "offset" },
        { FILE_OF("", X8 ", " X8), "2 ranges in the file" },
        { FILE_OF("", X8 ", " S8), "the same in every channel" },
        { "{\"activation_encodings\": {\"conv\": {\"input\": {}}}, \"param_encodings\": {}}",
          "_torch.encodings" },
        { "{\"version\": \"1.0.0\", \"activation_encodings\": [{\"bw\": 8}], "
          "\"param_encodings\": []}",
          "name" },
        { "{\"version\": \"1.0.0\", \"activation_encodings\": [{\"name\": \"x\", \"bw\": 8, "
          "\"enc_type\": \"LPBQ\"}], \"param_encodings\": []}",
          "PER_TENSOR or PER_CHANNEL" },
        { "{\"version\": \"1.0.0\", \"activation_encodings\": [{\"name\": \"x\", \"bw\": 8, "
          "\"enc_type\": \"PER_TENSOR\", \"is_sym\": false, \"scale\": [1], \"offset\": []}], "
          "\"param_encodings\": []}",
          "same length" },
    };
    rf_sim *sim = calibrated(NULL);
    char *before = encodings_of(sim, "0.6.1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_FAILS(ctx, RF_EMODEL, cases[i].message, LOADS(sim, cases[i].file, NULL));
    CHECK_FAILS(ctx, RF_EIO, "none.encodings",
                rf_sim_load_encodings(sim, "none.encodings", NULL, NULL));
    char *after = encodings_of(sim, "0.6.1");
    assert_string_equal(before, after);
    rf_free(ctx, after);
    rf_free(ctx, before);
    rf_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_file_gives_the_same_simulation_bit_for_bit),
        cmocka_unit_test(older_versions_of_a_written_file_give_it_as_well),
        cmocka_unit_test(old_versions_are_read_and_completed),
        cmocka_unit_test(strict_refuses_what_lenient_ignores_or_takes_over),
        cmocka_unit_test(an_encoding_for_a_quantizer_that_is_off_is_refused_or_ignored),
        cmocka_unit_test(a_range_a_channel_becomes_one_a_tensor_and_back),
        cmocka_unit_test(partial_decides_what_quantizers_without_an_entry_do),
        cmocka_unit_test(frozen_ranges_survive_calibration_and_further_files),
        cmocka_unit_test(senseless_files_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
