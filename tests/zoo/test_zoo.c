/* Untrained networks: whole graphs, of the size that their papers give, and readable again when written. */
#include <math.h>

#include "formats/onnx.h"
#include "graph/bn_pairs.h"
#include "testing.h"
#include "zoo/builder.h"

static int64_t count_parameters(const rf_graph *g)
{
    int64_t count = 0;
    for (size_t i = 0; i < g->values.count; i++) {
        const rf_value *v = g->values.items[i];
        const bool statistic = strstr(v->name, "running_") != NULL;
        if (v->constant && !statistic && v->shape.rank > 0)
            count += v->constant->count;
    }
    return count;
}

/* Multiply-adds of one sample in convolutions and the last layer. */
static int64_t count_macs(const rf_graph *g)
{
    int64_t macs = 0;
    for (const rf_node *n = g->first; n; n = n->next) {
        const rf_shape *out = n->outputs[0] ? &n->outputs[0]->shape : NULL;
        if (rf_node_is(n, "Conv"))
            macs += n->inputs[1]->constant->count * out->dims[2] * out->dims[3];
        else if (rf_node_is(n, "Gemm"))
            macs += n->inputs[1]->constant->count;
    }
    return macs;
}

static rf_graph *make(rf_context *ctx, const char *name, const rf_zoo_options *options)
{
    rf_graph *g = NULL;
    CHECK_OK(ctx, rf_zoo_new(ctx, name, options, &g));
    return g;
}

static void check_size(const char *name, int64_t parameters)
{
    rf_context *ctx = test_context();
    rf_graph *g = make(ctx, name, NULL);
    assert_int_equal(count_parameters(g), parameters);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* Parameter counts: torchvision for resnet18 and mobilenet_v2; the papers, to their digits, for the others. */
static void networks_have_the_size_that_their_papers_give(void **state)
{
    (void)state;
    check_size("resnet18", 11689512);
    check_size("mobilenet_v2", 3504872);
    check_size("mobilenet_v1", 4231976);
    check_size("resnet20", 272474);
    check_size("ds_cnn", 23180); /* MLPerf Tiny: 23,756 with the 576 biases that BN makes idle */
}

static void every_network_is_whole_and_comes_back_from_its_file(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const rf_zoo_options small = { .width = 0.25 };
    for (const char *const *name = rf_zoo_names(); *name; name++) {
        rf_graph *g = make(ctx, *name, &small), *again = NULL;
        void *bytes = NULL;
        size_t size = 0;
        char *before = NULL, *after = NULL;
        CHECK_OK(ctx, rf_graph_check(g));
        CHECK_OK(ctx, rf_onnx_encode(g, &bytes, &size));
        CHECK_OK(ctx, rf_onnx_decode(ctx, bytes, size, NULL, *name, &again));
        CHECK_OK(ctx, rf_graph_text(g, &before));
        CHECK_OK(ctx, rf_graph_text(again, &after));
        assert_string_equal(before, after);
        assert_int_equal(count_parameters(g), count_parameters(again));
        assert_string_equal(again->outputs.items[0]->name, "logits");
        assert_int_equal(again->inputs.items[0]->shape.dims[0], -1);
        rf_free(ctx, before);
        rf_free(ctx, after);
        rf_free(ctx, bytes);
        rf_graph_free(g);
        rf_graph_free(again);
    }
    rf_context_free(ctx);
}

static void every_bn_folds_into_the_layer_before_it(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const rf_zoo_options small = { .width = 0.25 };
    for (const char *const *name = rf_zoo_names(); *name; name++) {
        rf_graph *g = make(ctx, *name, &small);
        rf_bn_pairs pairs = { 0 };
        CHECK_OK(ctx, rf_bn_pairs_find(g, &pairs));
        assert_true(pairs.count > 4);
        for (size_t i = 0; i < pairs.count; i++)
            assert_int_equal(pairs.items[i].kind, RF_BN_BACKWARD);
        RF_VEC_RELEASE(ctx, &pairs);
        rf_graph_free(g);
    }
    rf_context_free(ctx);
}

static const rf_value *last_map(const rf_graph *g)
{
    for (const rf_node *n = g->first; n; n = n->next)
        if (rf_node_is(n, "GlobalAveragePool"))
            return n->inputs[0];
    return NULL;
}

static void small_images_keep_four_by_four_pixels(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    static const char *const names[] = { "mobilenet_v1", "mobilenet_v2", "resnet18" };
    static const int64_t sides[] = { 28, 32, 64 };
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            const rf_zoo_options o = { .width = 0.25, .height = sides[k], .width_px = sides[k] };
            rf_graph *g = make(ctx, names[i], &o);
            assert_int_equal(last_map(g)->shape.dims[2], 4);
            assert_int_equal(last_map(g)->shape.dims[3], 4);
            rf_graph_free(g);
        }
    }
    rf_context_free(ctx);
}

