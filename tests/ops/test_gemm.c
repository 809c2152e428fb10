/* Gemm: orientations, factors, biases that broadcast, gradients. */
#include "op_testing.h"

static void a_small_product_with_factors_and_bias(void **state)
{
    (void)state;
    op_test *t = op_test_new("Gemm", 11);
    op_test_float(t, "alpha", 0.5);
    op_test_float(t, "beta", 2.0);
    op_test_flow(t, SHAPE(2, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
    op_test_param(t, SHAPE(2, 3), FLOATS(1.0f, 0.0f, 2.0f, 0.0f, 1.0f, 4.0f));
    op_test_param(t, SHAPE(3), FLOATS(10.0f, 20.0f, 30.0f));
    op_test_expect(t, 0, SHAPE(2, 3), FLOATS(20.5f, 41.0f, 65.0f, 21.5f, 42.0f, 71.0f), TOL_F32);
    assert_int_equal(t->op->macs(&t->step), 12);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void every_orientation_has_its_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        op_test *t = op_test_new("Gemm", 11);
        op_test_int(t, "transA", i & 1);
        op_test_int(t, "transB", i >> 1);
        op_test_float(t, "alpha", 1.5);
        op_test_random(t, i & 1 ? SHAPE(4, 3) : SHAPE(3, 4), -1.0f, 1.0f);
        op_test_random_param(t, i >> 1 ? SHAPE(5, 4) : SHAPE(4, 5), -1.0f, 1.0f);
        op_test_run(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
        const float *a = t->inputs[0].values->data, *b = t->inputs[1].values->data;
        for (int m = 0; m < 3; m++)
            for (int n = 0; n < 5; n++) {
                double sum = 0.0;
                for (int k = 0; k < 4; k++)
                    sum += (double)a[i & 1 ? k * 3 + m : m * 4 + k] *
                           (double)b[i >> 1 ? n * 4 + k : k * 5 + n];
                CHECK_NEAR(op_test_out(t, 0, m * 5 + n), 1.5 * sum, TOL_F32);
            }
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void biases_of_every_shape_broadcast(void **state)
{
    (void)state;
    const rf_shape shapes[] = { SCALAR, SHAPE(1), SHAPE(4), SHAPE(3, 1), SHAPE(1, 4), SHAPE(3, 4) };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        op_test *t = op_test_new("Gemm", 13);
        op_test_float(t, "beta", 0.5);
        op_test_random(t, SHAPE(3, 2), -1.0f, 1.0f);
        op_test_random_param(t, SHAPE(2, 4), -1.0f, 1.0f);
        op_test_random_param(t, shapes[i], -1.0f, 1.0f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void matrices_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Gemm", 11);
    op_test_int(t, "transB", 1);
    op_test_random(t, SHAPE(3, 4), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4, 5), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "input is [3, 4], weights are [4, 5] transposed: inner dims");
    t = op_test_new("Gemm", 11);
    op_test_random(t, SHAPE(3, 4, 1), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4, 5), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "expected two matrices");
    t = op_test_new("Gemm", 11);
    op_test_random(t, SHAPE(1, 4), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4, 5), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(2, 5), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "bias is [2, 5], expected to broadcast to [1, 5]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_product_with_factors_and_bias),
        cmocka_unit_test(every_orientation_has_its_gradients),
        cmocka_unit_test(biases_of_every_shape_broadcast),
        cmocka_unit_test(matrices_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
