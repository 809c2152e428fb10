/* Files that are damaged, or made to do damage: one line each, nothing left behind. */
#include <unistd.h>

#include "base/file.h"
#include "onnx_maker.h"

static void check_bytes(const void *bytes, size_t size, const char *message)
{
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    CHECK_FAILS(ctx, RF_EMODEL, message, rf_onnx_decode(ctx, bytes, size, NULL, "net.onnx", &g));
    CHECK_FAILS(ctx, RF_EMODEL, "'net.onnx'",
                rf_onnx_decode(ctx, bytes, size, NULL, "net.onnx", &g));
    assert_null(strchr(rf_context_message(ctx), '\n'));
    rf_context_free(ctx);
}

#define CHECK_TEXT(text, message) check_bytes(text, sizeof(text) - 1, message)

static void other_files_are_recognized(void **state)
{
    (void)state;
    CHECK_TEXT("", "empty");
    CHECK_TEXT("This is a README, not a network.\n", "not an ONNX model, but text");
    CHECK_TEXT("\x89HDF\r\n\x1a\n and more", "Keras (HDF5)");
    CHECK_TEXT("PK\x03\x04 and more", "zip archive");
    CHECK_TEXT("\x1c\0\0\0TFL3 and more", "TensorFlow Lite");
    CHECK_TEXT("\n\x1b\n\x05input\x12\x0bPlaceholder*\x05\n\x03"
               "abc",
               "TensorFlow GraphDef");
    CHECK_TEXT("\x08\x01\x12\x02\xff\xfe", "TensorFlow SavedModel");
    CHECK_TEXT("\x08\x07", "holds no graph");
}

static void shared_files_of_other_frameworks_are_recognized(void **state)
{
    (void)state;
    static const char *const files[] = { "models/tensorflow/kws_ref_model/saved_model.pb",
                                         "models/keras/vww_96.h5" };
    rf_context *ctx = test_context();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        rf_graph *g = NULL;
        if (test_shared(files[i], path))
            CHECK_FAILS(ctx, RF_EMODEL, "not an ONNX model", rf_onnx_read(ctx, path, &g));
    }
    rf_context_free(ctx);
}

/* Every beginning of a file that reads well: an error for each, and no crash; but where only the operator set is missing,
 * which comes last, the file is whole. */
static void a_truncated_file_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    maker m;
    size_t size = 0;
    int accepted = 0;
    begin_relu(&m);
    add_ones(&m, "w", 4);
    const uint8_t *bytes = pack(&m, &size);
    for (size_t length = 0; length < size; length++) {
        uint8_t *part =
            malloc(length + 1); /* its own block, so that sanitizers see every byte too far */
        memcpy(part, bytes, length);
        rf_graph *g = NULL;
        const rf_status st = rf_onnx_decode(m.ctx, part, length, NULL, "part", &g);
        accepted += st == RF_OK;
        rf_graph_free(g);
        free(part);
    }
    assert_int_equal(accepted, 1);
    end(&m);
}

/* One byte changed at a time: whatever comes of it, it is a status, and what is read is consistent. */
static void a_file_with_one_wrong_byte_never_breaks_us(void **state)
{
    (void)state;
    maker m;
    size_t size = 0;
    begin_relu(&m);
    add_ones(&m, "w", 4);
    add_int(&m, add_node(&m, "Add", "add", "y,w", "z"), "axis", 3);
    uint8_t *bytes = pack(&m, &size);
    for (size_t i = 0; i < size; i++) {
        const uint8_t old = bytes[i];
        static const uint8_t changes[] = { 0x01, 0x08, 0x80, 0xff };
        for (size_t k = 0; k < sizeof changes; k++) {
            rf_graph *g = NULL;
            bytes[i] = (uint8_t)(old ^ changes[k]);
            if (rf_onnx_decode(m.ctx, bytes, size, NULL, "net", &g) == RF_OK)
                CHECK_OK(m.ctx, rf_graph_check(g));
            rf_graph_free(g);
        }
        bytes[i] = old;
    }
    end(&m);
}

static void lengths_beyond_the_end_name_the_byte(void **state)
{
    (void)state;
    CHECK_TEXT("\x08\x07\x3a\xff\xff\xff\xff\x0f",
               "byte 3: graph of a ModelProto claims 4294967295 bytes");
    CHECK_TEXT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "longer than 10 bytes");
    CHECK_TEXT("\x08\x07\x3b", "byte 2");
    CHECK_TEXT("\x08\x07\x3a\x00\x3a\x00", "graph of a ModelProto is there twice");
    CHECK_TEXT("\x08\x07\x3a\x04\x12\x02\xc0\x80", "not UTF-8");
    CHECK_TEXT("\x08\x07\x3a\x04\x12\x02"
               "a\0",
               "not UTF-8");
}

