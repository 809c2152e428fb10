/* Models of several layers and in every form of file: order of data, shared layers, models in models, refusals. */
#include "formats/keras_case.h"

#define DIMS(...)                                                                                  \
    (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[])           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define DENSE(name, units)                                                                         \
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"" name "\", \"units\": " units "}}"
#define LAYER(class_name, config)                                                                  \
    "{\"class_name\": \"" class_name "\", \"config\": {\"name\": \"a\"" config "}}"

static float *numbers(int64_t count, uint32_t seed)
{
    float *p = malloc((size_t)count * sizeof *p);
    keras_fill(p, count, seed);
    return p;
}

/* --- order of data: what goes in and comes out, element by element --- */

/* The result's elements are those of the source that `from` lists, in Keras' order, per sample. */
static void check_moves(int rank, const int64_t *dims, const char *layers, int out_rank,
                        const int64_t *out_dims, const int *from)
{
    keras_case t;
    int64_t shape[8] = { BATCH }, in = 1, out = 1;
    begin_case(&t, KERAS_H5, rank, dims);
    wrap_layers(&t, layers);
    for (int d = 0; d < rank; d++)
        in *= dims[d];
    for (int d = 0; d < out_rank; d++)
        out *= shape[d + 1] = out_dims[d];
    float *expected = malloc((size_t)(BATCH * out) * sizeof *expected);
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t i = 0; i < out; i++)
            expected[n * out + i] = from[i] < 0 ? 0.0F : t.data[n * in + from[i]];
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, out_rank + 1, shape, expected);
    free(expected);
    end_case(&t);
}

static void elements_keep_keras_order(void **state)
{
    (void)state;
    const int all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    check_moves(DIMS(2, 3, 2), LAYER("Flatten", ""), DIMS(12), all);
    check_moves(DIMS(2, 3, 2), LAYER("Reshape", ", \"target_shape\": [3, -1]"), DIMS(3, 4), all);
    check_moves(DIMS(12), LAYER("Reshape", ", \"target_shape\": [3, 2, 2]"), DIMS(3, 2, 2), all);
    check_moves(DIMS(2, 3, 2), LAYER("Permute", ", \"dims\": [2, 1, 3]"), DIMS(3, 2, 2),
                (const int[]){ 0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11 });
    check_moves(DIMS(2, 3, 2), LAYER("Permute", ", \"dims\": [3, 1, 2]"), DIMS(2, 2, 3),
                (const int[]){ 0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11 });
    check_moves(DIMS(3), LAYER("RepeatVector", ", \"n\": 2"), DIMS(2, 3),
                (const int[]){ 0, 1, 2, 0, 1, 2 });
}

static void padding_cropping_and_up_sampling(void **state)
{
    (void)state;
    check_moves(DIMS(2, 2, 1), LAYER("ZeroPadding2D", ", \"padding\": [[0, 1], [1, 0]]"),
                DIMS(3, 3, 1), (const int[]){ -1, 0, 1, -1, 2, 3, -1, -1, -1 });
    check_moves(DIMS(2, 1), LAYER("ZeroPadding1D", ", \"padding\": [1, 2]"), DIMS(5, 1),
                (const int[]){ -1, 0, 1, -1, -1 });
    check_moves(DIMS(3, 3, 1), LAYER("Cropping2D", ", \"cropping\": [[1, 0], [0, 2]]"),
                DIMS(2, 1, 1), (const int[]){ 3, 6 });
    check_moves(DIMS(4, 1), LAYER("Cropping1D", ", \"cropping\": [1, 1]"), DIMS(2, 1),
                (const int[]){ 1, 2 });
    check_moves(
        DIMS(1, 2, 2), LAYER("UpSampling2D", ", \"size\": [2, 3]"), DIMS(2, 6, 2),
        (const int[]){ 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3 });
    check_moves(DIMS(2, 1), LAYER("UpSampling1D", ", \"size\": 2"), DIMS(4, 1),
                (const int[]){ 0, 0, 1, 1 });
}

static void bilinear_up_sampling_has_pixel_centres(void **state)
{
    (void)state;
    keras_case t;
    float expected[BATCH * 4];
    begin_case(&t, KERAS_H5, DIMS(1, 2, 1));
    wrap_layers(&t, LAYER("UpSampling2D", ", \"size\": [1, 2], \"interpolation\": \"bilinear\""));
    for (int n = 0; n < BATCH; n++) {
        const float a = t.data[2 * n], b = t.data[2 * n + 1];
        expected[4 * n] = a;
        expected[4 * n + 1] = 0.75F * a + 0.25F * b;
        expected[4 * n + 2] = 0.25F * a + 0.75F * b;
        expected[4 * n + 3] = b;
    }
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, DIMS(BATCH, 1, 4, 1), expected);
    end_case(&t);
}

