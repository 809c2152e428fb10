/* What goes in and out. */
#include "graph/ports.h"
#include "graph_maker.h"

static void ports_tell_name_type_and_dims(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_port port;
    mark_output(NODE(g, "Relu", "y", make_input(g, "x", 4, DIMS(-1, 3, 8, 9))), g);
    assert_int_equal(rf_graph_input_count(g), 1);
    assert_int_equal(rf_graph_output_count(g), 1);
    CHECK_OK(ctx, rf_graph_input(g, 0, &port));
    assert_string_equal(port.name, "x");
    assert_int_equal(port.dtype, RF_DTYPE_F32);
    assert_int_equal(port.rank, 4);
    assert_int_equal(port.dims[3], 9);
    CHECK_OK(ctx, rf_graph_output(g, 0, &port));
    assert_string_equal(port.name, "y");
    CHECK_FAILS(ctx, RF_EARG, "input 1", rf_graph_input(g, 1, &port));
    CHECK_FAILS(ctx, RF_EARG, "output -1", rf_graph_output(g, -1, &port));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_sample_is_the_input_without_its_batch(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    rf_shape shape;
    make_input(g, "x", 4, DIMS(-1, 3, 8, 9));
    make_input(g, "open", 3, DIMS(2, -1, 4));
    CHECK_OK(ctx, rf_graph_sample_shape(g, 0, &shape));
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dims[0], 3);
    CHECK_OK(ctx, rf_graph_sample_shape(g, 1, &shape));
    assert_int_equal(shape.dims[0], -1);
    make_input(g, "unknown", -1, NULL);
    CHECK_OK(ctx, rf_graph_sample_shape(g, 2, &shape));
    assert_int_equal(shape.rank, -1);
    make_input(g, "scalar", 0, NULL);
    CHECK_FAILS(ctx, RF_EARG, "'scalar' is a scalar", rf_graph_sample_shape(g, 3, &shape));
    assert_int_equal(rf_graph_fixed_batch(g), 0);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_batch_is_fixed_where_every_input_says_so(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = make_graph(ctx);
    make_input(g, "x", 2, DIMS(8, 3));
    assert_int_equal(rf_graph_fixed_batch(g), 8);
    make_input(g, "y", 2, DIMS(-1, 3));
    assert_int_equal(rf_graph_fixed_batch(g), 0);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_tell_name_type_and_dims),
        cmocka_unit_test(a_sample_is_the_input_without_its_batch),
        cmocka_unit_test(a_batch_is_fixed_where_every_input_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