/* GraphProto.node.attribute.g nested 200 deep. */
static void deep_nesting_is_refused_before_it_costs_stack(void **state)
{
    (void)state;
    enum { DEPTH = 200 };
    uint8_t bytes[8192];
    size_t at = sizeof bytes;
    static const uint8_t tags[] = { 0x0a, 0x2a, 0x32 }; /* node, attribute, g */
    for (int i = 0; i < DEPTH; i++) {
        for (int k = 2; k >= 0; k--) {
            const size_t inner = sizeof bytes - at;
            if (inner >= 128)
                bytes[--at] = (uint8_t)(inner >> 7);
            bytes[--at] = (uint8_t)(inner >= 128 ? (inner & 0x7f) | 0x80 : inner);
            bytes[--at] = tags[k];
        }
    }
    const size_t inner = sizeof bytes - at;
    bytes[--at] = (uint8_t)(inner >> 7);
    bytes[--at] = (uint8_t)((inner & 0x7f) | 0x80);
    bytes[--at] = 0x3a;
    check_bytes(bytes + at, sizeof bytes - at, "nested deeper");
}

/* Two bytes a node, a hundred bytes of structure: a million of them must not become a hundred megabytes. */
static void memory_stays_near_the_size_of_the_file(void **state)
{
    (void)state;
    enum { NODES = 1000000 };
    const size_t size = 2 * NODES;
    uint8_t *bytes = malloc(size + 6);
    size_t at = 6;
    bytes[0] = 0x3a;
    bytes[1] = (uint8_t)((size & 0x7f) | 0x80);
    bytes[2] = (uint8_t)((size >> 7 & 0x7f) | 0x80);
    bytes[3] = (uint8_t)((size >> 14 & 0x7f) | 0x80);
    bytes[4] = (uint8_t)((size >> 21 & 0x7f) | 0x80);
    bytes[5] = 0;
    for (int i = 0; i < NODES; i++) {
        bytes[at++] = 0x0a;
        bytes[at++] = 0x00;
    }
    check_bytes(bytes, at, "times its size");
    free(bytes);
}

/* --- models that are well-formed messages, but no networks --- */

static void check_model(maker *m, rf_status status, const char *message)
{
    rf_graph *g = NULL;
    CHECK_FAILS(m->ctx, status, message, decode(m, NULL, &g));
    CHECK_FAILS(m->ctx, status, "'net.onnx': ", decode(m, NULL, &g));
    end(m);
}

static void cycles_and_duplicates_are_refused(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    add_node(&m, "Add", "a", "y,b", "c");
    add_node(&m, "Relu", "r", "c", "b");
    check_model(&m, RF_EMODEL, "cycle");
    begin_relu(&m);
    add_node(&m, "Relu", "again", "x", "y");
    check_model(&m, RF_EMODEL, "Relu node 'again' makes 'y'");
    begin_relu(&m);
    add_ones(&m, "w", 1);
    add_ones(&m, "w", 1);
    check_model(&m, RF_EMODEL, "'w'");
    begin_relu(&m);
    add_ones(&m, "y", 1);
    check_model(&m, RF_EMODEL, "'y'");
    begin_relu(&m);
    add_input(&m, "x", 1, DIMS(2));
    check_model(&m, RF_EMODEL, "'x'");
    begin_relu(&m);
    add_output(&m, "y");
    check_model(&m, RF_EMODEL, "'y' is listed twice");
    begin_relu(&m);
    add_int(&m, m.graph.node[0], "axis", 1);
    add_int(&m, m.graph.node[0], "axis", 2);
    check_model(&m, RF_EMODEL, "attribute 'axis' twice");
}

static void loose_ends_are_refused(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    add_node(&m, "Relu", "r", "nowhere", "z");
    check_model(&m, RF_EMODEL, "Relu node 'r' reads 'nowhere'");
    begin_relu(&m);
    add_output(&m, "nothing");
    check_model(&m, RF_EMODEL, "output 'nothing'");
    begin_relu(&m);
    m.graph.n_output = 0;
    check_model(&m, RF_EMODEL, "no output");
    begin_relu(&m);
    add_node(&m, "", "r", "y", "z");
    check_model(&m, RF_EMODEL, "node 1 ('r') has no operator");
    begin_relu(&m);
    add_ones(&m, "", 1);
    check_model(&m, RF_EMODEL, "initializer 0 has no name");
    begin_relu(&m);
    m.model.n_opset_import = 0;
    m.model.ir_version = 2;
    check_model(&m, RF_EMODEL, "no operator set is imported");
    begin_relu(&m);
    add_node(&m, "Constant", "k", NULL, "z");
    check_model(&m, RF_EMODEL, "Constant node 'k' has 0 attributes");
}