/* --- along the channels --- */

static void batch_normalization_may_lack_scale_or_center(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        const bool scale = form & 1, center = form & 2;
        keras_case t;
        char layer[300];
        const int64_t c = 3;
        begin_case(&t, KERAS_H5, DIMS(2, 2, c));
        snprintf(layer, sizeof layer,
                 "{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"b\", \"axis\": "
                 "[3], \"epsilon\": 0.01, \"momentum\": 0.9, \"scale\": %s, \"center\": %s}}",
                 scale ? "true" : "false", center ? "true" : "false");
        wrap_layers(&t, layer);
        if (scale)
            keras_weight(&t.maker, "b", "b/gamma:0", 1, &c, 1);
        if (center)
            keras_weight(&t.maker, "b", "b/beta:0", 1, &c, 2);
        keras_weight(&t.maker, "b", "b/moving_mean:0", 1, &c, 3);
        keras_weight(&t.maker, "b", "b/moving_variance:0", 1, &c, 4);
        float y[BATCH * 12];
        for (int i = 0; i < BATCH * 12; i++) {
            const float var = fabsf(keras_number(4, i % 3)) + 0.5F;
            y[i] = (t.data[i] - keras_number(3, i % 3)) / sqrtf(var + 0.01F) *
                       (scale ? keras_number(1, i % 3) : 1.0F) +
                   (center ? keras_number(2, i % 3) : 0.0F);
        }
        CHECK_OK(t.ctx, load_case(&t));
        assert_non_null(rf_graph_find_node(t.graph, "b"));
        assert_true(fabsf(rf_attr_float(rf_graph_find_node(t.graph, "b"), "momentum", 0.0F) -
                          0.9F) < 1e-6F);
        run_case(&t);
        check_case(&t, DIMS(BATCH, 2, 2, 3), y);
        end_case(&t);
    }
}

static void dense_works_on_the_last_dim(void **state)
{
    (void)state;
    keras_case t;
    const int64_t in = 3, out = 4;
    begin_case(&t, KERAS_H5, DIMS(2, 5, in));
    wrap_layers(&t, DENSE("d", "4"));
    keras_weight(&t.maker, "d", "d/kernel:0", DIMS(in, out), 1);
    keras_weight(&t.maker, "d", "d/bias:0", DIMS(out), 2);
    float *y = malloc(BATCH * 10 * 4 * sizeof *y);
    for (int i = 0; i < BATCH * 10; i++)
        for (int o = 0; o < 4; o++) {
            y[4 * i + o] = keras_number(2, o);
            for (int k = 0; k < 3; k++)
                y[4 * i + o] += t.data[3 * i + k] * keras_number(1, 4 * k + o);
        }
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, DIMS(BATCH, 2, 5, 4), y);
    free(y);
    end_case(&t);
}

static void prelu_has_a_slope_for_each_place_or_channel(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        keras_case t;
        float y[BATCH * 12];
        begin_case(&t, KERAS_H5, DIMS(2, 3, 2));
        wrap_layers(&t, "{\"class_name\": \"PReLU\", \"config\": {\"name\": \"p\"}}");
        if (shared)
            keras_weight(&t.maker, "p", "p/alpha:0", DIMS(1, 1, 2), 1);
        else
            keras_weight(&t.maker, "p", "p/alpha:0", DIMS(2, 3, 2), 1);
        for (int i = 0; i < BATCH * 12; i++)
            y[i] =
                t.data[i] > 0.0F ? t.data[i] : t.data[i] * keras_number(1, shared ? i % 2 : i % 12);
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        check_case(&t, DIMS(BATCH, 2, 3, 2), y);
        end_case(&t);
    }
}

