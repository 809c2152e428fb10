/* Einsum: products, traces, sums, broadcasting, gradients of each operand. */
#include "op_testing.h"

static op_test *einsum(const char *equation)
{
    op_test *t = op_test_new("Einsum", 12);
    op_test_string(t, "equation", equation);
    return t;
}

static void finish(op_test *t)
{
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void products_of_matrices(void **state)
{
    (void)state;
    op_test *t = einsum("ij,jk->ik");
    op_test_flow(t, SHAPE(2, 2), FLOATS(1, 2, 3, 4));
    op_test_flow(t, SHAPE(2, 2), FLOATS(5, 6, 7, 8));
    op_test_expect(t, 0, SHAPE(2, 2), FLOATS(19, 22, 43, 50), TOL_EXACT);
    assert_int_equal(t->op->macs(&t->step), 8);
    finish(t);
    t = einsum("ij, jk"); /* the output is implied */
    op_test_flow(t, SHAPE(1, 2), FLOATS(1, 2));
    op_test_flow(t, SHAPE(2, 1), FLOATS(3, 4));
    op_test_expect(t, 0, SHAPE(1, 1), FLOATS(11), TOL_EXACT);
    finish(t);
    t = einsum("bnhd,bmhd->bhnm"); /* attention */
    op_test_random(t, SHAPE(2, 3, 2, 4), -1.0f, 1.0f);
    op_test_random(t, SHAPE(2, 2, 2, 4), -1.0f, 1.0f);
    finish(t);
}

static void leading_dims_broadcast(void **state)
{
    (void)state;
    op_test *t = einsum("...ij,...jk->...ik");
    op_test_random(t, SHAPE(2, 1, 2, 3), -1.0f, 1.0f);
    op_test_random(t, SHAPE(3, 3, 2), -1.0f, 1.0f);
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
    const rf_shape found = rf_view_shape(&t->out[0]), expected = SHAPE(2, 3, 2, 2);
    assert_true(rf_shape_equal(&found, &expected));
    finish(t);
}

static void diagonals_sums_and_three_operands(void **state)
{
    (void)state;
    op_test *t = einsum("...ii->...i");
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1, 2, 3, 4));
    op_test_expect(t, 0, SHAPE(1, 2), FLOATS(1, 4), TOL_EXACT);
    finish(t);
    t = einsum("ij->");
    op_test_flow(t, SHAPE(2, 2), FLOATS(1, 2, 3, 4));
    op_test_expect(t, 0, SCALAR, FLOATS(10), TOL_EXACT);
    finish(t);
    t = einsum("i,j,i->j");
    op_test_flow(t, SHAPE(2), FLOATS(1, 2));
    op_test_flow(t, SHAPE(3), FLOATS(1, 2, 3));
    op_test_flow(t, SHAPE(2), FLOATS(3, 4));
    op_test_expect(t, 0, SHAPE(3), FLOATS(11, 22, 33), TOL_EXACT);
    finish(t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = { "ij,jk->il", "ij->ij",    "ij,jk,kl->il",
                                "ij,jk->ii", "i1,jk->ik", "ijk,k->i" };
    for (int i = 0; i < 6; i++) {
        op_test *t = einsum(bad[i]);
        op_test_random(t, SHAPE(2, 3), -1.0f, 1.0f);
        op_test_random(t, SHAPE(3, 2), -1.0f, 1.0f);
        op_test_refused(t, RF_EMODEL, "does not fit its 2 inputs");
    }
    op_test *t = einsum("ij,jk->ik");
    op_test_random(t, SHAPE(2, 3), -1.0f, 1.0f);
    op_test_random(t, SHAPE(2, 2), -1.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "equation 'ij,jk->ik' does not fit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_matrices),
        cmocka_unit_test(leading_dims_broadcast),
        cmocka_unit_test(diagonals_sums_and_three_operands),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
