/*
 * Shape, Size, Constant, ConstantOfShape, Cast, Range, Where, comparisons: what planning evaluates.
 */
#include "op_testing.h"

static void shape_and_size_need_no_contents(void **state)
{
    (void)state;
    op_test *t = op_test_new("Shape", 15);
    op_test_random(t, SHAPE(2, 3, 4, 5), 0.0f, 1.0f);
    op_test_expect_ints(t, 0, SHAPE(4), INTS(2, 3, 4, 5));
    op_test_free(t);
    t = op_test_new("Shape", 15);
    op_test_int(t, "start", 1);
    op_test_int(t, "end", -1);
    op_test_random(t, SHAPE(2, 3, 4, 5), 0.0f, 1.0f);
    op_test_expect_ints(t, 0, SHAPE(2), INTS(3, 4));
    op_test_free(t);
    t = op_test_new("Size", 13);
    op_test_random(t, SHAPE(2, 3, 4), 0.0f, 1.0f);
    op_test_expect_ints(t, 0, SCALAR, INTS(24));
    op_test_free(t);
}

static void constant_of_shape_is_float_zero_by_default(void **state)
{
    (void)state;
    op_test *t = op_test_new("ConstantOfShape", 9);
    op_test_const_ints(t, SHAPE(2), INTS(2, 3));
    op_test_expect(t, 0, SHAPE(2, 3), (const float[6]){ 0 }, TOL_EXACT);
    op_test_free(t);
    t = op_test_new("ConstantOfShape", 9);
    op_test_const_ints(t, SHAPE(2), INTS(INT64_C(1) << 40, INT64_C(1) << 40));
    assert_int_equal(op_test_infer(t), RF_ESHAPE);
    op_test_free(t);
}

static void cast_truncates_toward_zero(void **state)
{
    (void)state;
    op_test *t = op_test_new("Cast", 13);
    op_test_int(t, "to", 7);
    op_test_flow(t, SHAPE(5), FLOATS(-1.9f, 1.9f, 0.0f, NAN, 1e30f));
    op_test_expect_ints(t, 0, SHAPE(5), INTS(-1, 1, 0, 0, INT64_MAX));
    op_test_free(t);
    t = op_test_new("Cast", 13);
    op_test_int(t, "to", 9);
    op_test_flow(t, SHAPE(3), FLOATS(0.5f, 0.0f, -3.0f));
    op_test_expect_ints(t, 0, SHAPE(3), INTS(1, 0, 1));
    op_test_free(t);
    t = op_test_new("Cast", 13);
    op_test_int(t, "to", 1);
    op_test_const_ints(t, SHAPE(2), INTS(-3, 7));
    op_test_expect(t, 0, SHAPE(2), FLOATS(-3.0f, 7.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Cast", 13);
    op_test_int(t, "to", 1);
    op_test_flow(t, SHAPE(1, 2, 1), FLOATS(-3.0f, 7.0f));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Cast", 13);
    op_test_int(t, "to", 8);
    op_test_flow(t, SHAPE(1), FLOATS(1.0f));
    op_test_refused(t, RF_EUNSUPPORTED, "target type 8");
}

static void range_counts_up_and_down(void **state)
{
    (void)state;
    op_test *t = op_test_new("Range", 11);
    op_test_const_ints(t, SCALAR, INTS(10));
    op_test_const_ints(t, SCALAR, INTS(4));
    op_test_const_ints(t, SCALAR, INTS(-2));
    op_test_expect_ints(t, 0, SHAPE(3), INTS(10, 8, 6));
    op_test_free(t);
    t = op_test_new("Range", 11);
    op_test_const_ints(t, SCALAR, INTS(0));
    op_test_const_ints(t, SCALAR, INTS(4));
    op_test_const_ints(t, SCALAR, INTS(0));
    op_test_refused(t, RF_EMODEL, "in steps of 0");
}

static void where_chooses_and_passes_gradients_to_the_chosen(void **state)
{
    (void)state;
    op_test *t = op_test_new("Where", 9);
    op_test_tensor(t, RF_DTYPE_BOOL, SHAPE(1, 2, 1), "\1\0", false);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
    op_test_flow(t, SHAPE(2), FLOATS(10.0f, 20.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 10.0f, 20.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void comparisons_are_exact_for_integers_and_false_for_nan(void **state)
{
    (void)state;
    const struct {
        const char *op;
        int64_t ints[3], floats[3];
    } cases[] = { { "Equal", { 0, 1, 0 }, { 0, 1, 0 } },
                  { "Less", { 1, 0, 0 }, { 1, 0, 0 } },
                  { "Greater", { 0, 0, 1 }, { 0, 0, 0 } },
                  { "LessOrEqual", { 1, 1, 0 }, { 1, 1, 0 } },
                  { "GreaterOrEqual", { 0, 1, 1 }, { 0, 1, 0 } } };
    const int64_t big = INT64_C(1) << 53;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new(cases[i].op, 13);
        op_test_const_ints(t, SHAPE(3), INTS(big, 5, big + 1));
        op_test_const_ints(t, SHAPE(3), INTS(big + 1, 5, big));
        op_test_expect_ints(t, 0, SHAPE(3), cases[i].ints);
        op_test_free(t);
        t = op_test_new(cases[i].op, 13);
        op_test_flow(t, SHAPE(3), FLOATS(1.0f, 2.0f, NAN));
        op_test_flow(t, SHAPE(3), FLOATS(2.0f, 2.0f, 1.0f));
        op_test_expect_ints(t, 0, SHAPE(3), cases[i].floats);
        op_test_free(t);
    }
}

static void not_inverts(void **state)
{
    (void)state;
    op_test *t = op_test_new("Not", 1);
    op_test_tensor(t, RF_DTYPE_BOOL, SHAPE(2), "\1\0", false);
    op_test_expect_ints(t, 0, SHAPE(2), INTS(0, 1));
    op_test_free(t);
}

static void arg_max_finds_the_first_or_last(void **state)
{
    (void)state;
    op_test *t = op_test_new("ArgMax", 12);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(2, 3), FLOATS(1.0f, 3.0f, 3.0f, 5.0f, 4.0f, 3.0f));
    op_test_expect_ints(t, 0, SHAPE(2, 1), INTS(1, 0));
    op_test_int(t, "select_last_index", 1);
    op_test_int(t, "keepdims", 0);
    op_test_expect_ints(t, 0, SHAPE(2), INTS(2, 0));
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_and_size_need_no_contents),
        cmocka_unit_test(constant_of_shape_is_float_zero_by_default),
        cmocka_unit_test(cast_truncates_toward_zero),
        cmocka_unit_test(range_counts_up_and_down),
        cmocka_unit_test(where_chooses_and_passes_gradients_to_the_chosen),
        cmocka_unit_test(comparisons_are_exact_for_integers_and_false_for_nan),
        cmocka_unit_test(not_inverts),
        cmocka_unit_test(arg_max_finds_the_first_or_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