static void normalization_takes_adapted_statistics(void **state)
{
    (void)state;
    keras_case t;
    float y[BATCH * 12];
    begin_case(&t, KERAS_H5, DIMS(2, 2, 3));
    wrap_layers(&t, "{\"class_name\": \"Normalization\", \"config\": {\"name\": \"n\", \"axis\": "
                    "[-1], \"mean\": null, \"variance\": null}}");
    keras_weight(&t.maker, "n", "mean:0", DIMS(3), 1);
    keras_weight(&t.maker, "n", "variance:0", DIMS(3), 2);
    keras_weight(&t.maker, "n", "count:0", 0, NULL, 3);
    for (int i = 0; i < BATCH * 12; i++)
        y[i] = (t.data[i] - keras_number(1, i % 3)) / sqrtf(fabsf(keras_number(2, i % 3)) + 0.5F);
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, DIMS(BATCH, 2, 2, 3), y);
    end_case(&t);
}

/* --- functional models --- */

#define INPUT(shape)                                                                               \
    "{\"class_name\": \"InputLayer\", \"name\": \"x\", \"config\": {\"batch_input_shape\": "       \
    "[null, " shape "], \"name\": \"x\"}, \"inbound_nodes\": []}"
#define NODE(class_name, name, config, nodes)                                                      \
    "{\"class_name\": \"" class_name "\", \"name\": \"" name "\", \"config\": {\"name\": \"" name  \
    "\"" config "}, \"inbound_nodes\": " nodes "}"

static void functional(keras_case *t, const char *layers, const char *output)
{
    snprintf(t->config, sizeof t->config,
             "{\"class_name\": \"Functional\", \"config\": {\"name\": \"net\", \"layers\": [%s], "
             "\"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [[\"%s\", 0, 0]]}}",
             layers, output);
}

static void merges_take_any_number_of_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *class_name;
        float (*f)(float a, float b);
    } merges[] = { { "Maximum", fmaxf }, { "Minimum", fminf } };
    for (size_t m = 0; m < 2; m++) {
        keras_case t;
        char layers[2048];
        float y[BATCH * 12];
        begin_case(&t, KERAS_H5, DIMS(2, 3, 2));
        snprintf(layers, sizeof layers,
                 INPUT("2, 3, 2") ", " NODE(
                     "Activation", "r", ", \"activation\": \"tanh\"",
                     "[[[\"x\", 0, 0, {}]]]") ", "
                                              "{\"class_name\": \"%s\", \"name\": \"m\", "
                                              "\"config\": {\"name\": \"m\"}, "
                                              "\"inbound_nodes\": [[[\"x\", 0, 0, {}], [\"r\", 0, "
                                              "0, {}], [\"x\", 0, 0, {}]]]}",
                 merges[m].class_name);
        functional(&t, layers, "m");
        for (int i = 0; i < BATCH * 12; i++)
            y[i] = merges[m].f(t.data[i], tanhf(t.data[i]));
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        check_case(&t, DIMS(BATCH, 2, 3, 2), y);
        end_case(&t);
    }
}

static void sums_differences_and_means(void **state)
{
    (void)state;
    static const char *const names[] = { "Add", "Subtract", "Multiply", "Average" };
    for (int m = 0; m < 4; m++) {
        keras_case t;
        char layers[2048];
        float y[BATCH * 12];
        begin_case(&t, KERAS_H5, DIMS(2, 3, 2));
        snprintf(layers, sizeof layers,
                 INPUT("2, 3, 2") ", " NODE(
                     "Activation", "r", ", \"activation\": \"tanh\"",
                     "[[[\"x\", 0, 0, {}]]]") ", "
                                              "{\"class_name\": \"%s\", \"name\": \"m\", "
                                              "\"config\": {\"name\": \"m\"}, "
                                              "\"inbound_nodes\": [[[\"x\", 0, 0, {}], [\"r\", 0, "
                                              "0, {}]]]}",
                 names[m]);
        functional(&t, layers, "m");
        for (int i = 0; i < BATCH * 12; i++) {
            const float a = t.data[i], b = tanhf(a);
            y[i] = m == 0 ? a + b : m == 1 ? a - b : m == 2 ? a * b : (a + b) / 2.0F;
        }
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        check_case(&t, DIMS(BATCH, 2, 3, 2), y);
        end_case(&t);
    }
}

