/* Inspection: counts, what is missing, and the advice that fits. */
#include "build_graph.h"

/* x [?, 3, 8, 8] -> Conv 1x1 to 4 channels -> last operator. */
static rf_graph *conv_and(rf_context *ctx, const char *last, bool with_bias, rf_shape out_shape)
{
    rf_graph *g = build_graph(ctx);
    rf_value *in[] = { build_input(g, "x", (rf_shape){ 4, { -1, 3, 8, 8 } }),
                       build_floats(g, "w", (rf_shape){ 4, { 4, 3, 1, 1 } }, NULL),
                       build_floats(g, "b", (rf_shape){ 1, { 4 } }, NULL) };
    rf_node *conv = build_shaped_node(g, "conv", "Conv", NULL, with_bias ? 3 : 2, in,
                                      (rf_shape){ 4, { -1, 4, 8, 8 } });
    rf_node *end = build_shaped_node(g, "last", last, NULL, 1, conv->outputs, out_shape);
    CHECK_OK(ctx, rf_graph_mark_output(g, end->outputs[0]));
    return g;
}

static bool advises(const rf_inspection *seen, const char *text)
{
    for (int i = 0; i < seen->advice_count; i++)
        if (strstr(seen->advice[i], text))
            return true;
    return false;
}

static void parameters_and_multiply_adds_are_counted(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = conv_and(ctx, "Relu", true, (rf_shape){ 4, { -1, 4, 8, 8 } });
    rf_inspection *seen = NULL;
    CHECK_OK(ctx, rf_inspect(g, &seen));
    assert_int_equal(seen->parameters, 4 * 3 + 4);
    assert_int_equal(seen->macs, 8 * 8 * 4 * 3);
    assert_int_equal(seen->operator_count, 2);
    assert_int_equal(seen->unsupported_count, 0);
    assert_true(advises(seen, "TrainingMode.PRESERVE")); /* a bias and no BN: it was fused */
    rf_inspection_free(seen);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_node_without_support_is_named(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = conv_and(ctx, "NoSuchOp", false, (rf_shape){ 4, { -1, 4, 8, 8 } });
    rf_inspection *seen = NULL;
    CHECK_OK(ctx, rf_inspect(g, &seen));
    assert_int_equal(seen->unsupported_count, 1);
    assert_string_equal(seen->unsupported[0], "NoSuchOp (node 'last')");
    assert_true(advises(seen, "without support"));
    assert_false(advises(seen, "TrainingMode.PRESERVE"));
    rf_inspection_free(seen);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_softmax_at_the_end_is_pointed_out(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = conv_and(ctx, "Softmax", false, (rf_shape){ 2, { -1, 256 } });
    rf_inspection *seen = NULL;
    CHECK_OK(ctx, rf_inspect(g, &seen));
    assert_true(advises(seen, "expect the logits"));
    rf_inspection_free(seen);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_multiply_adds_are_counted),
        cmocka_unit_test(a_node_without_support_is_named),
        cmocka_unit_test(a_softmax_at_the_end_is_pointed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
