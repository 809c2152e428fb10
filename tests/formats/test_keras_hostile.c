/* Damaged Keras files: every byte changed, every length, never more than an error; memory bounded by the file. */
#include "formats/hdf5_file.h"
#include "formats/keras_case.h"

#define DIMS(...)                                                                                  \
    (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[])           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* A limit on what a damaged file may make refold allocate at a time: the expansion that it allows, and some. */
#define ALLOCATION_LIMIT (8U << 20)

typedef struct gauge {
    size_t most;
} gauge;

static void *measured_alloc(void *user, size_t bytes)
{
    gauge *g = user;
    g->most = bytes > g->most ? bytes : g->most;
    return bytes > ALLOCATION_LIMIT ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
}

static void measured_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static rf_context *measured_context(gauge *g)
{
    const rf_context_options options = {
        .threads = 1, .alloc = measured_alloc, .free = measured_free, .alloc_user = g
    };
    rf_context *ctx = NULL;
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    return ctx;
}

static void decode(rf_context *ctx, const void *bytes, size_t size)
{
    const rf_keras_source source = { .bytes = bytes, .size = size };
    rf_graph *g = NULL;
    const rf_status st = rf_keras_decode(ctx, &source, &g);
    if (st && !*rf_context_message(ctx))
        fail_msg("a failure without a message");
    rf_graph_free(g);
}

static void *make_file(keras_form form, size_t *size_out)
{
    keras_case t;
    begin_case(&t, form, DIMS(4, 4, 2));
    wrap_layers(&t, "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"filters\": 3, "
                    "\"padding\": \"same\", \"strides\": [2, 2], \"activation\": \"relu\"}}, "
                    "{\"class_name\": \"Flatten\", \"config\": {\"name\": \"f\"}}, "
                    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"use_bias\": "
                    "false}}");
    keras_weight(&t.maker, "c", "c/kernel:0", DIMS(3, 3, 2, 3), 1);
    keras_weight(&t.maker, "c", "c/bias:0", DIMS(3), 2);
    keras_weight(&t.maker, "d", "d/kernel:0", DIMS(12, 2), 3);
    void *bytes = keras_end(&t.maker, t.config, size_out);
    end_case(&t);
    return bytes;
}

/* In steps that keep the test quick: every structure is hit, heads and tails of the file byte by byte. */
static void damage_everywhere(keras_form form, size_t mask_count)
{
    static const uint8_t masks[] = { 0xff, 0x01 };
    gauge g = { 0 };
    size_t size;
    rf_context *ctx = measured_context(&g);
    uint8_t *bytes = make_file(form, &size);
    for (size_t i = 0; i < size; i++)
        for (size_t m = 0; m < mask_count; m++) {
            bytes[i] ^= masks[m];
            decode(ctx, bytes, size);
            bytes[i] ^= masks[m];
        }
    for (size_t length = 0; length < size; length += length < 2048 ? 1 : 7) {
        uint8_t *cut = malloc(length + 1); /* so that a sanitizer sees a read beyond */
        memcpy(cut, bytes, length);
        decode(ctx, cut, length);
        free(cut);
    }
    assert_true(g.most <= ALLOCATION_LIMIT);
    free(bytes);
    rf_context_free(ctx);
}

static void no_byte_of_an_hdf5_file_is_trusted(void **state)
{
    (void)state;
    damage_everywhere(KERAS_H5, 2);
}

static void nor_of_a_compressed_one(void **state)
{
    (void)state;
    damage_everywhere(KERAS_H5_CHUNKS, 1);
}

static void nor_of_one_in_the_newer_form(void **state)
{
    (void)state;
    damage_everywhere(KERAS_H5_NEWEST, 1);
}

static void a_small_file_cannot_ask_for_much(void **state)
{
    (void)state;
    gauge g = { 0 };
    keras_maker m;
    size_t size;
    const hsize_t dims[] = { 1 << 20, 1 << 12 }, chunk[] = { 1 << 10, 1 << 12 };
    rf_h5 *h5 = NULL;
    rf_tensor *t = NULL;
    rf_context *ctx = measured_context(&g);
    keras_begin(&m, KERAS_H5);
    const hid_t space = H5Screate_simple(2, dims, NULL), plan = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plan, 2, chunk);
    H5Pset_deflate(plan, 9);
    H5Dclose(H5Dcreate2(m.file, "bomb", H5T_IEEE_F32LE, space, H5P_DEFAULT, plan, H5P_DEFAULT));
    H5Pclose(plan);
    H5Sclose(space);
    void *bytes = keras_image(&m, &size);
    CHECK_OK(ctx, rf_h5_open(ctx, bytes, size, &h5));
    CHECK_FAILS(ctx, RF_EMODEL, "more numbers than the file can hold", rf_h5_array(h5, "bomb", &t));
    assert_true(g.most < ALLOCATION_LIMIT);
    rf_h5_close(h5);
    free(bytes);
    rf_context_free(ctx);
}

/* JSON that no Keras writes. */
static void check_json(const char *json, const char *text)
{
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    keras_maker m;
    size_t size;
    keras_begin(&m, KERAS_WEIGHTS);
    keras_weight(&m, "d", "d/kernel:0", DIMS(3, 3), 1);
    void *bytes = keras_end(&m, NULL, &size);
    const rf_keras_source source = { json, strlen(json), bytes, size, NULL };
    CHECK_FAILS(ctx, RF_EMODEL, text, rf_keras_decode(ctx, &source, &g));
    free(bytes);
    rf_context_free(ctx);
}

#define FUNCTIONAL(layers, out)                                                                    \
    "{\"class_name\": \"Functional\", \"config\": {\"name\": \"n\", \"layers\": [" layers          \
    "], \"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [[\"" out "\", 0, 0]]}}"
#define X                                                                                          \
    "{\"class_name\": \"InputLayer\", \"name\": \"x\", \"config\": {\"batch_input_shape\": "       \
    "[null, "                                                                                      \
    "3]}, \"inbound_nodes\": []}"
#define DROP(name, from)                                                                           \
    "{\"class_name\": \"Dropout\", \"name\": \"" name "\", \"config\": {}, \"inbound_nodes\": "    \
    "[[[\"" from "\", 0, 0, {}]]]}"

static void architectures_that_cannot_be(void **state)
{
    (void)state;
    check_json("{\"class_name\": ", "the model's JSON is damaged");
    check_json("{}", "the JSON is no Keras model");
    check_json(FUNCTIONAL(X ", " DROP("a", "b") ", " DROP("b", "a"), "a"), "reads its own output");
    check_json(FUNCTIONAL(X ", " DROP("a", "y"), "a"), "has no layer");
    check_json(FUNCTIONAL(X ", " X, "x"), "two layers have the name");
    check_json(FUNCTIONAL(X, "a"), "has no layer");
    check_json("{\"class_name\": \"Sequential\", \"config\": []}", "there are no layers");
    check_json("{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\", "
               "\"config\": {\"name\": \"d\"}}]}",
               "the input's shape is not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_of_an_hdf5_file_is_trusted),
        cmocka_unit_test(nor_of_a_compressed_one),
        cmocka_unit_test(nor_of_one_in_the_newer_form),
        cmocka_unit_test(a_small_file_cannot_ask_for_much),
        cmocka_unit_test(architectures_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
