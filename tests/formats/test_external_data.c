/* Numbers in a file beside the model; and the ways out of its folder, all closed. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "onnx_maker.h"

/* A folder with a model's weights.bin (8 floats 0..7), and beside it one of a name as long with a secret.bin. */
typedef struct fixture {
    char root[64], folder[96], other[96];
    maker m;
    Onnx__TensorProto *weight;
} fixture;

static void write_floats(rf_context *ctx, const char *folder, const char *name)
{
    const float numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_OK(ctx, rf_file_write(ctx, path, numbers, sizeof numbers, true));
}

static void add_entry(fixture *f, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry;
    NEW(&f->m, entry, onnx__string_string_entry_proto__init);
    entry->key = text(&f->m, key);
    entry->value = text(&f->m, value);
    APPEND(&f->m, f->weight->n_external_data, f->weight->external_data, entry);
}

static void begin(fixture *f, const char *location)
{
    strcpy(f->root, "refold_external_XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->folder, sizeof f->folder, "%s/model", f->root);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    snprintf(f->other, sizeof f->other, "%s/other", f->root);
    assert_int_equal(mkdir(f->other, 0700), 0);
    begin_relu(&f->m);
    write_floats(f->m.ctx, f->folder, "weights.bin");
    write_floats(f->m.ctx, f->other, "secret.bin");
    f->weight = add_initializer(&f->m, "w", 1, 1, DIMS(4));
    f->weight->has_data_location = 1;
    f->weight->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    if (location)
        add_entry(f, "location", location);
}

static void finish(fixture *f)
{
    static const char *const files[] = { "model/weights.bin", "model/link.bin", "model/pipe",
                                         "other/secret.bin" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", f->root, files[i]);
        unlink(path);
    }
    rmdir(f->folder);
    rmdir(f->other);
    rmdir(f->root);
    end(&f->m);
}

static void numbers_beside_the_model_are_read_and_written_into_it(void **state)
{
    (void)state;
    fixture f;
    rf_graph *g = NULL;
    begin(&f, "weights.bin");
    add_entry(&f, "offset", "8");
    add_entry(&f, "length", "16");
    CHECK_OK(f.m.ctx, decode(&f.m, f.folder, &g));
    assert_true(rf_tensor_f32(rf_graph_find_value(g, "w")->constant)[0] == 2.0F);
    Onnx__ModelProto *after = written(g);
    const Onnx__TensorProto *t = after->graph->initializer[0];
    assert_int_equal(t->n_external_data, 0);
    assert_int_equal(t->data_location, ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT);
    assert_memory_equal(t->raw_data.data, ((const float[]){ 2, 3, 4, 5 }), 16);
    onnx__model_proto__free_unpacked(after, NULL);
    rf_graph_free(g);
    finish(&f);
}

static void check_refused(const char *location, const char *message)
{
    fixture f;
    rf_graph *g = NULL;
    begin(&f, location);
    char link_path[256], pipe_path[256];
    snprintf(link_path, sizeof link_path, "%s/link.bin", f.folder);
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", f.folder);
    assert_int_equal(symlink("../other/secret.bin", link_path), 0);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    CHECK_FAILS(f.m.ctx, RF_EMODEL, message, decode(&f.m, f.folder, &g));
    CHECK_FAILS(f.m.ctx, RF_EMODEL, "tensor 'w'", decode(&f.m, f.folder, &g));
    finish(&f);
}

static void nothing_outside_the_folder_is_read(void **state)
{
    (void)state;
    check_refused("../other/secret.bin", "the model's own folder");
    check_refused("x/../../other/secret.bin", "the model's own folder");
    check_refused("..", "the model's own folder");
    check_refused("/etc/passwd", "the model's own folder");
    check_refused("link.bin", "the model's own folder");
    check_refused("..\\other\\secret.bin", "the model's own folder");
    check_refused("pipe", "no regular file");
    check_refused(".", "the model's own folder");
    check_refused("absent.bin", "cannot open");
    check_refused("", "no location");
    check_refused(NULL, "no location");
}

static void check_range_refused(const char *key, const char *value, const char *message)
{
    fixture f;
    rf_graph *g = NULL;
    begin(&f, "weights.bin");
    add_entry(&f, key, value);
    CHECK_FAILS(f.m.ctx, RF_EMODEL, message, decode(&f.m, f.folder, &g));
    finish(&f);
}

static void ranges_must_lie_in_the_file(void **state)
{
    (void)state;
    check_range_refused("offset", "17", "needs 16 bytes at byte 17 of 'weights.bin', that has 32");
    check_range_refused("offset", "9223372036854775807", "needs 16 bytes");
    check_range_refused("offset", "-4", "number of bytes");
    check_range_refused("offset", "99999999999999999999", "number of bytes");
    check_range_refused("length", "12", "12 bytes long; its dims need 16");
}

static void dims_beyond_the_file_cost_no_memory(void **state)
{
    (void)state;
    fixture f;
    rf_graph *g = NULL;
    begin(&f, "weights.bin");
    f.weight->dims[0] = INT64_C(1) << 40;
    CHECK_FAILS(f.m.ctx, RF_EMODEL, "that has 32", decode(&f.m, f.folder, &g));
    f.weight->dims[0] = (INT64_C(1) << 62) - 1;
    CHECK_FAILS(f.m.ctx, RF_EMODEL, "'w'", decode(&f.m, f.folder, &g));
    finish(&f);
}

static void add_another(fixture *f, int number)
{
    char name[16];
    snprintf(name, sizeof name, "w%d", number);
    f->weight = add_initializer(&f->m, name, 1, 1, DIMS(4));
    f->weight->has_data_location = 1;
    f->weight->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    add_entry(f, "location", "weights.bin");
}

/* Tied weights are fine; a thousand tensors at one place are an attack. */
static void tensors_that_share_their_bytes_do_not_add_up(void **state)
{
    (void)state;
    fixture f;
    rf_graph *g = NULL;
    begin(&f, "weights.bin");
    for (int i = 0; i < 15; i++) /* with the first 16 times half of the file */
        add_another(&f, i);
    CHECK_OK(f.m.ctx, decode(&f.m, f.folder, &g));
    rf_graph_free(g);
    g = NULL;
    for (int i = 15; i < 20; i++)
        add_another(&f, i);
    CHECK_FAILS(f.m.ctx, RF_EMODEL, "at most 8 times", decode(&f.m, f.folder, &g));
    finish(&f);
}

static void without_a_folder_external_data_is_refused(void **state)
{
    (void)state;
    fixture f;
    rf_graph *g = NULL;
    begin(&f, "weights.bin");
    CHECK_FAILS(f.m.ctx, RF_EMODEL, "'w'", decode(&f.m, NULL, &g));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_beside_the_model_are_read_and_written_into_it),
        cmocka_unit_test(nothing_outside_the_folder_is_read),
        cmocka_unit_test(ranges_must_lie_in_the_file),
        cmocka_unit_test(dims_beyond_the_file_cost_no_memory),
        cmocka_unit_test(tensors_that_share_their_bytes_do_not_add_up),
        cmocka_unit_test(without_a_folder_external_data_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
