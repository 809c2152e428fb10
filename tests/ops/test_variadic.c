/* Min, Max, Sum and Mean: any number of inputs, broadcasting, ties. */
#include "op_testing.h"

static const char *const ops[] = { "Max", "Mean", "Min", "Sum" };
enum { OPS = sizeof ops / sizeof ops[0] };

static void inputs_broadcast(void **state)
{
    static const float expected[OPS][4] = { { 5.0f, 5.0f, 5.0f, 5.0f },
                                            { 3.0f, 8.0f / 3.0f, 10.0f / 3.0f, 3.0f },
                                            { 1.0f, 1.0f, 2.0f, 2.0f },
                                            { 9.0f, 8.0f, 10.0f, 9.0f } };
    (void)state;
    for (int i = 0; i < OPS; i++) {
        op_test *t = op_test_new(ops[i], 13);
        op_test_flow(t, SHAPE(1, 2, 1), FLOATS(1.0f, 2.0f));
        op_test_flow(t, SHAPE(2), FLOATS(3.0f, 2.0f));
        op_test_flow(t, SCALAR, FLOATS(5.0f));
        op_test_expect(t, 0, SHAPE(1, 2, 2), expected[i], TOL_F32);
        op_test_free(t);
    }
}

static void gradients_are_summed_over_what_was_repeated(void **state)
{
    (void)state;
    for (int i = 0; i < OPS; i++) {
        op_test *t = op_test_new(ops[i], 13);
        op_test_flow(t, SHAPE(1, 2, 1, 2), FLOATS(0.1f, 0.6f, 0.3f, 0.9f));
        op_test_flow(t, SHAPE(3, 1), FLOATS(0.2f, 0.5f, 0.8f));
        op_test_flow(t, SHAPE(1, 2, 3, 1), FLOATS(0.05f, 0.4f, 0.7f, 0.65f, 0.75f, 0.35f));
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void twenty_inputs_are_as_good_as_two(void **state)
{
    (void)state;
    for (int i = 0; i < OPS; i++) {
        op_test *t = op_test_new(ops[i], 13);
        for (int k = 0; k < 20; k++)
            op_test_flow(t, SHAPE(1, 2, 2),
                         FLOATS((float)(k * 7 % 20), (float)(k * 3 % 20), (float)(k * 11 % 20),
                                (float)(k * 9 % 20)));
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void equal_ones_share_the_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("Max", 13);
    for (int i = 0; i < 3; i++)
        op_test_flow(t, SHAPE(1, 1, 1), FLOATS(i == 1 ? 0.0f : 2.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(6.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 3.0);
    assert_true(op_test_at(&t->diff_in[1], 0) == 0.0);
    assert_true(op_test_at(&t->diff_in[2], 0) == 3.0);
    op_test_free(t);
}

static void extrema_of_integers_are_exact(void **state)
{
    (void)state;
    op_test *t = op_test_new("Min", 13);
    op_test_tensor(t, RF_DTYPE_I8, SHAPE(2), (const int8_t[]){ -5, 100 }, true);
    op_test_tensor(t, RF_DTYPE_I8, SHAPE(1), (const int8_t[]){ 7 }, true);
    op_test_expect_ints(t, 0, SHAPE(2), INTS(-5, 7));
    op_test_free(t);
}

static void other_types_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Max", 13);
    op_test_tensor(t, RF_DTYPE_F64, SHAPE(1), (const double[]){ 1.0 }, true);
    op_test_refused(t, RF_EUNSUPPORTED, "inputs are float64");
    t = op_test_new("Sum", 13);
    op_test_const_ints(t, SHAPE(1), INTS(1));
    op_test_refused(t, RF_EUNSUPPORTED, "is int64; refold computes it in float32");
    t = op_test_new("Mean", 13);
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_flow(t, SHAPE(3), FLOATS(1.0f, 2.0f, 3.0f));
    op_test_refused(t, RF_ESHAPE, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_broadcast),
        cmocka_unit_test(gradients_are_summed_over_what_was_repeated),
        cmocka_unit_test(twenty_inputs_are_as_good_as_two),
        cmocka_unit_test(equal_ones_share_the_gradient),
        cmocka_unit_test(extrema_of_integers_are_exact),
        cmocka_unit_test(other_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
