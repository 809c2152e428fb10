/* PRelu: a slope a channel, trained. */
#include "op_testing.h"

static void each_channel_has_its_slope(void **state)
{
    (void)state;
    op_test *t = op_test_new("PRelu", 9);
    op_test_flow(t, SHAPE(1, 2, 1, 2), FLOATS(-1.0f, 2.0f, -3.0f, 4.0f));
    op_test_param(t, SHAPE(2, 1, 1), FLOATS(0.5f, 0.25f));
    op_test_expect(t, 0, SHAPE(1, 2, 1, 2), FLOATS(-0.5f, 2.0f, -0.75f, 4.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void one_slope_serves_all(void **state)
{
    (void)state;
    op_test *t = op_test_new("PRelu", 7);
    op_test_flow(t, SHAPE(2, 1, 2), FLOATS(-1.0f, 2.0f, -3.0f, 4.0f));
    op_test_param(t, SHAPE(1), FLOATS(-0.5f));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void its_slope_is_a_weight(void **state)
{
    (void)state;
    assert_int_equal(rf_op_find("PRelu", "")->roles[1], RF_ROLE_WEIGHT);
}

static void a_slope_that_would_grow_the_input_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("PRelu", 9);
    op_test_random(t, SHAPE(2, 1), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(3), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "slope [3] does not broadcast to the input [2, 1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_channel_has_its_slope),
        cmocka_unit_test(one_slope_serves_all),
        cmocka_unit_test(its_slope_is_a_weight),
        cmocka_unit_test(a_slope_that_would_grow_the_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
