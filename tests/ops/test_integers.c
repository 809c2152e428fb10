/* Operators of integers and truth values: Mod, BitShift, And, Or, Xor, CumSum, ArgMin, Hardmax. */
#include "op_testing.h"

static void rests_have_the_sign_of_either_operand(void **state)
{
    (void)state;
    for (int64_t fmod = 0; fmod < 2; fmod++) {
        op_test *t = op_test_new("Mod", 13);
        op_test_int(t, "fmod", fmod);
        op_test_const_ints(t, SHAPE(6), INTS(-4, 7, 5, 4, -7, INT64_MIN));
        op_test_const_ints(t, SHAPE(6), INTS(2, -3, 8, -2, 3, -1));
        op_test_expect_ints(t, 0, SHAPE(6),
                            fmod ? INTS(0, 1, 5, 0, -1, 0) : INTS(0, -2, 5, 0, 2, 0));
        op_test_free(t);
    }
    op_test *t = op_test_new("Mod", 13);
    op_test_int(t, "fmod", 1);
    op_test_flow(t, SHAPE(2, 1), FLOATS(-4.5f, 7.5f));
    op_test_flow(t, SHAPE(2), FLOATS(2.0f, -3.0f));
    op_test_expect(t, 0, SHAPE(2, 2), FLOATS(-0.5f, -1.5f, 1.5f, 1.5f), TOL_EXACT);
    op_test_free(t);
}

static void what_has_no_rest_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Mod", 13);
    op_test_const_ints(t, SHAPE(2), INTS(1, 2));
    op_test_const_ints(t, SHAPE(2), INTS(1, 0));
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    CHECK_FAILS(t->ctx, RF_EMODEL, "integer division by 0", t->op->forward(&t->step));
    op_test_free(t);
    t = op_test_new("Mod", 13);
    op_test_flow(t, SHAPE(1), FLOATS(1.0f));
    op_test_flow(t, SHAPE(1), FLOATS(1.0f));
    op_test_refused(t, RF_EMODEL, "attribute fmod is not 1");
}

static void bits_are_shifted_out(void **state)
{
    (void)state;
    for (int left = 0; left < 2; left++) {
        op_test *t = op_test_new("BitShift", 11);
        op_test_string(t, "direction", left ? "LEFT" : "RIGHT");
        op_test_tensor(t, RF_DTYPE_U8, SHAPE(3), (const uint8_t[]){ 16, 4, 255 }, true);
        op_test_tensor(t, RF_DTYPE_U8, SHAPE(3), (const uint8_t[]){ 1, 2, 200 }, true);
        op_test_expect_ints(t, 0, SHAPE(3), left ? INTS(32, 16, 0) : INTS(8, 1, 0));
        op_test_free(t);
    }
    op_test *t = op_test_new("BitShift", 11);
    op_test_tensor(t, RF_DTYPE_U8, SHAPE(1), (const uint8_t[]){ 1 }, true);
    op_test_tensor(t, RF_DTYPE_U8, SHAPE(1), (const uint8_t[]){ 1 }, true);
    op_test_refused(t, RF_EMODEL, "direction '', expected LEFT or RIGHT");
}

static void truth_values_combine(void **state)
{
    static const struct {
        const char *op;
        int64_t expected[4];
    } cases[] = { { "And", { 0, 0, 0, 1 } }, { "Or", { 0, 1, 1, 1 } }, { "Xor", { 0, 1, 1, 0 } } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new(cases[i].op, 7);
        op_test_tensor(t, RF_DTYPE_BOOL, SHAPE(2, 1), (const uint8_t[]){ 0, 1 }, true);
        op_test_tensor(t, RF_DTYPE_BOOL, SHAPE(2), (const uint8_t[]){ 0, 1 }, true);
        op_test_expect_ints(t, 0, SHAPE(2, 2), cases[i].expected);
        op_test_free(t);
    }
    op_test *t = op_test_new("And", 7);
    op_test_const_ints(t, SHAPE(1), INTS(1));
    op_test_const_ints(t, SHAPE(1), INTS(1));
    op_test_refused(t, RF_EMODEL, "inputs are int64 and int64, expected bool");
}

