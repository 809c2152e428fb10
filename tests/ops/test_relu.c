/* Relu: values, gradient from the output alone, and what it refuses. */
#include "op_testing.h"

static void negative_numbers_become_zero_and_nan_stays(void **state)
{
    (void)state;
    op_test *t = op_test_new("Relu", 13);
    op_test_flow(t, SHAPE(1, 2, 3), FLOATS(-1.0f, 0.0f, 2.0f, NAN, -0.5f, 1e30f));
    op_test_expect(t, 0, SHAPE(1, 2, 3), FLOATS(0.0f, 0.0f, 2.0f, NAN, 0.0f, 1e30f), TOL_EXACT);
    op_test_free(t);
}

static void gradient_passes_where_the_output_is_positive(void **state)
{
    (void)state;
    op_test *t = op_test_new("Relu", 6);
    op_test_flow(t, SHAPE(1, 2, 1, 3), FLOATS(-1.0f, 0.5f, 2.0f, 3.0f, -0.5f, 0.1f));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void gradient_at_zero_is_zero(void **state)
{
    (void)state;
    op_test *t = op_test_new("Relu", 6);
    op_test_flow(t, SHAPE(3), FLOATS(0.0f, -0.0f, 1.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(5.0f, 5.0f, 5.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 1) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 2) == 5.0);
    op_test_free(t);
}

static void an_absent_gradient_counts_as_zero(void **state)
{
    (void)state;
    op_test *t = op_test_new("Relu", 6);
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 1) == 0.0);
    op_test_free(t);
}

static void long_tensors_take_the_parallel_path(void **state)
{
    (void)state;
    op_test *t = op_test_new("Relu", 13);
    op_test_random(t, SHAPE(4, 3, 50, 100), -1.0f, 1.0f);
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_CHANNELS_LAST);
    for (int64_t i = 0; i < 60000; i++)
        assert_true(op_test_out(t, 0, i) == fmax(0.0, op_test_at(&t->in[0], i)));
    op_test_free(t);
}

static void integers_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Relu", 14);
    op_test_tensor(t, RF_DTYPE_I64, SHAPE(1), INTS(1), false);
    op_test_refused(t, RF_EUNSUPPORTED, "Relu 'node': input 0 'x0' is int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negative_numbers_become_zero_and_nan_stays),
        cmocka_unit_test(gradient_passes_where_the_output_is_positive),
        cmocka_unit_test(gradient_at_zero_is_zero),
        cmocka_unit_test(an_absent_gradient_counts_as_zero),
        cmocka_unit_test(long_tensors_take_the_parallel_path),
        cmocka_unit_test(integers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
