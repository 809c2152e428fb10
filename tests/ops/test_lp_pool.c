/* LpPool, GlobalLpPool and LRN against their definitions. */
#include "op_testing.h"

static void windows_are_measured(void **state)
{
    (void)state;
    op_test *t = op_test_new("LpPool", 18);
    op_test_ints(t, "kernel_shape", 1, INTS(2));
    op_test_ints(t, "pads", 2, INTS(1, 0));
    op_test_flow(t, SHAPE(1, 1, 4), FLOATS(3.0f, -4.0f, 0.0f, 5.0f));
    op_test_expect(t, 0, SHAPE(1, 1, 4), FLOATS(3.0f, 5.0f, 4.0f, 5.0f), TOL_F32);
    op_test_free(t);
    t = op_test_new("LpPool", 11);
    op_test_int(t, "p", 1);
    op_test_ints(t, "kernel_shape", 1, INTS(2));
    op_test_ints(t, "strides", 1, INTS(2));
    op_test_flow(t, SHAPE(1, 2, 4), FLOATS(3.0f, -4.0f, 0.0f, 5.0f, 1.0f, 1.0f, 2.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(7.0f, 5.0f, 2.0f, 4.0f), TOL_F32);
    op_test_free(t);
}

static void windows_have_gradients(void **state)
{
    (void)state;
    for (int64_t p = 1; p < 4; p++) {
        op_test *t = op_test_new("LpPool", 18);
        op_test_int(t, "p", p);
        op_test_ints(t, "kernel_shape", 2, INTS(2, 3));
        op_test_ints(t, "strides", 2, INTS(1, 2));
        op_test_ints(t, "dilations", 2, INTS(2, 1));
        op_test_ints(t, "pads", 4, INTS(0, 1, 1, 1));
        op_test_random(t, SHAPE(2, 3, 4, 5), 0.2f, 1.0f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void a_whole_channel_is_one_window(void **state)
{
    (void)state;
    op_test *t = op_test_new("GlobalLpPool", 2);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(3.0f, -4.0f, 0.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 1), FLOATS(5.0f, 0.0f), TOL_F32);
    op_test_free(t);
    for (int64_t p = 1; p < 4; p++) {
        t = op_test_new("GlobalLpPool", 2);
        op_test_int(t, "p", p);
        op_test_random(t, SHAPE(2, 3, 2, 2), -1.0f, -0.2f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

/* An even size counts one channel more behind than before. */
static void neighbouring_channels_damp(void **state)
{
    (void)state;
    op_test *t = op_test_new("LRN", 13);
    op_test_int(t, "size", 2);
    op_test_float(t, "alpha", 2.0);
    op_test_float(t, "beta", 0.5);
    op_test_float(t, "bias", 3.0);
    op_test_flow(t, SHAPE(1, 3, 1), FLOATS(2.0f, 3.0f, 1.0f));
    op_test_expect(t, 0, SHAPE(1, 3, 1), FLOATS(0.5f, 3.0f / sqrtf(13.0f), 0.5f), TOL_F32);
    op_test_free(t);
}

static void damping_has_gradients(void **state)
{
    (void)state;
    for (int64_t size = 1; size < 6; size++) {
        op_test *t = op_test_new("LRN", 13);
        op_test_int(t, "size", size);
        op_test_float(t, "alpha", 0.8);
        op_test_random(t, SHAPE(2, 5, 2, 2), -1.0f, 1.0f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void impossible_attributes_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("LRN", 13);
    op_test_random(t, SHAPE(1, 2, 2), -1.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "size is 0, expected at least 1");
    t = op_test_new("LpPool", 18);
    op_test_int(t, "p", 0);
    op_test_ints(t, "kernel_shape", 1, INTS(2));
    op_test_random(t, SHAPE(1, 2, 2), -1.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "p is 0, expected at least 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_measured),
        cmocka_unit_test(windows_have_gradients),
        cmocka_unit_test(a_whole_channel_is_one_window),
        cmocka_unit_test(neighbouring_channels_damp),
        cmocka_unit_test(damping_has_gradients),
        cmocka_unit_test(impossible_attributes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
