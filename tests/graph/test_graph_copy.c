/* Copies share nothing, and helper nodes can be taken out again. */
#include "graph/copy.h"
#include "graph_maker.h"

static rf_graph *make_small(rf_context *ctx)
{
    rf_graph *g = make_graph(ctx);
    rf_value *x = make_input(g, "x", 4, DIMS(-1, 3, 8, 8));
    rf_value *y = NODE(g, "Relu", "relu", make_conv(g, "conv", x, 3, 4));
    mark_output(y, g);
    CHECK_OK(ctx, rf_node_set_ints(g, rf_graph_find_node(g, "conv"), "pads", DIMS(1, 1, 1, 1), 4));
    CHECK_OK(ctx, rf_graph_set_metadata(g, "author", "me"));
    return g;
}

static void assert_same_text(const rf_graph *a, const rf_graph *b)
{
    char *first = NULL, *second = NULL;
    CHECK_OK(a->ctx, rf_graph_text(a, &first));
    CHECK_OK(b->ctx, rf_graph_text(b, &second));
    assert_string_equal(first, second);
    rf_free(a->ctx, first);
    rf_free(b->ctx, second);
}

static void a_copy_is_equal_and_independent(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_small(ctx), *copy = NULL;
    CHECK_OK(ctx, rf_graph_clone(g, &copy));
    CHECK_OK(ctx, rf_graph_check(copy));
    assert_same_text(g, copy);
    rf_graph_find_value(g, "conv.weight")->constant->count =
        0; /* nothing of g may matter from here on */
    rf_graph_free(g);
    int64_t count = 0;
    assert_int_equal(rf_attr_ints(rf_graph_find_node(copy, "conv"), "pads", &count)[3], 1);
    assert_string_equal(rf_graph_metadata(copy, "author"), "me");
    assert_int_equal(rf_graph_opset(copy, ""), 13);
    assert_true(rf_tensor_f32(rf_graph_find_value(copy, "conv.weight")->constant)[107] == 108.0F);
    assert_int_equal(rf_graph_input_count(copy), 1);
    assert_int_equal(rf_graph_output_count(copy), 1);
    rf_graph_free(copy);
    rf_context_free(ctx);
}

static int released;

static void retain(void *origin)
{
    ++*(int *)origin;
}

static void release(void *origin)
{
    released = --*(int *)origin;
}

static void the_origin_lives_as_long_as_the_last_copy(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_small(ctx), *copy = NULL;
    int count = 1;
    g->origin = &count;
    g->origin_retain = retain;
    g->origin_release = release;
    CHECK_OK(ctx, rf_graph_copy(g, &copy));
    rf_graph_free(g);
    assert_int_equal(released, 1);
    rf_graph_free(copy);
    assert_int_equal(released, 0);
    rf_context_free(ctx);
}

static void stripping_undoes_what_inserting_did(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_small(ctx), *before = NULL;
    CHECK_OK(ctx, rf_graph_clone(g, &before));
    rf_value *relu = rf_graph_find_value(g, "relu"), *w = rf_graph_find_value(g, "conv.weight");
    rf_value *q = FAKEQUANT(g, "relu_q", relu, make_constant(g, "relu_q.min", 1, DIMS(1)));
    CHECK_OK(ctx, rf_graph_replace_uses(g, relu, q, q->producer));
    q = FAKEQUANT(g, "w_q", w);
    CHECK_OK(ctx, rf_graph_replace_uses(g, w, q, q->producer));
    CHECK_OK(ctx, rf_graph_sort(g));
    CHECK_OK(ctx, rf_graph_strip(g, "FakeQuant", "refold"));
    CHECK_OK(ctx, rf_graph_check(g));
    assert_same_text(before, g);
    assert_null(rf_graph_find_value(g, "relu_q.min"));
    assert_int_equal(g->values.count, before->values.count);
    assert_ptr_equal(g->outputs.items[0], relu);
    rf_graph_free(g);
    rf_graph_free(before);
    rf_context_free(ctx);
}

/* An allocator that gives out after so many blocks. */
static void *scarce_alloc(void *user, size_t bytes)
{
    int *left = user;
    return (*left)-- > 0 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
}

static void scarce_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static void running_out_of_memory_anywhere_leaves_nothing_behind(void **state)
{
    (void)state;
    int left = 1 << 30;
    const rf_context_options options = {
        .threads = 1, .alloc = scarce_alloc, .free = scarce_free, .alloc_user = &left
    };
    rf_context *ctx = NULL;
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    rf_graph *g = make_small(ctx);
    rf_status st = RF_ENOMEM;
    for (int blocks = 0; st == RF_ENOMEM; blocks++) {
        rf_graph *copy = NULL;
        left = blocks;
        st = rf_graph_clone(g, &copy);
        assert_true(st == RF_OK ? copy != NULL : copy == NULL && blocks < 1000);
        rf_graph_free(copy);
    }
    assert_int_equal(st, RF_OK);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_equal_and_independent),
        cmocka_unit_test(the_origin_lives_as_long_as_the_last_copy),
        cmocka_unit_test(stripping_undoes_what_inserting_did),
        cmocka_unit_test(running_out_of_memory_anywhere_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
