/* Evaluation: accuracy and loss do not depend on the batch size. */
#include "bn/bn_nets.h"

#define SAMPLES 21

static void the_batch_size_does_not_matter(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 6);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, 6);
    rf_accuracy a, b;
    (void)state;
    CHECK_OK(ctx, rf_evaluate(g, d.dataset, 8, &a));
    CHECK_OK(ctx, rf_evaluate(g, d.dataset, 100, &b));
    assert_int_equal(a.samples, SAMPLES);
    assert_int_equal(b.samples, SAMPLES);
    CHECK_NEAR(a.loss, b.loss, 1e-6);
    CHECK_NEAR(a.top1, b.top1, 1e-9);
    assert_true(a.top5 >= a.top1);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void top5_is_unknown_with_fewer_classes(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 4);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, 4);
    rf_accuracy a;
    (void)state;
    CHECK_OK(ctx, rf_evaluate(g, d.dataset, 8, &a));
    assert_true(isnan(a.top5));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_model_with_too_few_classes_names_the_sample(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 2);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, 3);
    rf_accuracy a;
    (void)state;
    CHECK_FAILS(ctx, RF_EDATA, "label 2 of sample", rf_evaluate(g, d.dataset, 8, &a));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void data_without_labels_is_refused(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 2);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, 0);
    rf_accuracy a;
    (void)state;
    CHECK_FAILS(ctx, RF_EDATA, "no labels", rf_evaluate(g, d.dataset, 8, &a));
    CHECK_FAILS(ctx, RF_EARG, "batch 0", rf_evaluate(g, d.dataset, 0, &a));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void an_interruption_stops_it(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 3);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, 3);
    rf_accuracy a;
    (void)state;
    rf_context_interrupt(ctx);
    assert_int_equal(rf_evaluate(g, d.dataset, 8, &a), RF_EINTERRUPTED);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* Rows of an output that are no samples must not be counted as if they were. */
static void an_output_without_the_batch_in_front_is_refused(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 4, (int64_t[]){ -1, 1, 4, 4 });
    net_data d = net_data_new(ctx, 4, (int64_t[]){ 8, 1, 4, 4 }, 2);
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    rf_tensor *to = NULL;
    rf_value *shape = NULL;
    rf_accuracy a;
    (void)state;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_I64, 1, (int64_t[]){ 2 }, &to));
    rf_tensor_i64(to)[0] = -1;
    rf_tensor_i64(to)[1] = 8;
    CHECK_OK(ctx, rf_graph_take_constant(n.g, "to", to, &shape));
    bn_net_node(&n, "Reshape", "halves", n.at, shape, NULL, NULL, NULL);
    bn_net_gemm(&n, "fc", 8, 2);
    rf_graph *g = bn_net_finish(&n);
    CHECK_FAILS(ctx, RF_ESHAPE, "[16, 2] for a batch of 8", rf_evaluate(g, d.dataset, 8, &a));
    CHECK_FAILS(ctx, RF_ESHAPE, "not the batch", rf_train_graph(g, d.dataset, &o, NULL));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_batch_size_does_not_matter),
        cmocka_unit_test(top5_is_unknown_with_fewer_classes),
        cmocka_unit_test(a_model_with_too_few_classes_names_the_sample),
        cmocka_unit_test(data_without_labels_is_refused),
        cmocka_unit_test(an_output_without_the_batch_in_front_is_refused),
        cmocka_unit_test(an_interruption_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
