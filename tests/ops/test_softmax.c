/* Softmax and LogSoftmax: both meanings of axis, large arguments, gradients. */
#include "op_testing.h"

static void groups_run_along_one_axis_since_opset_13(void **state)
{
    (void)state;
    op_test *t = op_test_new("Softmax", 13);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(0.0f, 1.0f, 0.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(0.5f, 0.731058579f, 0.5f, 0.268941421f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void everything_from_the_axis_on_is_one_group_before(void **state)
{
    (void)state;
    op_test *t = op_test_new("Softmax", 11);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(0.0f, 0.0f, 0.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(0.25f, 0.25f, 0.25f, 0.25f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void large_logits_do_not_overflow(void **state)
{
    (void)state;
    op_test *t = op_test_new("LogSoftmax", 13);
    op_test_flow(t, SHAPE(1, 2), FLOATS(1000.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 2), FLOATS(0.0f, -1000.0f), TOL_F32);
    op_test_free(t);
    t = op_test_new("Softmax", 13);
    op_test_flow(t, SHAPE(1, 2), FLOATS(1000.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 2), FLOATS(1.0f, 0.0f), TOL_F32);
    op_test_free(t);
}

static void logarithms_have_their_gradient(void **state)
{
    (void)state;
    for (int64_t axis = 0; axis < 3; axis++)
        for (int64_t opset = 11; opset < 14; opset += 2) {
            op_test *t = op_test_new("LogSoftmax", opset);
            op_test_int(t, "axis", axis);
            op_test_random(t, SHAPE(2, 3, 2), -1.0f, 1.0f);
            op_test_gradients(t, TOL_GRADIENT);
            op_test_free(t);
        }
}

static void an_axis_outside_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Softmax", 13);
    op_test_int(t, "axis", 2);
    op_test_random(t, SHAPE(2, 3), -1.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "Softmax 'node': axis 2 is outside a tensor of 2 dims");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_run_along_one_axis_since_opset_13),
        cmocka_unit_test(everything_from_the_axis_on_is_one_group_before),
        cmocka_unit_test(large_logits_do_not_overflow),
        cmocka_unit_test(logarithms_have_their_gradient),
        cmocka_unit_test(an_axis_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