/* squeeze and excitation: a tensor of fewer dims joins behind the batch */
static void concatenate_counts_axes_as_keras(void **state)
{
    (void)state;
    for (int axis = -1; axis < 3; axis += 2) {
        keras_case t;
        char layers[2048];
        float y[BATCH * 24];
        begin_case(&t, KERAS_H5, DIMS(2, 3, 2));
        snprintf(layers, sizeof layers,
                 INPUT("2, 3, 2") ", " NODE(
                     "Activation", "r", ", \"activation\": \"tanh\"",
                     "[[[\"x\", 0, 0, {}]]]") ", "
                                              "{\"class_name\": \"Concatenate\", \"name\": \"m\", "
                                              "\"config\": {\"name\": \"m\", "
                                              "\"axis\": %d}, \"inbound_nodes\": [[[\"x\", 0, 0, "
                                              "{}], [\"r\", 0, 0, {}]]]}",
                 axis);
        functional(&t, layers, "m");
        for (int n = 0; n < BATCH; n++)
            for (int i = 0; i < 24; i++) {
                const int c = axis < 0 ? i % 4 : i / 12 * 2;
                const int at = axis < 0 ? i / 4 * 2 + i % 2 : i % 12;
                const float v = t.data[12 * n + at];
                y[24 * n + i] = c < 2 ? v : tanhf(v);
            }
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        if (axis < 0)
            check_case(&t, DIMS(BATCH, 2, 3, 4), y);
        else
            check_case(&t, DIMS(BATCH, 4, 3, 2), y);
        end_case(&t);
    }
}

static void affine(const float *x, const float *k, const float *b, int in, int out, float *y)
{
    for (int o = 0; o < out; o++) {
        y[o] = b[o];
        for (int i = 0; i < in; i++)
            y[o] += x[i] * k[i * out + o];
    }
}

/* d(d(x)) of a layer with one set of weights. */
static void check_twice(keras_case *t)
{
    float *k = numbers(9, 1), *b = numbers(3, 2), y[BATCH * 3], middle[3];
    for (int n = 0; n < BATCH; n++) {
        affine(t->data + 3 * n, k, b, 3, 3, middle);
        affine(middle, k, b, 3, 3, y + 3 * n);
    }
    free(k);
    free(b);
    CHECK_OK(t->ctx, load_case(t));
    run_case(t);
    check_case(t, DIMS(BATCH, 3), y);
    end_case(t);
}

static void a_layer_used_twice_shares_its_weights(void **state)
{
    (void)state;
    keras_case t;
    begin_case(&t, KERAS_H5, DIMS(3));
    functional(&t,
               INPUT("3") ", " NODE(
                   "Dense", "d", "",
                   "[[[\"x\", 0, 0, {}]], [[\"d\", 0, 0, {}]]]") ", " NODE("Dropout", "o", "",
                                                                           "[[[\"d\", 1, 0, {}]]]"),
               "o");
    keras_weight(&t.maker, "d", "d/kernel:0", DIMS(3, 3), 1);
    keras_weight(&t.maker, "d", "d/bias:0", DIMS(3), 2);
    check_twice(&t);
}

/* `call`: from what number on the file counts the calls of a nested model. */
static void check_nested(int call)
{
    keras_case t;
    char layers[2048];
    begin_case(&t, KERAS_H5, DIMS(3));
    snprintf(layers, sizeof layers,
             INPUT("3") ", {\"class_name\": \"Sequential\", \"name\": \"inner\", \"config\": "
                        "{\"name\": \"inner\", \"layers\": [{\"class_name\": \"Dense\", "
                        "\"config\": {\"name\": "
                        "\"d\", \"batch_input_shape\": [null, 3]}}]}, \"inbound_nodes\": [[[\"x\", "
                        "0, 0, {}]], "
                        "[[\"inner\", %d, 0, {}]]]}, " NODE("Dropout", "o", "",
                                                            "[[[\"inner\", %d, 0, {}]]]"),
             call, call + 1);
    functional(&t, layers, "o");
    keras_weight(&t.maker, "inner", "d/kernel:0", DIMS(3, 3), 1);
    keras_weight(&t.maker, "inner", "d/bias:0", DIMS(3), 2);
    check_twice(&t);
}

static void a_nested_model_may_be_called_twice(void **state)
{
    (void)state;
    check_nested(0);
    check_nested(1);
}

