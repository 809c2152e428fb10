/* Weights on their way back: a folded network, written into its Keras file and read again, computes the same. */
#include "formats/hdf5_file.h"
#include "formats/keras_case.h"
#include "formats/keras_write.h"

#define DIMS(...)                                                                                  \
    (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[])           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define BN(name)                                                                                   \
    "{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"" name                      \
    "\", \"epsilon\": 0.01}}"

static void bn_weights(keras_maker *m, const char *layer, const char *scope, int64_t c,
                       uint32_t seed)
{
    static const char *const what[] = { "gamma", "beta", "moving_mean", "moving_variance" };
    char name[96];
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%s:0", scope, what[i]);
        keras_weight(m, layer, name, 1, &c, seed + i);
    }
}

/* Every kind of layer with weights, each with a BN behind it, most without a bias. */
static void make_network(keras_case *t)
{
    wrap_layers(
        t,
        "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"use_bias\": false, "
        "\"padding\": \"same\"}}, " BN(
            "b1") ", "
                  "{\"class_name\": \"PReLU\", \"config\": {\"name\": \"p\"}}, "
                  "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"inner\", \"layers\": ["
                  "{\"class_name\": \"DepthwiseConv2D\", \"config\": {\"name\": \"d\", "
                  "\"use_bias\": "
                  "false, \"batch_input_shape\": [null, 5, 4, 4], \"depth_multiplier\": 2}}, " BN(
                      "b2") "]"
                            "}}, {\"class_name\": \"SeparableConv2D\", \"config\": {\"name\": "
                            "\"s\", \"use_bias\": "
                            "false, \"padding\": \"same\"}}, " BN(
                                "b3") ", "
                                      "{\"class_name\": \"Conv2DTranspose\", \"config\": "
                                      "{\"name\": \"u\", \"strides\": [2, "
                                      "2]}}, " BN(
                                          "b4") ", {\"class_name\": \"Flatten\", \"config\": "
                                                "{\"name\": \"f\"}}, "
                                                "{\"class_name\": \"Dense\", \"config\": "
                                                "{\"name\": \"e\", \"use_bias\": false}}, " BN(
                                                    "b5"));
    keras_maker *m = &t->maker;
    keras_weight(m, "c", "c/kernel:0", DIMS(3, 3, 2, 4), 1);
    bn_weights(m, "b1", "b1", 4, 10);
    keras_weight(m, "p", "p/alpha:0", DIMS(5, 4, 4), 2);
    keras_weight(m, "inner", "d/depthwise_kernel:0", DIMS(3, 3, 4, 2), 3);
    bn_weights(m, "inner", "b2", 8, 20);
    keras_weight(m, "s", "s/depthwise_kernel:0", DIMS(3, 3, 8, 1), 4);
    keras_weight(m, "s", "s/pointwise_kernel:0", DIMS(1, 1, 8, 3), 5);
    bn_weights(m, "b3", "b3", 3, 30);
    keras_weight(m, "u", "u/kernel:0", DIMS(3, 2, 5, 3), 6);
    keras_weight(m, "u", "u/bias:0", DIMS(5), 7);
    bn_weights(m, "b4", "b4", 5, 40);
    keras_weight(m, "e", "e/kernel:0", DIMS(7 * 4 * 5, 3), 8);
    bn_weights(m, "b5", "b5", 3, 50);
}

static void check_written(keras_case *t, const keras_case *folded, const rf_keras_source *source,
                          const rf_keras_written *w)
{
    rf_keras_source again = { .bytes = w->bytes, .size = w->size };
    if (source->weights) {
        assert_non_null(w->json);
        again = (rf_keras_source){ w->json, strlen(w->json), w->bytes, w->size, NULL };
    }
    assert_int_equal(w->identities, 5);
    assert_int_equal(w->biases_added, 4);
    CHECK_OK(t->ctx, rf_keras_decode(t->ctx, &again, &t->graph));
    run_case(t);
    assert_int_equal(rf_tensor_count(t->out), rf_tensor_count(folded->out));
    for (int64_t i = 0; i < rf_tensor_count(t->out); i++)
        CHECK_NEAR(((const float *)rf_tensor_const_data(t->out))[i],
                   ((const float *)rf_tensor_const_data(folded->out))[i], TOL_LAYER);
}

static void check_round_trip(keras_form form, bool zipped)
{
    keras_case t, again;
    size_t size, zip_size;
    void *zip = NULL;
    rf_keras_written w;
    begin_case(&t, form, DIMS(5, 4, 2));
    begin_case(&again, KERAS_H5, DIMS(5, 4, 2));
    make_network(&t);
    void *bytes = keras_end(&t.maker, t.config, &size);
    rf_keras_source source = { .bytes = bytes, .size = size };
    if (form == KERAS_WEIGHTS)
        source = (rf_keras_source){ t.config, strlen(t.config), bytes, size, NULL };
    if (zipped) {
        CHECK_OK(t.ctx, rf_keras_rezip(t.ctx, NULL, 0, t.config, bytes, size, &zip, &zip_size));
        source = (rf_keras_source){ .bytes = zip, .size = zip_size };
    }
    CHECK_OK(t.ctx, rf_keras_decode(t.ctx, &source, &t.graph));
    CHECK_OK(t.ctx, rf_fold_to_weight(t.graph, NULL));
    run_case(&t);
    CHECK_OK(t.ctx, rf_keras_write(t.graph, &source, &w));
    check_written(&again, &t, &source, &w);
    rf_free(t.ctx, w.bytes);
    rf_free(t.ctx, w.json);
    rf_free(t.ctx, zip);
    free(bytes);
    free(keras_image(&again.maker, &size));
    end_case(&again);
    end_case(&t);
}

static void a_folded_network_goes_back_into_its_file(void **state)
{
    (void)state;
    check_round_trip(KERAS_H5, false);
    check_round_trip(KERAS_H5_CHUNKS, false);
}

static void the_architecture_beside_the_weights_is_changed_too(void **state)
{
    (void)state;
    check_round_trip(KERAS_WEIGHTS, false);
}

static void a_zip_file_stays_one(void **state)
{
    (void)state;
    check_round_trip(KERAS_H5, true);
}

static void another_models_file_is_refused(void **state)
{
    (void)state;
    keras_case t, other;
    size_t size;
    rf_keras_written w;
    begin_case(&t, KERAS_H5, DIMS(5, 4, 2));
    begin_case(&other, KERAS_H5, DIMS(3));
    make_network(&t);
    CHECK_OK(t.ctx, load_case(&t));
    wrap_layers(&other, "{\"class_name\": \"Dense\", \"config\": {\"name\": \"x1\"}}");
    keras_weight(&other.maker, "x1", "x1/kernel:0", DIMS(3, 3), 1);
    keras_weight(&other.maker, "x1", "x1/bias:0", DIMS(3), 2);
    void *bytes = keras_end(&other.maker, other.config, &size);
    const rf_keras_source source = { .bytes = bytes, .size = size };
    CHECK_FAILS(t.ctx, RF_EMODEL, "layer 'x1': the network has no such layer",
                rf_keras_write(t.graph, &source, &w));
    free(bytes);
    end_case(&other);
    end_case(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folded_network_goes_back_into_its_file),
        cmocka_unit_test(the_architecture_beside_the_weights_is_changed_too),
        cmocka_unit_test(a_zip_file_stays_one),
        cmocka_unit_test(another_models_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
