/* Sub, Mul, Div, Pow, Min, Max: values, gradients with broadcasting, ties, integers. */
#include "op_testing.h"

static void values_are_those_of_the_formula(void **state)
{
    (void)state;
    const struct {
        const char *op;
        float expected[4];
    } cases[] = {
        { "Sub", { -1.0f, 0.0f, 2.5f, 0.0f } }, { "Mul", { 2.0f, 4.0f, 1.5f, 16.0f } },
        { "Div", { 0.5f, 1.0f, 6.0f, 1.0f } },  { "Pow", { 1.0f, 4.0f, 1.73205081f, 256.0f } },
        { "Min", { 1.0f, 2.0f, 0.5f, 4.0f } },  { "Max", { 2.0f, 2.0f, 3.0f, 4.0f } }
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new(cases[i].op, 13);
        op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
        op_test_flow(t, SHAPE(1, 2, 2), FLOATS(2.0f, 2.0f, 0.5f, 4.0f));
        op_test_expect(t, 0, SHAPE(1, 2, 2), cases[i].expected, TOL_F32);
        op_test_free(t);
    }
}

static const char *const smooth[] = { "Sub", "Mul", "Div", "Pow" };

static void gradients_are_summed_over_repeated_dims(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof smooth / sizeof smooth[0]; i++) {
        op_test *t = op_test_new(smooth[i], 13);
        op_test_random(t, SHAPE(2, 3, 2, 2), 0.5f, 1.5f);
        op_test_random_param(t, SHAPE(3, 1, 1), 0.5f, 1.5f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
        t = op_test_new(smooth[i], 13);
        op_test_random(t, SHAPE(3, 1), 0.5f, 1.5f);
        op_test_random(t, SHAPE(2, 1, 4), 0.5f, 1.5f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
        t = op_test_new(smooth[i], 13);
        op_test_const(t, SCALAR, FLOATS(1.25f));
        op_test_random(t, SHAPE(2, 3, 4), 0.5f, 1.5f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

/*
 * Squeeze and excitation: one factor a sample and channel, so both inputs flow in channels-last
 * order.
 */
static void a_gate_for_each_channel_gets_its_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("Mul", 13);
    op_test_random(t, SHAPE(2, 3, 2, 2), -1.0f, 1.0f);
    op_test_random(t, SHAPE(2, 3, 1, 1), 0.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void extremes_give_the_gradient_to_the_winner(void **state)
{
    (void)state;
    const char *const ops[] = { "Min", "Max" };
    for (int i = 0; i < 2; i++) {
        op_test *t = op_test_new(ops[i], 13);
        op_test_flow(t, SHAPE(1, 2, 3), FLOATS(1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f));
        op_test_flow(t, SHAPE(2, 1), FLOATS(1.5f, 7.0f));
        op_test_flow(t, SHAPE(1), FLOATS(4.5f));
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void equal_inputs_share_the_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("Max", 13);
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 0.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(8.0f, 8.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 4.0);
    assert_true(op_test_at(&t->diff_in[1], 0) == 4.0);
    assert_true(op_test_at(&t->diff_in[0], 1) == 8.0);
    assert_true(op_test_at(&t->diff_in[1], 1) == 0.0);
    op_test_free(t);
}

static void integers_work_for_shape_arithmetic(void **state)
{
    (void)state;
    const struct {
        const char *op;
        int64_t expected[3];
    } cases[] = { { "Sub", { -4, -9, -5 } },
                  { "Mul", { -3, -14, 0 } },
                  { "Div", { -3, -3, 0 } },
                  { "Min", { -3, -7, 0 } },
                  { "Max", { 1, 2, 5 } } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int64_t *a = INTS(-3, -7, 0), *b = INTS(1, 2, 5);
        op_test *t = op_test_new(cases[i].op, 13);
        op_test_const_ints(t, SHAPE(3), a);
        op_test_const_ints(t, SHAPE(3), b);
        op_test_expect_ints(t, 0, SHAPE(3), cases[i].expected);
        op_test_free(t);
    }
}

static void integer_division_by_zero_is_an_error(void **state)
{
    (void)state;
    op_test *t = op_test_new("Div", 13);
    op_test_const_ints(t, SHAPE(1), INTS(1));
    op_test_const_ints(t, SHAPE(1), INTS(0));
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    CHECK_FAILS(t->ctx, RF_EMODEL, "Div 'node': integer division by 0", t->op->forward(&t->step));
    op_test_free(t);
}

static void the_smallest_integer_can_be_divided_by_minus_one(void **state)
{
    (void)state;
    op_test *t = op_test_new("Div", 13);
    op_test_const_ints(t, SHAPE(1), INTS(INT64_MIN));
    op_test_const_ints(t, SHAPE(1), INTS(-1));
    op_test_expect_ints(t, 0, SHAPE(1), INTS(INT64_MIN));
    op_test_free(t);
}

static void integers_are_powers_as_well(void **state)
{
    (void)state;
    op_test *t = op_test_new("Pow", 13); /* the exponent may be of another dtype than the base */
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(0.5f, -2.0f, 3.0f, 1.5f));
    op_test_const_ints(t, SHAPE(2), INTS(2, 3));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(0.25f, -8.0f, 9.0f, 3.375f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Pow", 13);
    op_test_const_ints(t, SHAPE(2), INTS(-3, 5));
    op_test_const(t, SCALAR, FLOATS(2.0f));
    op_test_expect_ints(t, 0, SHAPE(2), INTS(9, 25));
    op_test_free(t);
}

static void narrow_integers_wrap(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 14);
    op_test_tensor(t, RF_DTYPE_U8, SHAPE(2), (const uint8_t[]){ 250, 3 }, true);
    op_test_tensor(t, RF_DTYPE_U8, SHAPE(1), (const uint8_t[]){ 10 }, true);
    op_test_expect_ints(t, 0, SHAPE(2), INTS(4, 13));
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_formula),
        cmocka_unit_test(gradients_are_summed_over_repeated_dims),
        cmocka_unit_test(a_gate_for_each_channel_gets_its_gradient),
        cmocka_unit_test(extremes_give_the_gradient_to_the_winner),
        cmocka_unit_test(equal_inputs_share_the_gradient),
        cmocka_unit_test(integers_work_for_shape_arithmetic),
        cmocka_unit_test(integer_division_by_zero_is_an_error),
        cmocka_unit_test(the_smallest_integer_can_be_divided_by_minus_one),
        cmocka_unit_test(integers_are_powers_as_well),
        cmocka_unit_test(narrow_integers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
