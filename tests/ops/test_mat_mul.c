/* MatMul: vectors, batches that broadcast, gradients summed over repeated matrices. */
#include "op_testing.h"

static void check_gradients(rf_shape a, rf_shape b)
{
    op_test *t = op_test_new("MatMul", 13);
    op_test_random(t, a, -1.0f, 1.0f);
    op_test_random_param(t, b, -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void a_stack_times_one_matrix(void **state)
{
    (void)state;
    op_test *t = op_test_new("MatMul", 13);
    op_test_flow(t, SHAPE(2, 1, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
    op_test_param(t, SHAPE(2, 3), FLOATS(1.0f, 0.0f, 2.0f, 0.0f, 1.0f, 4.0f));
    op_test_expect(t, 0, SHAPE(2, 1, 3), FLOATS(1.0f, 2.0f, 10.0f, 3.0f, 4.0f, 22.0f), TOL_EXACT);
    assert_int_equal(t->op->macs(&t->step), 12);
    op_test_free(t);
    check_gradients(SHAPE(2, 3, 4), SHAPE(4, 5));
}

static void vectors_lose_their_dim(void **state)
{
    (void)state;
    op_test *t = op_test_new("MatMul", 13);
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_flow(t, SHAPE(2), FLOATS(3.0f, 4.0f));
    op_test_expect(t, 0, SCALAR, FLOATS(11.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("MatMul", 13);
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_flow(t, SHAPE(2, 2, 1), FLOATS(3.0f, 4.0f, 5.0f, 6.0f));
    op_test_expect(t, 0, SHAPE(2, 1), FLOATS(11.0f, 17.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("MatMul", 13);
    op_test_flow(t, SHAPE(2, 1, 2), FLOATS(3.0f, 4.0f, 5.0f, 6.0f));
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(2, 1), FLOATS(11.0f, 17.0f), TOL_EXACT);
    op_test_free(t);
    check_gradients(SHAPE(4), SHAPE(4, 3));
    check_gradients(SHAPE(2, 3, 4), SHAPE(4));
    check_gradients(SHAPE(4), SHAPE(2, 4, 3));
}

static void batches_broadcast(void **state)
{
    (void)state;
    op_test *t = op_test_new("MatMul", 13);
    op_test_flow(t, SHAPE(2, 1, 1, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
    op_test_flow(t, SHAPE(2, 2, 1), FLOATS(1.0f, 1.0f, 2.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(2, 2, 1, 1), FLOATS(3.0f, 2.0f, 7.0f, 6.0f), TOL_EXACT);
    op_test_free(t);
    check_gradients(SHAPE(2, 1, 3, 4), SHAPE(3, 4, 2));
    check_gradients(SHAPE(3, 4), SHAPE(2, 2, 4, 3));
    check_gradients(SHAPE(2, 2, 3, 4), SHAPE(2, 1, 4, 3));
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("MatMul", 13);
    op_test_random(t, SHAPE(2, 3), 0.0f, 1.0f);
    op_test_random(t, SHAPE(4, 2), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "MatMul 'node': shapes [2, 3] and [4, 2] cannot be multiplied");
    t = op_test_new("MatMul", 13);
    op_test_random(t, SHAPE(2, 2, 3), 0.0f, 1.0f);
    op_test_random(t, SHAPE(3, 3, 2), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "batch dims of [2, 2, 3] and [3, 3, 2] do not broadcast");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_times_one_matrix),
        cmocka_unit_test(vectors_lose_their_dim),
        cmocka_unit_test(batches_broadcast),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
