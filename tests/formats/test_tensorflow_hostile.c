/* TensorFlow's files that are damaged, or made to do damage: an error for each, and no crash. */
#include "formats/tensorflow.h"
#include "formats/tf_bundle.h"

#include "base/file.h"
#include "testing.h"

/* --- protobuf by hand --- */

typedef struct bytes {
    uint8_t data[1 << 16];
    size_t size;
} bytes;

static void put(bytes *b, const void *data, size_t size)
{
    assert_true(b->size + size <= sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_varint(bytes *b, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        put(b, &(uint8_t){ (uint8_t)(value | 0x80) }, 1);
    put(b, &(uint8_t){ (uint8_t)value }, 1);
}

static void put_block(bytes *b, int field, const void *data, size_t size)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, size);
    put(b, data, size);
}

static void put_text(bytes *b, int field, const char *text)
{
    put_block(b, field, text, strlen(text));
}

/* attribute of `kind` (field of AttrValue) with the message in value */
static void put_attr(bytes *node, const char *key, int kind, const bytes *value)
{
    static bytes attr, entry;
    attr.size = entry.size = 0;
    put_block(&attr, kind, value->data, value->size);
    put_text(&entry, 1, key);
    put_block(&entry, 2, attr.data, attr.size);
    put_block(node, 5, entry.data, entry.size);
}

static void begin_node(bytes *node, const char *name, const char *op, const char *input)
{
    node->size = 0;
    put_text(node, 1, name);
    put_text(node, 2, op);
    if (input)
        put_text(node, 3, input);
}

static void add_node(bytes *graph, const char *name, const char *op, const char *input)
{
    static bytes node;
    begin_node(&node, name, op, input);
    put_block(graph, 1, node.data, node.size);
}

/* x: float32 [2, 3] */
static void add_placeholder(bytes *graph)
{
    static const uint8_t dims[] = { 0x12, 2, 8, 2, 0x12, 2, 8, 3 }, is_float[] = { 0x30, 1 };
    static bytes node, entry, value;
    begin_node(&node, "x", "Placeholder", NULL);
    value = (bytes){ .size = 0 };
    put(&value, dims, sizeof dims);
    put_attr(&node, "shape", 7, &value);
    entry.size = 0;
    put_text(&entry, 1, "dtype");
    put_block(&entry, 2, is_float, sizeof is_float);
    put_block(&node, 5, entry.data, entry.size);
    put_block(graph, 1, node.data, node.size);
}

static rf_status decode(rf_context *ctx, const void *data, size_t size)
{
    rf_graph *g = NULL;
    const rf_status st = rf_tensorflow_decode(ctx, data, size, NULL, "net.pb", NULL, &g);
    rf_graph_free(g);
    return st;
}

static bytes small_graph(void)
{
    bytes b = { .size = 0 };
    add_placeholder(&b);
    add_node(&b, "n", "Neg", "x");
    add_node(&b, "y", "Relu", "n");
    return b;
}

#define CHECK_REFUSED(graph, status, text)                                                         \
    do {                                                                                           \
        rf_context *ctx_ = test_context();                                                         \
        CHECK_FAILS(ctx_, status, text, decode(ctx_, (graph).data, (graph).size));                 \
        assert_null(strchr(rf_context_message(ctx_), '\n'));                                       \
        rf_context_free(ctx_);                                                                     \
    } while (0)

/* --- the tests --- */

static void a_truncated_graph_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const bytes b = small_graph();
    int accepted = 0;
    for (size_t size = 0; size < b.size; size++)
        accepted += decode(ctx, b.data, size) == RF_OK;
    assert_true(accepted <= 2); /* where a node ends, what is left is a graph */
    CHECK_OK(ctx, decode(ctx, b.data, b.size));
    rf_context_free(ctx);
}

static void flipped_bytes_crash_nothing(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const bytes good = small_graph();
    bytes b = good;
    for (size_t i = 0; i < good.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            b.data[i] = good.data[i] ^ (uint8_t)(1 << bit);
            (void)decode(ctx, b.data, b.size);
            b.data[i] = good.data[i];
        }
    rf_context_free(ctx);
}

static void cycles_and_missing_nodes_are_named(void **state)
{
    (void)state;
    bytes b = { .size = 0 };
    add_node(&b, "a", "Neg", "b");
    add_node(&b, "b", "Relu", "a");
    add_node(&b, "y", "Relu", "b");
    CHECK_REFUSED(b, RF_EUNSUPPORTED, "needs its own result");
    b.size = 0;
    add_node(&b, "y", "Relu", "nowhere");
    CHECK_REFUSED(b, RF_EMODEL, "'nowhere'");
    b.size = 0;
    add_node(&b, "y", "Relu", "y:99999999999");
    CHECK_REFUSED(b, RF_EMODEL, "no number");
    b = small_graph();
    add_node(&b, "y", "Relu", "x");
    CHECK_REFUSED(b, RF_EMODEL, "two nodes have the name 'y'");
}

