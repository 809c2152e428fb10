/* AveragePool: what is counted with pads and ceil_mode, and gradients. */
#include "op_testing.h"

static op_test *padded_line(bool count_padding)
{
    op_test *t = op_test_new("AveragePool", 11);
    op_test_ints(t, "kernel_shape", 1, INTS(3));
    op_test_ints(t, "pads", 2, INTS(1, 1));
    op_test_int(t, "count_include_pad", count_padding);
    op_test_flow(t, SHAPE(1, 1, 3), FLOATS(3.0f, 6.0f, 9.0f));
    return t;
}

static void pads_count_only_where_asked(void **state)
{
    (void)state;
    op_test *t = padded_line(false);
    op_test_expect(t, 0, SHAPE(1, 1, 3), FLOATS(4.5f, 6.0f, 7.5f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = padded_line(true);
    op_test_expect(t, 0, SHAPE(1, 1, 3), FLOATS(3.0f, 6.0f, 5.0f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

/*
 * An axis of 4 and one pad behind it: the second window covers the last cell, the pad and one cell
 * beyond.
 */
static void cells_beyond_the_pads_never_count(void **state)
{
    (void)state;
    op_test *t = op_test_new("AveragePool", 11);
    op_test_ints(t, "kernel_shape", 1, INTS(3));
    op_test_ints(t, "strides", 1, INTS(3));
    op_test_ints(t, "pads", 2, INTS(0, 1));
    op_test_int(t, "ceil_mode", 1);
    op_test_int(t, "count_include_pad", 1);
    op_test_flow(t, SHAPE(1, 1, 4), FLOATS(1.0f, 2.0f, 3.0f, 8.0f));
    op_test_expect(t, 0, SHAPE(1, 1, 2), FLOATS(2.0f, 4.0f), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void overlapping_windows_add_their_gradients(void **state)
{
    (void)state;
    op_test *t = op_test_new("AveragePool", 7);
    op_test_ints(t, "kernel_shape", 2, INTS(3, 2));
    op_test_ints(t, "strides", 2, INTS(1, 2));
    op_test_string(t, "auto_pad", "SAME_LOWER");
    op_test_random(t, SHAPE(2, 5, 4, 3), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void integers_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("AveragePool", 7);
    op_test_ints(t, "kernel_shape", 1, INTS(1));
    op_test_const_ints(t, SHAPE(1, 1, 1), INTS(1));
    op_test_refused(t, RF_EUNSUPPORTED, "is int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pads_count_only_where_asked),
        cmocka_unit_test(cells_beyond_the_pads_never_count),
        cmocka_unit_test(overlapping_windows_add_their_gradients),
        cmocka_unit_test(integers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