/* Keras lists a nested model's weights with those that are trained first. */
static void weights_of_nested_models_are_found_by_name_or_order(void **state)
{
    (void)state;
    for (int renamed = 0; renamed < 2; renamed++) {
        keras_case t;
        const char *p = renamed ? "q_7" : "b";
        char name[4][64];
        static const char *const what[] = { "gamma:0", "beta:0", "moving_mean:0",
                                            "moving_variance:0" };
        for (int i = 0; i < 4; i++)
            snprintf(name[i], 64, "%s/%s", p, what[i]);
        begin_case(&t, KERAS_H5, DIMS(3));
        wrap_layers(&t, "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"inner\", "
                        "\"layers\": [{\"class_name\": \"BatchNormalization\", \"config\": "
                        "{\"name\": \"b\", \"batch_input_shape\": [null, 3], \"epsilon\": 0.0}}, "
                        "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\"}}]}}");
        keras_weight(&t.maker, "inner", name[0], DIMS(3), 1);
        keras_weight(&t.maker, "inner", name[1], DIMS(3), 2);
        keras_weight(&t.maker, "inner", "d/kernel:0", DIMS(3, 3), 3);
        keras_weight(&t.maker, "inner", "d/bias:0", DIMS(3), 4);
        keras_weight(&t.maker, "inner", name[2], DIMS(3), 5);
        keras_weight(&t.maker, "inner", name[3], DIMS(3), 6);
        float *k = numbers(9, 3), *b = numbers(3, 4), y[BATCH * 3];
        for (int n = 0; n < BATCH; n++) {
            float x[3];
            for (int i = 0; i < 3; i++)
                x[i] = (t.data[3 * n + i] - keras_number(5, i)) /
                           sqrtf(fabsf(keras_number(6, i)) + 0.5F) * keras_number(1, i) +
                       keras_number(2, i);
            affine(x, k, b, 3, 3, y + 3 * n);
        }
        free(k);
        free(b);
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        check_case(&t, DIMS(BATCH, 3), y);
        end_case(&t);
    }
}

/* --- forms of files --- */

static void every_form_of_file_holds_the_same(void **state)
{
    (void)state;
    for (int form = KERAS_H5; form <= KERAS_WEIGHTS; form++) {
        keras_case t;
        begin_case(&t, (keras_form)form, DIMS(3));
        wrap_layers(&t, DENSE("d", "3"));
        keras_weight(&t.maker, "d", "d/kernel:0", DIMS(3, 3), 1);
        keras_weight(&t.maker, "d", "d/bias:0", DIMS(3), 2);
        float *k = numbers(9, 1), *b = numbers(3, 2), y[BATCH * 3];
        for (int n = 0; n < BATCH; n++)
            affine(t.data + 3 * n, k, b, 3, 3, y + 3 * n);
        free(k);
        free(b);
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        check_case(&t, DIMS(BATCH, 3), y);
        end_case(&t);
    }
}

/* Keras 3: arrays by class and number; Keras 2.13 counts each layer twice. */
static void check_counted(const char *container, const char *second)
{
    keras_case t;
    size_t size;
    char path[160];
    begin_case(&t, KERAS_WEIGHTS, DIMS(3));
    snprintf(t.config, sizeof t.config,
             "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": ["
             "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 3], \"name\": "
             "\"x\", \"dtype\": {\"class_name\": \"DTypePolicy\", \"config\": {\"name\": "
             "\"float32\"}}}}, %s, %s]}}",
             DENSE("last", "3"), DENSE("dense", "3"));
    for (uint32_t i = 0; i < 2; i++) {
        float *k = numbers(9, 1 + 2 * i), *b = numbers(3, 2 + 2 * i);
        snprintf(path, sizeof path, "/%s/%s/vars/0", container, i ? second : "dense");
        keras_array(&t.maker, path, DIMS(3, 3), k);
        snprintf(path, sizeof path, "/%s/%s/vars/1", container, i ? second : "dense");
        keras_array(&t.maker, path, DIMS(3), b);
        free(k);
        free(b);
    }
    void *bytes = keras_image(&t.maker, &size);
    const rf_keras_source source = { t.config, strlen(t.config), bytes, size, NULL };
    CHECK_OK(t.ctx, rf_keras_decode(t.ctx, &source, &t.graph));
    free(bytes);
    float *k[2] = { numbers(9, 1), numbers(9, 3) }, *b[2] = { numbers(3, 2), numbers(3, 4) };
    float y[BATCH * 3], middle[3];
    for (int n = 0; n < BATCH; n++) {
        affine(t.data + 3 * n, k[0], b[0], 3, 3, middle);
        affine(middle, k[1], b[1], 3, 3, y + 3 * n);
    }
    run_case(&t);
    check_case(&t, DIMS(BATCH, 3), y);
    for (int i = 0; i < 2; i++) {
        free(k[i]);
        free(b[i]);
    }
    end_case(&t);
}

static void arrays_of_keras_3_are_counted_by_class(void **state)
{
    (void)state;
    check_counted("layers", "dense_1");
    check_counted("_layer_checkpoint_dependencies", "dense_2");
}

static void keras_3_tells_its_calls_in_another_way(void **state)
{
    (void)state;
    keras_case t;
    float y[BATCH * 3];
    begin_case(&t, KERAS_H5, DIMS(3));
    snprintf(
        t.config, sizeof t.config,
        "{\"module\": \"keras\", \"class_name\": \"Functional\", \"config\": {\"name\": \"net\", "
        "\"layers\": [{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": "
        "{\"batch_shape\": [null, 3], \"name\": \"x\"}, \"name\": \"x\", \"inbound_nodes\": []}, "
        "{\"module\": \"keras.layers\", \"class_name\": \"Activation\", \"config\": {\"name\": "
        "\"h\", \"activation\": \"hard_sigmoid\"}, \"name\": \"h\", \"inbound_nodes\": "
        "[{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, 3], "
        "\"dtype\": \"float32\", \"keras_history\": [\"x\", 0, 0]}}], \"kwargs\": {}}]}], "
        "\"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [\"h\", 0, 0]}}");
    for (int i = 0; i < BATCH * 3; i++)
        y[i] = fminf(fmaxf(t.data[i] / 6.0F + 0.5F, 0.0F), 1.0F);
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, DIMS(BATCH, 3), y);
    end_case(&t);
}