/* function f<k>(a) calls its successor as often as `calls` says; the last one is `end` */
static void add_functions(bytes *graph, int count, int calls)
{
    static bytes library, function, signature, arg, ret;
    library.size = 0;
    for (int k = 0; k < count; k++) {
        char name[16], next[16], last[32];
        snprintf(name, sizeof name, "f%d", k);
        snprintf(next, sizeof next, "f%d", k + 1 < count ? k + 1 : 0);
        function.size = signature.size = arg.size = ret.size = 0;
        put_text(&signature, 1, name);
        put_text(&arg, 1, "a");
        put_block(&signature, 2, arg.data, arg.size);
        arg.size = 0;
        put_text(&arg, 1, "r");
        put_block(&signature, 3, arg.data, arg.size);
        put_block(&function, 1, signature.data, signature.size);
        for (int c = 0; c < calls; c++) {
            static bytes node;
            char call[16];
            snprintf(call, sizeof call, "c%d", c);
            begin_node(&node, call, next, "a");
            put_block(&function, 3, node.data, node.size);
        }
        snprintf(last, sizeof last, "c%d:r:0", calls - 1);
        put_text(&ret, 1, "r");
        put_text(&ret, 2, last);
        put_block(&function, 4, ret.data, ret.size);
        put_block(&library, 1, function.data, function.size);
    }
    put_block(graph, 2, library.data, library.size);
}

static void functions_that_call_themselves_end(void **state)
{
    (void)state;
    bytes b = { .size = 0 };
    add_placeholder(&b);
    add_node(&b, "y", "f0", "x");
    add_functions(&b, 1, 1);
    CHECK_REFUSED(b, RF_EUNSUPPORTED, "call themselves");
    b.size = 0;
    add_placeholder(&b);
    add_node(&b, "y", "f0", "x");
    add_functions(&b, 40, 2); /* 2^40 nodes */
    rf_context *ctx = test_context();
    assert_int_not_equal(decode(ctx, b.data, b.size), RF_OK);
    rf_context_free(ctx);
}

static void a_small_file_that_asks_for_gigabytes_is_refused(void **state)
{
    (void)state;
    static const uint8_t huge[] = { /* float32, [2^20, 2^20], one number */
                                    8, 1, 0x12, 14,   0x12, 5, 8,    0x80, 0x80, 0xc0, 0,    0x12,
                                    5, 8, 0x80, 0x80, 0xc0, 0, 0x2a, 4,    0,    0,    0x80, 0x3f
    };
    static bytes node, value;
    bytes b = { .size = 0 };
    begin_node(&node, "c", "Const", NULL);
    value.size = 0;
    put(&value, huge, sizeof huge);
    put_attr(&node, "value", 8, &value);
    put_block(&b, 1, node.data, node.size);
    add_node(&b, "y", "Relu", "c");
    rf_context *ctx = test_context();
    assert_int_equal(decode(ctx, b.data, b.size), RF_EMODEL);
    rf_context_free(ctx);
}

static void an_index_is_refused_wherever_it_is_damaged(void **state)
{
    (void)state;
    char path[512];
    void *data = NULL;
    size_t size = 0;
    rf_context *ctx = test_context();
    if (!test_shared("models/tensorflow/kws_ref_model/variables/variables.index", path)) {
        print_message("no reference files; set REFOLD_SHARED to run this\n");
        rf_context_free(ctx);
        skip();
    }
    CHECK_OK(ctx, rf_file_read(ctx, path, &data, &size));
    for (size_t i = 0; i < size; i += 7) {
        rf_tf_bundle b;
        uint8_t *byte = (uint8_t *)data + i;
        *byte ^= 0x15;
        rf_tf_bundle_init(&b, ctx);
        (void)rf_tf_bundle_decode(&b, data, size, "index");
        rf_tf_bundle_release(&b);
        rf_tf_bundle_init(&b, ctx);
        assert_int_equal(rf_tf_bundle_decode(&b, data, i, "index"), RF_EMODEL);
        rf_tf_bundle_release(&b);
        *byte ^= 0x15;
    }
    rf_free(ctx, data);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_truncated_graph_is_refused_wherever_it_ends),
        cmocka_unit_test(flipped_bytes_crash_nothing),
        cmocka_unit_test(cycles_and_missing_nodes_are_named),
        cmocka_unit_test(functions_that_call_themselves_end),
        cmocka_unit_test(a_small_file_that_asks_for_gigabytes_is_refused),
        cmocka_unit_test(an_index_is_refused_wherever_it_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
