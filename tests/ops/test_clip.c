/* Clip: both forms of its bounds, and no gradient at the bounds. */
#include "op_testing.h"

static void bounds_may_be_attributes(void **state)
{
    (void)state;
    op_test *t = op_test_new("Clip", 6);
    op_test_float(t, "min", 0.0);
    op_test_float(t, "max", 6.0);
    op_test_flow(t, SHAPE(1, 2, 3), FLOATS(-1.0f, 0.5f, 7.0f, 6.0f, 3.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 3), FLOATS(0.0f, 0.5f, 6.0f, 6.0f, 3.0f, 0.0f), TOL_EXACT);
    op_test_free(t);
}

static void bounds_may_be_inputs_and_left_out(void **state)
{
    (void)state;
    op_test *t = op_test_new("Clip", 11);
    op_test_flow(t, SHAPE(3), FLOATS(-1.0f, 0.5f, 7.0f));
    op_test_absent(t);
    op_test_const(t, SCALAR, FLOATS(6.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-1.0f, 0.5f, 6.0f), TOL_EXACT);
    op_test_free(t);
}

static void gradient_passes_inside_the_bounds(void **state)
{
    (void)state;
    op_test *t = op_test_new("Clip", 13);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(-1.0f, 0.5f, 7.0f, 3.0f));
    op_test_const(t, SCALAR, FLOATS(0.0f));
    op_test_const(t, SCALAR, FLOATS(6.0f));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void gradient_is_zero_at_the_bounds(void **state)
{
    (void)state;
    op_test *t = op_test_new("Clip", 6);
    op_test_float(t, "min", 0.0);
    op_test_float(t, "max", 6.0);
    op_test_flow(t, SHAPE(3), FLOATS(0.0f, 6.0f, 5.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(1.0f, 1.0f, 1.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 1) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 2) == 1.0);
    op_test_free(t);
}

static void a_bound_of_several_numbers_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Clip", 11);
    op_test_random(t, SHAPE(2), 0.0f, 1.0f);
    op_test_const(t, SHAPE(2), FLOATS(0.0f, 1.0f));
    op_test_refused(t, RF_EMODEL, "bound 'x1' must be one number");
}

static void integers_have_bounds_too(void **state)
{
    (void)state;
    op_test *t = op_test_new("Clip", 12);
    op_test_const_ints(t, SHAPE(3), INTS(-5, 2, 9));
    op_test_absent(t);
    op_test_const_ints(t, SCALAR, INTS(4));
    op_test_expect_ints(t, 0, SHAPE(3), INTS(-5, 2, 4));
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_may_be_attributes),
        cmocka_unit_test(bounds_may_be_inputs_and_left_out),
        cmocka_unit_test(gradient_passes_inside_the_bounds),
        cmocka_unit_test(gradient_is_zero_at_the_bounds),
        cmocka_unit_test(a_bound_of_several_numbers_is_refused),
        cmocka_unit_test(integers_have_bounds_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
