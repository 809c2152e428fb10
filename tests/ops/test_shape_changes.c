/*
 * Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Identity: forms of all opsets, gradients,
 * refusals.
 */
#include "op_testing.h"

static const float six[] = { 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f };

static void reshape_fills_in_the_open_dim(void **state)
{
    (void)state;
    op_test *t = op_test_new("Reshape", 13);
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_const_ints(t, SHAPE(2), INTS(-1, 2));
    op_test_expect(t, 0, SHAPE(3, 2), six, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void reshape_keeps_dims_that_are_zero(void **state)
{
    (void)state;
    op_test *t = op_test_new("Reshape", 13);
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_const_ints(t, SHAPE(3), INTS(0, 0, -1));
    op_test_expect(t, 0, SHAPE(1, 2, 3), six, TOL_EXACT);
    op_test_free(t);
}

static void reshape_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Reshape", 13);
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_const_ints(t, SHAPE(2), INTS(4, -1));
    op_test_refused(t, RF_ESHAPE, "[1, 2, 3] does not reshape to [4, ?]");
    t = op_test_new("Reshape", 14);
    op_test_int(t, "allowzero", 1);
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_const_ints(t, SHAPE(2), INTS(0, 6));
    op_test_refused(t, RF_ESHAPE, "does not reshape to [0, 6]");
    t = op_test_new("Reshape", 13);
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_tensor(t, RF_DTYPE_I64, SHAPE(1), INTS(6), false);
    op_test_refused(t, RF_EUNSUPPORTED, "input 1 'x1' changes at run time");
}

static void flatten_makes_two_dims(void **state)
{
    (void)state;
    const struct {
        int64_t axis, rows, columns;
    } cases[] = { { 0, 1, 6 }, { 1, 1, 6 }, { 2, 2, 3 }, { 3, 6, 1 }, { -1, 2, 3 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new("Flatten", 13);
        op_test_int(t, "axis", cases[i].axis);
        op_test_flow(t, SHAPE(1, 2, 3), six);
        op_test_expect(t, 0, SHAPE(cases[i].rows, cases[i].columns), six, TOL_EXACT);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void squeeze_takes_axes_from_attribute_input_or_ones(void **state)
{
    (void)state;
    op_test *t = op_test_new("Squeeze", 11);
    op_test_ints(t, "axes", 1, INTS(-1));
    op_test_flow(t, SHAPE(1, 6, 1), six);
    op_test_expect(t, 0, SHAPE(1, 6), six, TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Squeeze", 13);
    op_test_flow(t, SHAPE(1, 6, 1), six);
    op_test_const_ints(t, SHAPE(1), INTS(0));
    op_test_expect(t, 0, SHAPE(6, 1), six, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Squeeze", 13);
    op_test_flow(t, SHAPE(1, 6, 1), six);
    op_test_expect(t, 0, SHAPE(6), six, TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Squeeze", 13);
    op_test_flow(t, SHAPE(1, 6, 1), six);
    op_test_const_ints(t, SHAPE(1), INTS(1));
    op_test_refused(t, RF_ESHAPE, "dim 1 is 6; only dims of 1 can be squeezed");
}

static void unsqueeze_counts_axes_in_the_output(void **state)
{
    (void)state;
    op_test *t = op_test_new("Unsqueeze", 11);
    op_test_ints(t, "axes", 2, INTS(0, 3));
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_expect(t, 0, SHAPE(1, 2, 3, 1), six, TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Unsqueeze", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(1), INTS(-1));
    op_test_expect(t, 0, SHAPE(2, 3, 1), six, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Unsqueeze", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(2), INTS(1, 1));
    op_test_refused(t, RF_EMODEL, "axis 1 is listed twice");
}

static void transpose_moves_dims(void **state)
{
    (void)state;
    op_test *t = op_test_new("Transpose", 13);
    op_test_ints(t, "perm", 3, INTS(0, 2, 1));
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_expect(t, 0, SHAPE(1, 3, 2), FLOATS(1.0f, 4.0f, 2.0f, 5.0f, 3.0f, 6.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Transpose", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_expect(t, 0, SHAPE(3, 2), FLOATS(1.0f, 4.0f, 2.0f, 5.0f, 3.0f, 6.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Transpose", 13);
    op_test_ints(t, "perm", 4, INTS(3, 0, 2, 1));
    op_test_random(t, SHAPE(2, 3, 4, 5), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void a_perm_that_is_no_order_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Transpose", 13);
    op_test_ints(t, "perm", 2, INTS(0, 0));
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_refused(t, RF_EMODEL, "perm is not an order of 2 dims");
}

static void identity_changes_nothing(void **state)
{
    (void)state;
    op_test *t = op_test_new("Identity", 13);
    op_test_flow(t, SHAPE(1, 2, 3), six);
    op_test_expect(t, 0, SHAPE(1, 2, 3), six, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reshape_fills_in_the_open_dim),
        cmocka_unit_test(reshape_keeps_dims_that_are_zero),
        cmocka_unit_test(reshape_that_does_not_fit_is_refused),
        cmocka_unit_test(flatten_makes_two_dims),
        cmocka_unit_test(squeeze_takes_axes_from_attribute_input_or_ones),
        cmocka_unit_test(unsqueeze_counts_axes_in_the_output),
        cmocka_unit_test(transpose_moves_dims),
        cmocka_unit_test(a_perm_that_is_no_order_is_refused),
        cmocka_unit_test(identity_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
