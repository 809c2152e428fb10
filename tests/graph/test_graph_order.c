/* Order, invariants, pruning, text. */
#include "graph_maker.h"

/* Names of the nodes in order, "a b c". */
static const char *order_of(const rf_graph *g, char text[128])
{
    text[0] = '\0';
    for (const rf_node *n = g->first; n; n = n->next) {
        strcat(text, n->name);
        strcat(text, n->next ? " " : "");
    }
    return text;
}

static rf_value *declare(rf_graph *g, const char *name)
{
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_graph_add_value(g, name, RF_DTYPE_F32, NULL, &v));
    return v;
}

static void nodes_in_any_order_are_sorted(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    char text[128];
    rf_value *x = make_input(g, "x", 1, DIMS(4)), *a = declare(g, "a"), *b = declare(g, "b");
    NODE(g, "Add", "c", a, b);
    NODE(g, "Relu", "b", a);
    NODE(g, "Relu", "a", x);
    CHECK_FAILS(ctx, RF_EMODEL, "made later", rf_graph_check(g));
    CHECK_OK(ctx, rf_graph_sort(g));
    assert_string_equal(order_of(g, text), "a b c");
    assert_string_equal(g->last->name, "c");
    CHECK_OK(ctx, rf_graph_check(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_sorted_graph_keeps_its_order(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    char text[128];
    rf_value *x = make_input(g, "x", 1, DIMS(4));
    rf_value *a = NODE(g, "Relu", "a", x);
    NODE(g, "Relu", "b", a);
    NODE(g, "Relu", "c", x);
    CHECK_OK(ctx, rf_graph_sort(g));
    assert_string_equal(order_of(g, text), "a b c");
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_cycle_is_refused_by_the_name_of_a_node(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_value *x = make_input(g, "x", 1, DIMS(4)), *loop = declare(g, "loop");
    NODE(g, "Relu", "fine", x);
    rf_value *a = NODE(g, "Add", "a", x, loop);
    NODE(g, "Relu", "loop", a);
    CHECK_FAILS(ctx, RF_EMODEL, "Add node 'a'", rf_graph_sort(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void broken_invariants_are_found(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_value *x = make_input(g, "x", 1, DIMS(4)), *stray = declare(g, "stray");
    rf_value *a = NODE(g, "Relu", "a", x);
    CHECK_OK(ctx, rf_graph_check(g));
    CHECK_OK(ctx, rf_node_set_input(g, a->producer, 0, stray));
    CHECK_FAILS(ctx, RF_EMODEL, "'stray'", rf_graph_check(g));
    CHECK_OK(ctx, rf_node_set_input(g, a->producer, 0, x));
    x->uses = NULL;
    CHECK_FAILS(ctx, RF_EMODEL, "does not list", rf_graph_check(g));
    x->uses = &a->producer->input_uses[0];
    a->producer = NULL;
    CHECK_FAILS(ctx, RF_EMODEL, "another node", rf_graph_check(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void pruning_takes_what_leads_nowhere_and_nothing_else(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    char text[128];
    rf_value *x = make_input(g, "x", 1, DIMS(4)), *unused = make_input(g, "unused", 1, DIMS(4));
    rf_value *dead = NODE(g, "Add", "dead", x, make_constant(g, "w", 1, DIMS(4)));
    NODE(g, "Relu", "deader", dead);
    rf_value *kept = NODE(g, "Relu", "kept", x), *inner = NODE(g, "Relu", "inner", x);
    mark_output(kept, g);
    inner->pinned = true;
    CHECK_OK(ctx, rf_graph_prune(g));
    CHECK_OK(ctx, rf_graph_check(g));
    assert_string_equal(order_of(g, text), "kept inner");
    assert_null(rf_graph_find_value(g, "w"));
    assert_null(rf_graph_find_value(g, "deader"));
    assert_ptr_equal(rf_graph_find_value(g, "unused"), unused);
    assert_int_equal(g->tensors.count, 0);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void the_text_has_a_line_a_node(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    char *text = NULL;
    rf_value *y = NODE(g, "Relu", "r", make_input(g, "x", 1, DIMS(4)));
    FAKEQUANT(g, "q", y, NULL);
    CHECK_OK(ctx, rf_graph_text(g, &text));
    assert_string_equal(text, "Relu 'r' (x) -> (r)\nrefold.FakeQuant 'q' (r, ) -> (q)\n");
    rf_free(ctx, text);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_in_any_order_are_sorted),
        cmocka_unit_test(a_sorted_graph_keeps_its_order),
        cmocka_unit_test(a_cycle_is_refused_by_the_name_of_a_node),
        cmocka_unit_test(broken_invariants_are_found),
        cmocka_unit_test(pruning_takes_what_leads_nowhere_and_nothing_else),
        cmocka_unit_test(the_text_has_a_line_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
