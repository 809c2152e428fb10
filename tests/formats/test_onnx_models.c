/* Real model files, read and written again: what was not changed comes back as it was. */
#include <dirent.h>
#include <onnx.pb-c.h>

#include "base/file.h"
#include "formats/onnx.h"
#include "formats/onnx_parts.h"
#include "graph/copy.h"
#include "testing.h"

static const char *const models[] = {
    "models/resnet20_cifar10.onnx",           "models/ultraface_slim_320.onnx",
    "golden/conv_bn_relu_x2_gemm/model.onnx", "golden/dwsep_neg_gamma/model.onnx",
    "golden/convtranspose_bn/model.onnx",     "golden/linear_bn1d/model.onnx",
    "golden/bn_before_conv_pad0/model.onnx",  "golden/conv_bn_relu_x2_gemm/export_v1.onnx",
};

/*
 * Both messages packed by protobuf-c: equal contents give equal bytes, however the file ordered its fields. What the
 * first says of float16 and float64 is written as float32.
 */
static void assert_same_model(rf_context *ctx, const void *a, size_t a_size, const void *b,
                              size_t b_size)
{
    Onnx__ModelProto *first = onnx__model_proto__unpack(NULL, a_size, a);
    Onnx__ModelProto *second = onnx__model_proto__unpack(NULL, b_size, b);
    assert_non_null(first);
    assert_non_null(second);
    rf_onnx_declare_single(ctx, first->graph);
    const size_t size = onnx__model_proto__get_packed_size(first);
    assert_int_equal(size, onnx__model_proto__get_packed_size(second));
    uint8_t *first_bytes = malloc(size), *second_bytes = malloc(size);
    onnx__model_proto__pack(first, first_bytes);
    onnx__model_proto__pack(second, second_bytes);
    assert_memory_equal(first_bytes, second_bytes, size);
    free(first_bytes);
    free(second_bytes);
    onnx__model_proto__free_unpacked(first, NULL);
    onnx__model_proto__free_unpacked(second, NULL);
}

static void check_round_trip(rf_context *ctx, const char *path)
{
    rf_graph *g = NULL, *copy = NULL;
    void *before = NULL, *after = NULL;
    size_t before_size = 0, after_size = 0;
    CHECK_OK(ctx, rf_graph_load(ctx, path, &g));
    CHECK_OK(ctx, rf_graph_check(g));
    CHECK_OK(ctx, rf_graph_clone(g, &copy));
    CHECK_OK(ctx, rf_graph_check(copy));
    rf_graph_free(g); /* the copy stands alone */
    CHECK_OK(ctx, rf_onnx_encode(copy, &after, &after_size));
    CHECK_OK(ctx, rf_file_read(ctx, path, &before, &before_size));
    assert_same_model(ctx, before, before_size, after, after_size);
    rf_free(ctx, before);
    rf_free(ctx, after);
    rf_graph_free(copy);
}

static void real_models_come_back_unchanged(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    int found = 0;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char path[512];
        if (!test_shared(models[i], path))
            continue;
        check_round_trip(ctx, path);
        found++;
    }
    rf_context_free(ctx);
    if (!found) {
        print_message("skipped: no shared reference models\n");
        skip();
    }
}

static bool is_of_opset_6(rf_context *ctx, const char *path)
{
    void *bytes = NULL;
    size_t size = 0;
    CHECK_OK(ctx, rf_file_read(ctx, path, &bytes, &size));
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    const bool old = model->n_opset_import > 0 && model->opset_import[0]->version < 7;
    onnx__model_proto__free_unpacked(model, NULL);
    rf_free(ctx, bytes);
    return old;
}

/* False where the model is refused: sequences, strings, operator sets that we do not take. */
static bool comes_back(rf_context *ctx, const char *path)
{
    rf_graph *g = NULL;
    if (rf_graph_load(ctx, path, &g) != RF_OK)
        return false;
    rf_graph_free(g);
    if (is_of_opset_6(ctx, path))
        return true;
    check_round_trip(ctx, path);
    return true;
}

/* Debian's libonnx-testdata: one node of every operator in every operator set. Live Dropout and operator set 6 are changed on purpose. */
static void onnxs_own_models_come_back_unchanged(void **state)
{
    (void)state;
    static const char *const folder = "/usr/share/libonnx-testdata/data/node";
    DIR *dir = opendir(folder);
    if (!dir) {
        print_message("skipped: libonnx-testdata is not installed\n");
        skip();
    }
    rf_context *ctx = test_context();
    int unchanged = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%.200s/model.onnx", folder, entry->d_name);
        if (entry->d_name[0] != '.' && !strstr(entry->d_name, "training_dropout"))
            unchanged += comes_back(ctx, path);
    }
    closedir(dir);
    assert_true(unchanged > 500);
    rf_context_free(ctx);
}

static void resnet20_is_seen_as_torch_wrote_it(void **state)
{
    (void)state;
    char path[512];
    if (!test_shared("models/resnet20_cifar10.onnx", path)) {
        print_message("skipped: no shared reference models\n");
        skip();
    }
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    rf_port port;
    CHECK_OK(ctx, rf_graph_load(ctx, path, &g));
    assert_int_equal(rf_graph_input_count(g), 1);
    CHECK_OK(ctx, rf_graph_input(g, 0, &port));
    assert_int_equal(port.rank, 4);
    assert_int_equal(port.dims[0], -1);
    assert_int_equal(port.dims[1], 3);
    assert_int_equal(port.dims[3], 32);
    assert_false(rf_graph_holds_sim(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_models_come_back_unchanged),
        cmocka_unit_test(onnxs_own_models_come_back_unchanged),
        cmocka_unit_test(resnet20_is_seen_as_torch_wrote_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
