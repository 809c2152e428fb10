/* Parameters that are computed from constants become constants. */
#include "sim/net_text.h"

#include "exec/computed_params.h"

static const float *weight_of(const rf_graph *g, const char *node, int input)
{
    const rf_value *v = rf_node_input(rf_graph_find_node(g, node), input);
    assert_non_null(v);
    return v->constant ? rf_tensor_f32(v->constant) : NULL;
}

static const char *name_of(const rf_graph *g, const char *node, int input)
{
    return rf_node_input(rf_graph_find_node(g, node), input)->name;
}

static rf_graph *computed(rf_context *ctx, const char *text)
{
    rf_graph *g = net_of(ctx, text);
    CHECK_OK(ctx, rf_graph_compute_params(g));
    CHECK_OK(ctx, rf_graph_check(g));
    return g;
}

static void identity_chains_leave_the_name_of_the_constant(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = computed(ctx, "input x:-1,3,4,4\ni = Identity w:2,3,1,1\nj = Identity i\n"
                                "c = Conv x j\noutput c");
    assert_string_equal(name_of(g, "c", 1), "w");
    assert_non_null(weight_of(g, "c", 1));
    assert_int_equal(g->node_count, 1);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* PyTorch writes equal parameters once, and Identity nodes for the others. */
static void what_others_read_too_is_copied(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = computed(
        ctx,
        "input x:-1,2,4,4\nn = BatchNormalization x " NET_BN(
            "bn", "2") "\n"
                       "s = Identity bn.scale\nm = BatchNormalization n s bn.bias bn.mean bn.var\n"
                       "output m");
    assert_string_equal(name_of(g, "m", 1), "s");
    assert_ptr_not_equal(weight_of(g, "m", 1), weight_of(g, "n", 1));
    assert_memory_equal(weight_of(g, "m", 1), weight_of(g, "n", 1), 2 * sizeof(float));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void weights_in_another_order_are_put_in_theirs(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const char *text = "input x:-1,3,4,4\nt = Transpose w:1,1,3,2 perm=3,2,0,1\n"
                       "d = Mul t t\nc = Conv x d\noutput c";
    rf_graph *stored = net_of(ctx, text), *g = computed(ctx, text);
    const float *w = rf_tensor_f32(rf_graph_find_value(stored, "w")->constant);
    for (int oc = 0; oc < 2; oc++)
        for (int ic = 0; ic < 3; ic++)
            CHECK_NEAR(weight_of(g, "c", 1)[oc * 3 + ic], w[ic * 2 + oc] * w[ic * 2 + oc], 1e-7);
    assert_null(rf_graph_find_value(g, "w"));
    rf_graph_free(stored);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void the_transpose_of_a_linear_layer_stays(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = computed(ctx, "input x:-1,3\nt = Transpose w:2,3 perm=1,0\ny = MatMul x t\n"
                                "output y");
    assert_string_equal(name_of(g, "y", 1), "t");
    assert_non_null(rf_graph_find_node(g, "t"));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void what_the_data_decide_or_refold_does_not_know_stays(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g =
        computed(ctx, "input x:-1,3,4,4\nv = Foo w:2,3,1,1\nc = Conv x v\nm = ReduceMean x axes=1\n"
                      "d = Add m b:1,1,1,1\ne = Conv x d\noutput c\noutput e");
    assert_null(weight_of(g, "c", 1));
    assert_null(weight_of(g, "e", 1));
    assert_int_equal(g->node_count, 5);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_chains_leave_the_name_of_the_constant),
        cmocka_unit_test(what_others_read_too_is_copied),
        cmocka_unit_test(weights_in_another_order_are_put_in_theirs),
        cmocka_unit_test(the_transpose_of_a_linear_layer_stays),
        cmocka_unit_test(what_the_data_decide_or_refold_does_not_know_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