static void channels_first_data_stays_as_it_is(void **state)
{
    (void)state;
    keras_case t;
    float y[BATCH * 2];
    begin_case(&t, KERAS_H5, DIMS(2, 3, 2));
    wrap_layers(&t, LAYER("GlobalMaxPooling2D", ", \"data_format\": \"channels_first\""));
    for (int i = 0; i < BATCH * 2; i++) {
        y[i] = -1e9F;
        for (int p = 0; p < 6; p++)
            y[i] = fmaxf(y[i], t.data[6 * i + p]);
    }
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, DIMS(BATCH, 2), y);
    end_case(&t);
}

static void operations_of_python_expressions(void **state)
{
    (void)state;
    keras_case t;
    float y[BATCH * 3];
    begin_case(&t, KERAS_H5, DIMS(3));
    functional(
        &t,
        INPUT("3") ", " NODE(
            "TFOpLambda", "half", ", \"function\": \"math.multiply\"",
            "[[\"x\", 0, 0, {\"y\": 0.5, \"name\": null}]]") ", " NODE("TFOpLambda", "plus",
                                                                       ", \"function\": "
                                                                       "\"__operators__.add\"",
                                                                       "[[\"half\", 0, 0, {\"y\": "
                                                                       "[\"x\", 0, 0], \"name\": "
                                                                       "null}]]") ", " NODE("TFOpLa"
                                                                                            "mbda",
                                                                                            "r",
                                                                                            ", "
                                                                                            "\"func"
                                                                                            "tion\""
                                                                                            ": "
                                                                                            "\"nn."
                                                                                            "relu6"
                                                                                            "\"",
                                                                                            "[["
                                                                                            "\"plus"
                                                                                            "\", "
                                                                                            "0, 0, "
                                                                                            "{\"nam"
                                                                                            "e\": "
                                                                                            "null}]"
                                                                                            "]"),
        "r");
    for (int i = 0; i < BATCH * 3; i++)
        y[i] = fminf(fmaxf(t.data[i] * 1.5F, 0.0F), 6.0F);
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    check_case(&t, DIMS(BATCH, 3), y);
    end_case(&t);
}

/* A network for images of any size pads at run time as it does for a known one. */
static void open_sizes_are_padded_when_they_are_known(void **state)
{
    (void)state;
    float known[BATCH * 3];
    for (int open = 0; open < 2; open++) {
        keras_case t;
        begin_case(&t, KERAS_H5, DIMS(6, 7, 2));
        snprintf(t.config, sizeof t.config,
                 "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": "
                 "[{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"strides\": [2, "
                 "2], \"padding\": \"same\", \"batch_input_shape\": [null, %s, 2]}}, "
                 "{\"class_name\": \"MaxPooling2D\", \"config\": {\"name\": \"m\", \"padding\": "
                 "\"same\"}}, {\"class_name\": \"GlobalAveragePooling2D\", \"config\": {\"name\": "
                 "\"g\"}}]}}",
                 open ? "null, null" : "6, 7");
        keras_weight(&t.maker, "c", "c/kernel:0", DIMS(3, 3, 2, 3), 1);
        keras_weight(&t.maker, "c", "c/bias:0", DIMS(3), 2);
        CHECK_OK(t.ctx, load_case(&t));
        run_case(&t);
        if (open)
            check_case(&t, DIMS(BATCH, 3), known);
        else
            memcpy(known, rf_tensor_const_data(t.out), sizeof known);
        end_case(&t);
    }
}