static void dims_and_data_must_agree(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 1, 1, DIMS(4)), "12345678", 8);
    check_model(&m, RF_EMODEL, "tensor 'w': raw_data has 8 bytes, which does not fit FLOAT [4]");
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 1, 2, DIMS(INT64_C(1) << 40, INT64_C(1) << 40)), "", 0);
    check_model(&m, RF_EMODEL, "overflows");
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 1, 1, DIMS(INT64_C(1) << 34)), "1234", 4);
    check_model(&m, RF_EMODEL, "raw_data has 4 bytes");
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 7, 1, DIMS(INT64_C(1) << 61)), "", 0);
    check_model(&m, RF_EMODEL, "raw_data has 0 bytes");
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 1, 1, DIMS(-1)), "", 0);
    check_model(&m, RF_EMODEL, "dim 0 is -1");
    begin_relu(&m);
    add_initializer(&m, "w", 7, 1, DIMS(1000000000));
    check_model(&m, RF_EMODEL, "int64_data has 0 numbers");
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 1, 9, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1)), "1234", 4);
    check_model(&m, RF_EUNSUPPORTED, "9 dimensions");
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "w", 22, 1, DIMS(3)), "1", 1);
    check_model(&m, RF_EMODEL, "does not fit INT4 [3]");
}

static void inputs_that_we_cannot_feed_are_refused(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.graph.input[0]->type->tensor_type->elem_type = 8;
    check_model(&m, RF_EUNSUPPORTED, "input 'x' has element type STRING");
    begin_relu(&m);
    m.graph.input[0]->type->tensor_type->shape->dim[1]->dim_value = -5;
    check_model(&m, RF_EMODEL, "input 'x' declares a dim of -5");
    begin_relu(&m);
    m.graph.input[0]->type->value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    NEW(&m, m.graph.input[0]->type->sequence_type, onnx__type_proto__sequence__init);
    check_model(&m, RF_EUNSUPPORTED, "sequence");
}

static void endless_names_are_refused(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    char *name = rf_arena_alloc(&m.arena, 70000);
    memset(name, 'n', 69999);
    m.graph.node[0]->name = name;
    check_model(&m, RF_EMODEL, "69999 bytes; expected at most 65536");
}

static void lists_without_end_are_refused(void **state)
{
    (void)state;
    maker m;
    char name[16];
    begin_relu(&m);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "a%d", i);
        add_int(&m, m.graph.node[0], name, i);
    }
    check_model(&m, RF_EMODEL, "300 attributes; expected at most 256");
    begin_relu(&m);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "domain.%d", i);
        add_opset(&m, name, 1);
    }
    check_model(&m, RF_EMODEL, "301 operator sets");
}

static size_t allocated;

static void *counting_alloc(void *user, size_t bytes)
{
    (void)user;
    allocated += bytes;
    return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
}

static void counting_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

/* What it takes to read `count` nodes that have no name. */
static size_t bytes_of_nameless_nodes(int count)
{
    const rf_context_options options = { .alloc = counting_alloc, .free = counting_free };
    maker m;
    size_t size = 0;
    rf_graph *g = NULL;
    rf_context *ctx = NULL;
    char name[16];
    begin_relu(&m);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "v%d", i);
        add_node(&m, "Relu", NULL, "x", name);
    }
    const uint8_t *bytes = pack(&m, &size);
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    allocated = 0;
    CHECK_OK(ctx, rf_onnx_decode(ctx, bytes, size, NULL, "net", &g));
    rf_graph_free(g);
    rf_context_free(ctx);
    end(&m);
    return allocated;
}

static void nodes_without_names_cost_in_proportion(void **state)
{
    (void)state;
    const size_t few = bytes_of_nameless_nodes(500), many = bytes_of_nameless_nodes(2000);
    assert_true(many < 6 * few);
}

static void a_missing_file_and_a_folder_are_named(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    CHECK_FAILS(ctx, RF_EIO, "absent.onnx", rf_graph_load(ctx, "absent.onnx", &g));
    CHECK_FAILS(ctx, RF_EMODEL, "is a folder", rf_graph_load(ctx, "/", &g));
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_files_are_recognized),
        cmocka_unit_test(shared_files_of_other_frameworks_are_recognized),
        cmocka_unit_test(a_truncated_file_is_refused_wherever_it_ends),
        cmocka_unit_test(a_file_with_one_wrong_byte_never_breaks_us),
        cmocka_unit_test(lengths_beyond_the_end_name_the_byte),
        cmocka_unit_test(deep_nesting_is_refused_before_it_costs_stack),
        cmocka_unit_test(memory_stays_near_the_size_of_the_file),
        cmocka_unit_test(cycles_and_duplicates_are_refused),
        cmocka_unit_test(loose_ends_are_refused),
        cmocka_unit_test(dims_and_data_must_agree),
        cmocka_unit_test(inputs_that_we_cannot_feed_are_refused),
        cmocka_unit_test(endless_names_are_refused),
        cmocka_unit_test(lists_without_end_are_refused),
        cmocka_unit_test(nodes_without_names_cost_in_proportion),
        cmocka_unit_test(a_missing_file_and_a_folder_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
