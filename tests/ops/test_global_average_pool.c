/* GlobalAveragePool: the mean over every spatial axis. */
#include "op_testing.h"

static void images_become_their_means(void **state)
{
    (void)state;
    op_test *t = op_test_new("GlobalAveragePool", 1);
    op_test_flow(t, SHAPE(2, 2, 1, 3),
                 FLOATS(1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 9.0f, -1.0f, 0.0f, 1.0f, 7.0f, 7.0f, 7.0f));
    op_test_expect(t, 0, SHAPE(2, 2, 1, 1), FLOATS(2.0f, 6.0f, 0.0f, 7.0f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void one_and_three_axes(void **state)
{
    (void)state;
    op_test *t = op_test_new("GlobalAveragePool", 1);
    op_test_random(t, SHAPE(2, 3, 5), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("GlobalAveragePool", 1);
    op_test_random(t, SHAPE(1, 18, 2, 1, 3), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void tensors_without_spatial_dims_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("GlobalAveragePool", 1);
    op_test_random(t, SHAPE(2, 3), -1.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "input is [2, 3], expected [n, channels, ...]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_become_their_means),
        cmocka_unit_test(one_and_three_axes),
        cmocka_unit_test(tensors_without_spatial_dims_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
