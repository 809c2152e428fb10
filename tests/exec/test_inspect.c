/* Inspection: counts, what is missing, and the advice that fits. */
#include "testing.h"

#include "graph/graph.h"

static rf_value *value(rf_graph *g, const char *name, rf_shape shape)
{
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_graph_add_value(g, name, RF_DTYPE_F32, &shape, &v));
    return v;
}

static rf_value *weights(rf_graph *g, const char *name, rf_shape shape)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_tensor_new_shape(g->ctx, RF_DTYPE_F32, &shape, &t));
    CHECK_OK(g->ctx, rf_graph_take_constant(g, name, t, &v));
    return v;
}

static void node(rf_graph *g, const char *name, const char *op, int count, rf_value *const *in,
                 rf_value *out)
{
    const rf_node_desc desc = { .name = name,
                                .op_type = op,
                                .inputs = in,
                                .input_count = count,
                                .outputs = &out,
                                .output_count = 1 };
    rf_node *n = NULL;
    CHECK_OK(g->ctx, rf_graph_add_node(g, &desc, &n));
}

/* x [?, 3, 8, 8] -> Conv 1x1 to 4 channels -> last operator. */
static rf_graph *conv_and(rf_context *ctx, const char *last, bool with_bias, rf_shape out_shape)
{
    rf_graph *g = NULL;
    rf_value *x = NULL;
    const rf_shape image = { 4, { -1, 3, 8, 8 } };
    CHECK_OK(ctx, rf_graph_new(ctx, "test", &g));
    CHECK_OK(ctx, rf_graph_set_opset(g, "", 13));
    CHECK_OK(ctx, rf_graph_add_input(g, "x", RF_DTYPE_F32, &image, &x));
    rf_value *in[] = { x, weights(g, "w", (rf_shape){ 4, { 4, 3, 1, 1 } }),
                       weights(g, "b", (rf_shape){ 1, { 4 } }) };
    rf_value *y = value(g, "y", (rf_shape){ 4, { -1, 4, 8, 8 } }), *z = value(g, "z", out_shape);
    node(g, "conv", "Conv", with_bias ? 3 : 2, in, y);
    node(g, "last", last, 1, &y, z);
    CHECK_OK(ctx, rf_graph_mark_output(g, z));
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