static void a_mobilenet_v2_for_fashion_mnist_fits_in_a_megabyte(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const rf_zoo_options o = {
        .width = 0.25, .channels = 1, .height = 28, .width_px = 28, .classes = 10
    };
    rf_graph *g = make(ctx, "mobilenet_v2", &o);
    void *bytes = NULL;
    size_t size = 0;
    CHECK_OK(ctx, rf_onnx_encode(g, &bytes, &size));
    assert_in_range(count_parameters(g), 150000, 240000);
    assert_true(count_macs(g) < 8000000);
    assert_true(size < 1000000);
    rf_free(ctx, bytes);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void narrow_networks_round_to_eights_and_not_far_below(void **state)
{
    (void)state;
    const rf_builder b = { .width = 0.35 };
    assert_int_equal(rf_scaled_channels(&b, 16), 8);  /* 5.6: at least 8 */
    assert_int_equal(rf_scaled_channels(&b, 32), 16); /* 11.2: 8 is below nine tenths */
    assert_int_equal(rf_scaled_channels(&b, 96), 32); /* 33.6 */
    assert_int_equal(rf_scaled_channels(&b, 160), 56);
}

static void weights_follow_the_seed_and_he(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *a = make(ctx, "resnet20", NULL), *b = make(ctx, "resnet20", NULL);
    const char *name = "layer3.2.conv2.weight";
    const rf_tensor *x = rf_graph_find_value(a, name)->constant;
    const rf_tensor *y = rf_graph_find_value(b, name)->constant;
    assert_memory_equal(x->data, y->data, (size_t)x->count * sizeof(float));
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < x->count; i++) {
        sum += (double)((const float *)x->data)[i];
        squares += pow((double)((const float *)x->data)[i], 2.0);
    }
    /* 36,864 draws: the deviation is known to half a percent, twice that is allowed. */
    CHECK_NEAR(sqrt(squares / (double)x->count) / sqrt(2.0 / (64 * 9)), 1.0, 0.01);
    CHECK_NEAR(sum / (double)x->count, 0.0, 0.002);
    rf_graph_free(a);
    rf_graph_free(b);
    rf_context_free(ctx);
}

static void wrong_options_are_refused_with_the_range(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    const rf_zoo_options negative = { .width = -1.0 }, odd = { .classes = -3 };
    const rf_zoo_options endless = { .width = INFINITY }, none = { .width = NAN };
    CHECK_FAILS(ctx, RF_EARG, "resnet20", rf_zoo_new(ctx, "vgg", NULL, &g));
    CHECK_FAILS(ctx, RF_EARG, "width multiplier", rf_zoo_new(ctx, "resnet20", &negative, &g));
    CHECK_FAILS(ctx, RF_EARG, "width multiplier", rf_zoo_new(ctx, "resnet20", &endless, &g));
    CHECK_FAILS(ctx, RF_EARG, "width multiplier", rf_zoo_new(ctx, "resnet20", &none, &g));
    CHECK_FAILS(ctx, RF_EARG, "classes", rf_zoo_new(ctx, "resnet20", &odd, &g));
    assert_null(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_have_the_size_that_their_papers_give),
        cmocka_unit_test(every_network_is_whole_and_comes_back_from_its_file),
        cmocka_unit_test(every_bn_folds_into_the_layer_before_it),
        cmocka_unit_test(small_images_keep_four_by_four_pixels),
        cmocka_unit_test(a_mobilenet_v2_for_fashion_mnist_fits_in_a_megabyte),
        cmocka_unit_test(narrow_networks_round_to_eights_and_not_far_below),
        cmocka_unit_test(weights_follow_the_seed_and_he),
        cmocka_unit_test(wrong_options_are_refused_with_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