static void infinities_are_found_by_sign(void **state)
{
    (void)state;
    op_test *t = op_test_new("IsInf", 10);
    op_test_int(t, "detect_negative", 0);
    op_test_flow(t, SHAPE(4), FLOATS(INFINITY, -INFINITY, NAN, 1.0f));
    op_test_expect_ints(t, 0, SHAPE(4), INTS(1, 0, 0, 0));
    op_test_free(t);
    t = op_test_new("IsNaN", 9);
    op_test_flow(t, SHAPE(4), FLOATS(INFINITY, -INFINITY, NAN, 1.0f));
    op_test_expect_ints(t, 0, SHAPE(4), INTS(0, 0, 1, 0));
    op_test_free(t);
}

static void sums_accumulate_from_either_end(void **state)
{
    static const float expected[4][3] = {
        { 1.0f, 3.0f, 6.0f }, { 0.0f, 1.0f, 3.0f }, { 6.0f, 5.0f, 3.0f }, { 5.0f, 3.0f, 0.0f }
    };
    (void)state;
    for (int i = 0; i < 4; i++)
        for (int axis = 0; axis < 3; axis++) {
            op_test *t = op_test_new("CumSum", 14);
            op_test_int(t, "exclusive", i & 1);
            op_test_int(t, "reverse", i >> 1);
            op_test_flow(t, SHAPE(axis == 0 ? 3 : 1, axis == 1 ? 3 : 1, axis == 2 ? 3 : 1),
                         FLOATS(1.0f, 2.0f, 3.0f));
            op_test_const_ints(t, SCALAR, INTS(axis - 3));
            op_test_expect(t, 0, t->inputs[0].values->shape, expected[i], TOL_EXACT);
            op_test_free(t);
            t = op_test_new("CumSum", 14);
            op_test_int(t, "exclusive", i & 1);
            op_test_int(t, "reverse", i >> 1);
            op_test_random(t, SHAPE(2, 3, 4), -1.0f, 1.0f);
            op_test_const_ints(t, SCALAR, INTS(axis));
            op_test_gradients(t, TOL_GRADIENT);
            op_test_free(t);
        }
}

static void the_smallest_is_found(void **state)
{
    (void)state;
    for (int64_t last = 0; last < 2; last++) {
        op_test *t = op_test_new("ArgMin", 13);
        op_test_int(t, "axis", 1);
        op_test_int(t, "keepdims", 0);
        op_test_int(t, "select_last_index", last);
        op_test_flow(t, SHAPE(2, 3), FLOATS(3.0f, 1.0f, 1.0f, -1.0f, 0.0f, 2.0f));
        op_test_expect_ints(t, 0, SHAPE(2), last ? INTS(2, 0) : INTS(1, 0));
        op_test_free(t);
    }
}

static void the_first_largest_of_a_group_is_one(void **state)
{
    (void)state;
    op_test *t = op_test_new("Hardmax", 13);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(3.0f, 1.0f, 1.0f, 1.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(1.0f, 1.0f, 0.0f, 0.0f), TOL_EXACT);
    assert_null(t->op->backward);
    op_test_free(t);
    t = op_test_new("Hardmax", 11); /* everything from axis 1 on is one group */
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1.0f, 1.0f, 3.0f, 1.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(0.0f, 0.0f, 1.0f, 0.0f), TOL_EXACT);
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rests_have_the_sign_of_either_operand),
        cmocka_unit_test(what_has_no_rest_is_refused),
        cmocka_unit_test(bits_are_shifted_out),
        cmocka_unit_test(truth_values_combine),
        cmocka_unit_test(infinities_are_found_by_sign),
        cmocka_unit_test(sums_accumulate_from_either_end),
        cmocka_unit_test(the_smallest_is_found),
        cmocka_unit_test(the_first_largest_of_a_group_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
