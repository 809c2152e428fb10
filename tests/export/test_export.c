/* Tests of rf_export: options, files that exist, all or nothing, the report, and the check of what was written. */
#include "small_net.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "export/export.h"
#include "formats/onnx.h"

typedef struct fixture {
    rf_context *ctx;
    rf_graph *g;
    rf_sim *sim;
    char root[64], dir[128];
} fixture;

static void start(fixture *f)
{
    *f = (fixture){ .ctx = test_context() };
    snprintf(f->root, sizeof f->root, "/tmp/refold-export-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->dir, sizeof f->dir, "%s/out", f->root);
    f->g = net_build(f->ctx);
    f->sim = net_simulate(f->g, 4, 8);
}

static const char *in_dir(const fixture *f, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static int count_entries(const char *dir)
{
    int count = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    if (d)
        closedir(d);
    return d ? count : -1;
}

static void stop(fixture *f)
{
    static const char *const names[] = { "model.onnx", "model.encodings", "model_qdq.onnx",
                                         "other.encodings", "model.onnx/x" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_dir(f, names[i]));
    rmdir(in_dir(f, "model.onnx"));
    rmdir(f->dir);
    assert_int_equal(rmdir(f->root), 0);
    rf_sim_free(f->sim);
    rf_graph_free(f->g);
    rf_context_free(f->ctx);
}

static void an_export_writes_three_files_and_reports_them(void **state)
{
    (void)state;
    fixture f;
    rf_export_report *report = NULL;
    start(&f);
    CHECK_OK(f.ctx, rf_export(f.sim, f.dir, NULL, &report));
    assert_int_equal(report->file_count, 3);
    assert_string_equal(report->files[0], in_dir(&f, "model.onnx"));
    assert_string_equal(report->files[1], in_dir(&f, "model.encodings"));
    assert_string_equal(report->files[2], in_dir(&f, "model_qdq.onnx"));
    assert_int_equal(count_entries(f.dir), 3);
    rf_export_report_free(report);
    stop(&f);
}

static bool lists(const rf_export_report *report, const char *name)
{
    for (int i = 0; i < report->float_count; i++)
        if (!strcmp(report->float_tensors[i], name))
            return true;
    return false;
}

static void every_tensor_is_encoded_or_listed_as_float(void **state)
{
    (void)state;
    fixture f;
    rf_export_report *report = NULL;
    rf_graph *plain = NULL;
    int enabled = 0;
    start(&f);
    for (size_t i = 0; i < f.sim->quantizers.count; i++)
        enabled += rf_quantizer_enabled(f.sim->quantizers.items[i]);
    CHECK_OK(f.ctx, rf_export(f.sim, f.dir, NULL, &report));
    CHECK_OK(f.ctx, rf_onnx_read(f.ctx, in_dir(&f, "model.onnx"), &plain));
    assert_int_equal(report->encoded, enabled);
    assert_true(lists(report, "conv1"));      /* between Conv and Relu */
    assert_true(lists(report, "conv1.bias")); /* biases are not quantized */
    assert_false(lists(report, "relu1"));
    assert_false(lists(report, "conv1.weight"));
    int tensors = 0;
    for (size_t i = 0; i < plain->values.count; i++) {
        const rf_value *v = plain->values.items[i];
        tensors += !v->constant || v->constant->shape.rank > 0;
    }
    assert_int_equal(report->encoded + report->float_count, tensors);
    rf_graph_free(plain);
    rf_export_report_free(report);
    stop(&f);
}

static void an_existing_file_is_refused_before_anything_is_written(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    CHECK_OK(f.ctx, rf_file_make_folder(f.ctx, f.dir));
    CHECK_OK(f.ctx, rf_file_write(f.ctx, in_dir(&f, "model.encodings"), "old", 3, false));
    CHECK_FAILS(f.ctx, RF_EEXIST, "model.encodings", rf_export(f.sim, f.dir, NULL, NULL));
    assert_int_equal(count_entries(f.dir), 1);
    stop(&f);
}

static void force_overwrites(void **state)
{
    (void)state;
    fixture f;
    void *bytes = NULL;
    size_t size = 0;
    const rf_export_options options = { .formats = "encodings", .force = true };
    start(&f);
    CHECK_OK(f.ctx, rf_file_make_folder(f.ctx, f.dir));
    CHECK_OK(f.ctx, rf_file_write(f.ctx, in_dir(&f, "model.encodings"), "old", 3, false));
    CHECK_OK(f.ctx, rf_export(f.sim, f.dir, &options, NULL));
    assert_int_equal(count_entries(f.dir), 1);
    CHECK_OK(f.ctx, rf_file_read(f.ctx, in_dir(&f, "model.encodings"), &bytes, &size));
    assert_true(size > 100);
    rf_free(f.ctx, bytes);
    stop(&f);
}

static void a_failed_export_leaves_nothing_behind(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    rf_quantizer_max(f.sim->quantizers.items[0])[0] = NAN;
    CHECK_FAILS(f.ctx, RF_ENUMERIC, "cannot be exported", rf_export(f.sim, f.dir, NULL, NULL));
    assert_int_equal(count_entries(f.dir), -1);
    stop(&f);
}

static void what_is_not_published_vanishes(void **state)
{
    (void)state;
    fixture f;
    rf_staging staging;
    const char *path = NULL;
    start(&f);
    CHECK_OK(f.ctx, rf_staging_init(&staging, f.ctx, f.dir));
    CHECK_OK(f.ctx, rf_staging_add(&staging, "model.onnx", &path));
    CHECK_OK(f.ctx, rf_file_write(f.ctx, path, "half", 4, false));
    assert_false(rf_file_exists(in_dir(&f, "model.onnx")));
    rf_staging_release(&staging);
    assert_int_equal(count_entries(f.dir), -1);
    stop(&f);
}

static void a_failed_move_takes_the_others_back(void **state)
{
    (void)state;
    fixture f;
    rf_staging staging;
    const char *path = NULL;
    start(&f);
    CHECK_OK(f.ctx, rf_staging_init(&staging, f.ctx, f.dir));
    CHECK_OK(f.ctx, rf_staging_add(&staging, "model.encodings", &path));
    CHECK_OK(f.ctx, rf_file_write(f.ctx, path, "whole", 5, false));
    CHECK_OK(f.ctx, rf_staging_add(&staging, "model.onnx", &path)); /* never written */
    CHECK_FAILS(f.ctx, RF_EIO, "cannot move", rf_staging_publish(&staging));
    rf_staging_release(&staging);
    assert_int_equal(count_entries(f.dir), -1);
    stop(&f);
}

static void a_folder_in_the_place_of_a_file_is_refused(void **state)
{
    (void)state;
    fixture f;
    const rf_export_options options = { .force = true };
    start(&f);
    CHECK_OK(f.ctx, rf_file_make_folder(f.ctx, f.dir));
    CHECK_OK(f.ctx, rf_file_make_folder(f.ctx, in_dir(&f, "model.onnx")));
    CHECK_FAILS(f.ctx, RF_EEXIST, "is a folder", rf_export(f.sim, f.dir, &options, NULL));
    assert_int_equal(count_entries(f.dir), 1);
    stop(&f);
}

static void an_uncalibrated_simulation_is_refused(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    f.sim->state = RF_STATE_BUILT;
    assert_int_equal(rf_export(f.sim, f.dir, NULL, NULL), RF_ESTATE);
    assert_int_equal(count_entries(f.dir), -1);
    stop(&f);
}

static void wrong_options_name_what_is_possible(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    CHECK_FAILS(f.ctx, RF_EARG, "'tflite' is not one of onnx, encodings, qdq",
                rf_export(f.sim, f.dir, &(rf_export_options){ .formats = "onnx,tflite" }, NULL));
    CHECK_FAILS(f.ctx, RF_EARG, "expected 0.6.1 or 1.0.0",
                rf_export(f.sim, f.dir, &(rf_export_options){ .encodings_version = "2" }, NULL));
    CHECK_FAILS(f.ctx, RF_EARG, "expected int8 or int4",
                rf_export(f.sim, f.dir, &(rf_export_options){ .qdq_weights = "int2" }, NULL));
    CHECK_FAILS(f.ctx, RF_EARG, "prefix 'a/b'",
                rf_export(f.sim, f.dir, &(rf_export_options){ .prefix = "a/b" }, NULL));
    stop(&f);
}

static void a_file_that_differs_from_what_was_meant_is_found(void **state)
{
    (void)state;
    fixture f;
    rf_graph *plain = NULL;
    start(&f);
    CHECK_OK(f.ctx, rf_export(f.sim, f.dir, NULL, NULL));
    CHECK_OK(f.ctx, rf_export_plain(f.sim, &plain));
    CHECK_OK(f.ctx, rf_verify_onnx(plain, in_dir(&f, "model.onnx")));
    CHECK_OK(f.ctx, rf_verify_encodings(f.sim, plain, "0.6.1", in_dir(&f, "model.encodings")));

    rf_tensor_f32(rf_graph_find_value(plain, "fc.bias")->constant)[0] += 1.0f;
    CHECK_FAILS(f.ctx, RF_EINTERNAL, "'fc.bias'", rf_verify_onnx(plain, in_dir(&f, "model.onnx")));
    rf_quantizer_max(f.sim->quantizers.items[0])[0] *= 1.5f;
    CHECK_FAILS(f.ctx, RF_EINTERNAL, "the encoding of",
                rf_verify_encodings(f.sim, plain, "0.6.1", in_dir(&f, "model.encodings")));
    rf_graph_free(plain);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_writes_three_files_and_reports_them),
        cmocka_unit_test(every_tensor_is_encoded_or_listed_as_float),
        cmocka_unit_test(an_existing_file_is_refused_before_anything_is_written),
        cmocka_unit_test(force_overwrites),
        cmocka_unit_test(a_failed_export_leaves_nothing_behind),
        cmocka_unit_test(what_is_not_published_vanishes),
        cmocka_unit_test(a_failed_move_takes_the_others_back),
        cmocka_unit_test(a_folder_in_the_place_of_a_file_is_refused),
        cmocka_unit_test(an_uncalibrated_simulation_is_refused),
        cmocka_unit_test(wrong_options_name_what_is_possible),
        cmocka_unit_test(a_file_that_differs_from_what_was_meant_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
