/* The ordinary fold keeps what the network computes. Restates AIMET's TestTrainingExtensionBnFold. */
#include "bn/bn_nets.h"

#define TOL                                                                                        \
    2e-4 /* absolute, outputs of magnitude 1 to 10; factors are rounded to float32 once more */

static void check_same_output(rf_graph *g, int rank, const int64_t *dims, int folded,
                              int standalone)
{
    rf_tensor *x = random_tensor(g->ctx, rank, dims, 5), *before = net_run(g, x), *after = NULL;
    rf_fold_report *report = NULL;
    CHECK_OK(g->ctx, rf_fold_to_weight(g, &report));
    assert_int_equal(report->folded_count, folded);
    assert_int_equal(report->standalone_count, standalone);
    assert_int_equal(report->refused_count, 0);
    CHECK_OK(g->ctx, rf_graph_check(g));
    after = net_run(g, x);
    assert_true(largest_distance(before, after) <= TOL);
    rf_fold_report_free(report);
    rf_tensor_free(x);
    rf_tensor_free(before);
    rf_tensor_free(after);
}

static void bn_after_convolutions_disappears(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_small(ctx, 4);
    (void)state;
    check_same_output(g, 4, (int64_t[]){ 5, 3, 6, 6 }, 3, 0);
    for
        RF_GRAPH_EACH_NODE(n, g)
    assert_false(rf_node_is(n, "BatchNormalization"));
    /* The convolution makes what the BN made, under its name, and has got a bias. */
    assert_string_equal(rf_graph_find_value(g, "bn1_out")->producer->name, "conv1");
    assert_non_null(rf_graph_find_value(g, "conv1.bias"));
    assert_null(rf_graph_find_value(g, "bn1.running_var"));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void bn_after_linear_layers_disappears(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 4);
    (void)state;
    check_same_output(g, 2, (int64_t[]){ 9, 6 }, 2, 0);
    assert_string_equal(rf_graph_find_value(g, "bn1_out")->producer->op_type, "Add");
    rf_graph_free(g);
    rf_context_free(ctx);
}

static rf_graph *bn_before_conv(rf_context *ctx, int64_t pad, bool bias)
{
    bn_net n = bn_net_new(ctx, 4, (int64_t[]){ -1, 3, 6, 6 });
    bn_net_bn(&n, "bn", 3);
    bn_net_conv(&n, "conv", (bn_conv){ .in = 3, .out = 4, .kernel = 3, .pad = pad, .bias = bias });
    return bn_net_finish(&n);
}

static void bn_before_an_unpadded_convolution_is_folded_forward(void **state)
{
    rf_context *ctx = test_context();
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        rf_graph *g = bn_before_conv(ctx, 0, bias == 1);
        check_same_output(g, 4, (int64_t[]){ 5, 3, 6, 6 }, 1, 0);
        assert_int_equal(g->node_count, 1);
        rf_graph_free(g);
    }
    rf_context_free(ctx);
}

static void bn_before_a_linear_layer_is_folded_forward(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 6 });
    bn_net_bn(&n, "bn", 6);
    bn_net_gemm(&n, "fc", 6, 4);
    rf_graph *g = bn_net_finish(&n);
    (void)state;
    check_same_output(g, 2, (int64_t[]){ 5, 6 }, 1, 0);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void bn_before_a_bare_matmul_gets_it_an_add(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 6 });
    bn_net_bn(&n, "bn", 6);
    rf_value *w =
        bn_net_constant(&n, "fc", "weight", rf_shape_of(2, (int64_t[]){ 6, 4 }), 0.0, 0.4);
    bn_net_node(&n, "MatMul", "fc", n.at, w, NULL, NULL, NULL);
    bn_net_op(&n, "Relu", "relu");
    rf_graph *g = bn_net_finish(&n);
    (void)state;
    check_same_output(g, 2, (int64_t[]){ 5, 6 }, 1, 0);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* Mean 0, variance 1, epsilon 0: y = gamma x + beta. */
static void check_standalone(const rf_graph *g, const char *bn)
{
    const rf_node *n = rf_graph_find_node(g, bn);
    assert_non_null(n);
    CHECK_NEAR(rf_attr_float(n, "epsilon", 1.0F), 0.0, 0.0);
    CHECK_NEAR(rf_tensor_f32(n->inputs[3]->constant)[1], 0.0, 0.0);
    CHECK_NEAR(rf_tensor_f32(n->inputs[4]->constant)[1], 1.0, 0.0);
}

static void bn_before_a_padded_convolution_becomes_a_multiply_add(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_before_conv(ctx, 1, true);
    (void)state;
    check_same_output(g, 4, (int64_t[]){ 5, 3, 6, 6 }, 0, 1);
    check_standalone(g, "bn");
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_second_fold_changes_nothing(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_before_conv(ctx, 1, true);
    float gamma[3];
    rf_fold_report *report = NULL;
    (void)state;
    CHECK_OK(ctx, rf_fold_to_weight(g, NULL));
    memcpy(gamma, net_floats(g, "bn.weight"), sizeof gamma);
    CHECK_OK(ctx, rf_fold_to_weight(g, &report));
    assert_int_equal(report->folded_count, 0);
    assert_memory_equal(gamma, net_floats(g, "bn.weight"), sizeof gamma);
    rf_fold_report_free(report);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* semantics: W = [[0.5], [-0.2]], b = [0.1, 0], gamma = [2, -1], beta = [0.3, 0.4], mean = [0.05, -0.1], var = [0.25, 1]. */
static void the_numbers_are_those_of_the_formula(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 1 });
    bn_net_gemm(&n, "fc", 1, 2);
    CHECK_OK(ctx, rf_node_set_float(n.g, bn_net_bn(&n, "bn", 2), "epsilon", 0.0));
    rf_graph *g = bn_net_finish(&n);
    (void)state;
    memcpy(net_floats(g, "fc.weight"), (float[]){ 0.5F, -0.2F }, 8);
    memcpy(net_floats(g, "fc.bias"), (float[]){ 0.1F, 0.0F }, 8);
    memcpy(net_floats(g, "bn.weight"), (float[]){ 2.0F, -1.0F }, 8);
    memcpy(net_floats(g, "bn.bias"), (float[]){ 0.3F, 0.4F }, 8);
    memcpy(net_floats(g, "bn.running_mean"), (float[]){ 0.05F, -0.1F }, 8);
    memcpy(net_floats(g, "bn.running_var"), (float[]){ 0.25F, 1.0F }, 8);
    CHECK_OK(ctx, rf_fold_to_weight(g, NULL));
    CHECK_NEAR(net_floats(g, "fc.weight")[0], 2.0, 1e-6);
    CHECK_NEAR(net_floats(g, "fc.weight")[1], 0.2, 1e-6);
    CHECK_NEAR(net_floats(g, "fc.bias")[0], 0.5, 1e-6);
    CHECK_NEAR(net_floats(g, "fc.bias")[1], 0.3, 1e-6);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bn_after_convolutions_disappears),
        cmocka_unit_test(bn_after_linear_layers_disappears),
        cmocka_unit_test(bn_before_an_unpadded_convolution_is_folded_forward),
        cmocka_unit_test(bn_before_a_linear_layer_is_folded_forward),
        cmocka_unit_test(bn_before_a_bare_matmul_gets_it_an_add),
        cmocka_unit_test(bn_before_a_padded_convolution_becomes_a_multiply_add),
        cmocka_unit_test(a_second_fold_changes_nothing),
        cmocka_unit_test(the_numbers_are_those_of_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