/* --- refusals --- */

static void check_refused(const char *layer, rf_status status, const char *text)
{
    keras_case t;
    begin_case(&t, KERAS_H5, DIMS(4, 4, 3));
    wrap_layers(&t, layer);
    CHECK_FAILS(t.ctx, status, text, load_case(&t));
    end_case(&t);
}

static void what_is_not_read_is_refused_by_layer_and_class(void **state)
{
    (void)state;
    check_refused(LAYER("Lambda", ""), RF_EUNSUPPORTED, "layer 'a' is of class 'Lambda': its func");
    check_refused(LAYER("LSTM", ""), RF_EUNSUPPORTED, "class 'LSTM': it is recurrent");
    check_refused(LAYER("TimeDistributed", ""), RF_EUNSUPPORTED, "class 'TimeDistributed'");
    check_refused(LAYER("QConv2D", ""), RF_EUNSUPPORTED, "it quantizes by itself");
    check_refused(LAYER("MyLayer", ""), RF_EUNSUPPORTED, "docs/KERAS.md");
    check_refused("{\"module\": \"my.code\", \"class_name\": \"Dense\", \"config\": {\"name\": "
                  "\"a\"}}",
                  RF_EUNSUPPORTED, "a class of its own");
    check_refused(LAYER("Activation", ", \"activation\": \"my_function\""), RF_EUNSUPPORTED,
                  "Activation layer 'a': activation 'my_function'");
    check_refused(DENSE("d", "4"), RF_EMODEL, "no weights 'kernel'");
}

static void half_a_model_says_what_is_missing(void **state)
{
    (void)state;
    keras_case t;
    size_t size;
    begin_case(&t, KERAS_WEIGHTS, DIMS(3));
    wrap_layers(&t, DENSE("d", "3"));
    keras_weight(&t.maker, "d", "d/kernel:0", DIMS(3, 3), 1);
    void *bytes = keras_end(&t.maker, NULL, &size);
    const rf_keras_source weights = { .bytes = bytes, .size = size };
    const rf_keras_source json = { .bytes = t.config, .size = strlen(t.config) };
    CHECK_FAILS(t.ctx, RF_EMODEL, "weights alone", rf_keras_decode(t.ctx, &weights, &t.graph));
    CHECK_FAILS(t.ctx, RF_EMODEL, "--weights FILE", rf_keras_decode(t.ctx, &json, &t.graph));
    free(bytes);
    end_case(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_keep_keras_order),
        cmocka_unit_test(padding_cropping_and_up_sampling),
        cmocka_unit_test(bilinear_up_sampling_has_pixel_centres),
        cmocka_unit_test(batch_normalization_may_lack_scale_or_center),
        cmocka_unit_test(dense_works_on_the_last_dim),
        cmocka_unit_test(prelu_has_a_slope_for_each_place_or_channel),
        cmocka_unit_test(normalization_takes_adapted_statistics),
        cmocka_unit_test(merges_take_any_number_of_tensors),
        cmocka_unit_test(sums_differences_and_means),
        cmocka_unit_test(concatenate_counts_axes_as_keras),
        cmocka_unit_test(a_layer_used_twice_shares_its_weights),
        cmocka_unit_test(a_nested_model_may_be_called_twice),
        cmocka_unit_test(weights_of_nested_models_are_found_by_name_or_order),
        cmocka_unit_test(every_form_of_file_holds_the_same),
        cmocka_unit_test(arrays_of_keras_3_are_counted_by_class),
        cmocka_unit_test(keras_3_tells_its_calls_in_another_way),
        cmocka_unit_test(channels_first_data_stays_as_it_is),
        cmocka_unit_test(operations_of_python_expressions),
        cmocka_unit_test(open_sizes_are_padded_when_they_are_known),
        cmocka_unit_test(what_is_not_read_is_refused_by_layer_and_class),
        cmocka_unit_test(half_a_model_says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
