/* Editing keeps names, uses and producers in step. */
#include "graph_maker.h"

static void uses_follow_every_edit(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_value *x = make_input(g, "x", 1, DIMS(4)), *y = make_input(g, "y", 1, DIMS(4));
    rf_value *sum = NODE(g, "Add", "sum", x, x);
    rf_node *add = sum->producer;
    assert_int_equal(rf_value_use_count(x), 2);
    assert_null(rf_value_only_consumer(x));
    CHECK_OK(ctx, rf_node_set_input(g, add, 1, y));
    assert_int_equal(rf_value_use_count(x), 1);
    assert_ptr_equal(rf_value_only_consumer(x), add);
    assert_ptr_equal(rf_value_only_consumer(y), add);
    CHECK_OK(ctx, rf_node_set_input(g, add, 4, x)); /* the list grows, with slots left out */
    assert_int_equal(add->input_count, 5);
    assert_null(add->inputs[3]);
    assert_int_equal(rf_value_use_count(x), 2);
    CHECK_OK(ctx, rf_graph_check(g));
    CHECK_OK(ctx, rf_graph_remove_node(g, add));
    assert_int_equal(rf_value_use_count(x), 0);
    assert_null(sum->producer);
    assert_null(rf_graph_find_node(g, "sum"));
    CHECK_OK(ctx, rf_graph_check(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void replacing_uses_moves_consumers_and_the_graphs_output(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_value *x = make_input(g, "x", 1, DIMS(4));
    rf_value *a = NODE(g, "Relu", "a", x), *b = NODE(g, "Relu", "b", a);
    mark_output(a, g);
    rf_value *q = FAKEQUANT(g, "q", a);
    CHECK_OK(ctx, rf_graph_replace_uses(g, a, q, q->producer));
    assert_ptr_equal(b->producer->inputs[0], q);
    assert_ptr_equal(q->producer->inputs[0], a);
    assert_ptr_equal(g->outputs.items[0], q);
    assert_true(q->is_output);
    assert_false(a->is_output);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void names_are_unique_and_made_up_where_missing(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_value *x = make_input(g, "x", 1, DIMS(4)), *out = NULL;
    rf_node *n = NULL;
    CHECK_FAILS(ctx, RF_EMODEL, "'x'", rf_graph_add_value(g, "x", RF_DTYPE_F32, NULL, NULL));
    CHECK_FAILS(ctx, RF_EMODEL, "empty", rf_graph_add_value(g, "", RF_DTYPE_F32, NULL, NULL));
    NODE(g, "Relu", "Relu", x);
    CHECK_OK(ctx, rf_graph_add_value(g, "out", RF_DTYPE_F32, NULL, &out));
    rf_node_desc desc = {
        .op_type = "Relu", .inputs = &x, .input_count = 1, .outputs = &out, .output_count = 1
    };
    CHECK_OK(ctx, rf_graph_add_node(g, &desc, &n));
    assert_true(n->name_made_up);
    assert_string_equal(n->name, "Relu_1");
    desc.name = "second";
    CHECK_FAILS(ctx, RF_EMODEL, "made elsewhere", rf_graph_add_node(g, &desc, NULL));
    assert_string_equal(rf_graph_unique_name(g, "x"), "x_1");
    assert_string_equal(rf_graph_unique_name(g, "new"), "new");
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void attributes_are_set_replaced_and_removed(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_node *n = NODE(g, "Conv", "c", make_input(g, "x", 1, DIMS(4)))->producer;
    int64_t count = 7;
    CHECK_OK(ctx, rf_node_set_int(g, n, "group", 2));
    CHECK_OK(ctx, rf_node_set_ints(g, n, "pads", DIMS(1, 2, 3, 4), 4));
    CHECK_OK(ctx, rf_node_set_float(g, n, "alpha", 0.25));
    CHECK_OK(ctx, rf_node_set_string(g, n, "auto_pad", "VALID"));
    CHECK_OK(ctx, rf_node_set_int(g, n, "group", 3));
    assert_int_equal(n->attr_count, 4);
    assert_int_equal(rf_attr_int(n, "group", 1), 3);
    assert_int_equal(rf_attr_int(n, "alpha", 9), 9); /* of another type: as if absent */
    assert_true(rf_attr_float(n, "alpha", 0.0F) == 0.25F);
    assert_string_equal(rf_attr_string(n, "auto_pad", "NOTSET"), "VALID");
    assert_int_equal(rf_attr_ints(n, "pads", &count)[3], 4);
    assert_int_equal(count, 4);
    rf_node_remove_attr(n, "group");
    assert_int_equal(rf_attr_int(n, "group", 1), 1);
    assert_int_equal(n->attr_count, 3);
    assert_null(rf_attr_ints(n, "strides", &count));
    assert_int_equal(count, 0);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void metadata_and_operator_sets_are_replaced_in_place(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    assert_false(rf_graph_holds_sim(g));
    CHECK_OK(ctx, rf_graph_set_metadata(g, "author", "me"));
    CHECK_OK(ctx, rf_graph_set_metadata(g, "refold", "{}"));
    assert_true(rf_graph_holds_sim(g));
    CHECK_OK(ctx, rf_graph_set_metadata(g, "refold", NULL));
    assert_false(rf_graph_holds_sim(g));
    assert_string_equal(rf_graph_metadata(g, "author"), "me");
    CHECK_OK(ctx, rf_graph_set_opset(g, "", 21));
    assert_int_equal(rf_graph_opset(g, ""), 21);
    assert_int_equal(rf_graph_opset(g, "com.microsoft"), 0);
    assert_int_equal(g->opsets.count, 1);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_new_constant_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_value *w = make_constant(g, "w", 1, DIMS(4));
    rf_tensor *t = NULL;
    w->origin = "as if read";
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 2, DIMS(2, 3), &t));
    CHECK_OK(ctx, rf_value_take_constant(g, w, t));
    assert_ptr_equal(w->constant, t);
    assert_int_equal(w->shape.rank, 2);
    assert_null(w->origin);
    assert_int_equal(g->tensors.count, 1);
    CHECK_OK(ctx, rf_graph_check(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_follow_every_edit),
        cmocka_unit_test(replacing_uses_moves_consumers_and_the_graphs_output),
        cmocka_unit_test(names_are_unique_and_made_up_where_missing),
        cmocka_unit_test(attributes_are_set_replaced_and_removed),
        cmocka_unit_test(metadata_and_operator_sets_are_replaced_in_place),
        cmocka_unit_test(a_new_constant_takes_the_place_of_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
