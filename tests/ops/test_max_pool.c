/* MaxPool: attributes, ties, ceil_mode as PyTorch has it, gradients, refusals. */
#include "op_testing.h"

static const float grid[16] = { 1.0f, 2.0f,  3.0f,  4.0f,  8.0f,  7.0f,  6.0f,  5.0f,
                                9.0f, 10.0f, 11.0f, 12.0f, 16.0f, 15.0f, 14.0f, 13.0f };

static op_test *pool_of_grid(int64_t kernel, int64_t stride)
{
    op_test *t = op_test_new("MaxPool", 12);
    op_test_ints(t, "kernel_shape", 2, INTS(kernel, kernel));
    op_test_ints(t, "strides", 2, INTS(stride, stride));
    op_test_flow(t, SHAPE(1, 1, 4, 4), grid);
    return t;
}

static void windows_give_their_largest_value(void **state)
{
    (void)state;
    op_test *t = pool_of_grid(2, 2);
    op_test_expect(t, 0, SHAPE(1, 1, 2, 2), FLOATS(8.0f, 6.0f, 16.0f, 14.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void pads_never_win(void **state)
{
    (void)state;
    op_test *t = op_test_new("MaxPool", 8);
    op_test_ints(t, "kernel_shape", 1, INTS(3));
    op_test_ints(t, "pads", 2, INTS(1, 1));
    op_test_int(t, "storage_order", 1);
    op_test_flow(t, SHAPE(1, 1, 4), FLOATS(-4.0f, -3.0f, -2.0f, -1.0f));
    op_test_expect(t, 0, SHAPE(1, 1, 4), FLOATS(-3.0f, -2.0f, -1.0f, -1.0f), TOL_EXACT);
    op_test_free(t);
}

static void the_first_of_equal_values_takes_the_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("MaxPool", 8);
    op_test_ints(t, "kernel_shape", 2, INTS(2, 2));
    op_test_flow(t, SHAPE(1, 1, 2, 3), FLOATS(0.0f, 5.0f, 5.0f, 5.0f, 5.0f, 1.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
    op_test_set_diff(t, 0, FLOATS(1.0f, 10.0f));
    op_test_backward(t);
    const float expected[] = { 0.0f, 11.0f, 0.0f, 0.0f, 0.0f, 0.0f };
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(op_test_at(&t->diff_in[0], i), expected[i], TOL_EXACT);
    op_test_free(t);
}

static void ceil_mode_adds_a_window_that_starts_in_the_input(void **state)
{
    (void)state;
    op_test *t = pool_of_grid(3, 2);
    op_test_int(t, "ceil_mode", 1);
    op_test_expect(t, 0, SHAPE(1, 1, 2, 2), FLOATS(11.0f, 12.0f, 16.0f, 14.0f), TOL_EXACT);
    op_test_free(t);
    t = pool_of_grid(3, 2);
    op_test_expect(t, 0, SHAPE(1, 1, 1, 1), FLOATS(11.0f), TOL_EXACT);
    op_test_free(t);
}

/*
 * An axis of 3 with a pad at either end: rounded up, a third window of 2 at stride 2 would start
 * in the end pad.
 */
static void ceil_mode_adds_no_window_that_starts_in_the_end_pad(void **state)
{
    (void)state;
    op_test *t = op_test_new("MaxPool", 10);
    op_test_ints(t, "kernel_shape", 1, INTS(2));
    op_test_ints(t, "strides", 1, INTS(2));
    op_test_ints(t, "pads", 2, INTS(1, 1));
    op_test_int(t, "ceil_mode", 1);
    op_test_flow(t, SHAPE(1, 1, 3), FLOATS(1.0f, 2.0f, 3.0f));
    op_test_expect(t, 0, SHAPE(1, 1, 2), FLOATS(1.0f, 3.0f), TOL_EXACT);
    op_test_free(t);
}

static void automatic_pads_and_dilations(void **state)
{
    (void)state;
    op_test *t = op_test_new("MaxPool", 12);
    op_test_ints(t, "kernel_shape", 1, INTS(2));
    op_test_string(t, "auto_pad", "SAME_UPPER");
    op_test_flow(t, SHAPE(1, 1, 3), FLOATS(3.0f, 2.0f, 1.0f));
    op_test_expect(t, 0, SHAPE(1, 1, 3), FLOATS(3.0f, 2.0f, 1.0f), TOL_EXACT);
    op_test_string(t, "auto_pad", "SAME_LOWER");
    op_test_expect(t, 0, SHAPE(1, 1, 3), FLOATS(3.0f, 3.0f, 2.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("MaxPool", 12);
    op_test_ints(t, "kernel_shape", 1, INTS(2));
    op_test_ints(t, "dilations", 1, INTS(2));
    op_test_flow(t, SHAPE(1, 1, 4), FLOATS(3.0f, 9.0f, 1.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(1, 1, 2), FLOATS(3.0f, 9.0f), TOL_EXACT);
    op_test_free(t);
}

static void gradients_over_three_axes_and_many_channels(void **state)
{
    (void)state;
    float values[2 * 3 * 3 * 4 * 3];
    for (int i = 0; i < 216; i++)
        values[i] = (float)(i * 89 % 216) / 20.0f; /* far enough apart for differences */
    op_test *t = op_test_new("MaxPool", 12);
    op_test_ints(t, "kernel_shape", 3, INTS(2, 3, 2));
    op_test_ints(t, "pads", 6, INTS(0, 1, 0, 1, 1, 0));
    op_test_flow(t, SHAPE(2, 3, 3, 4, 3), values);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void what_cannot_be_pooled_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("MaxPool", 12);
    op_test_random(t, SHAPE(1, 2, 4, 4), 0.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "MaxPool 'node': attribute kernel_shape is missing");
    t = op_test_new("MaxPool", 12);
    op_test_ints(t, "kernel_shape", 2, INTS(2, 2));
    op_test_ints(t, "pads", 4, INTS(0, 2, 0, 0));
    op_test_random(t, SHAPE(1, 2, 4, 4), 0.0f, 1.0f);
    op_test_refused(t, RF_EUNSUPPORTED, "windows without input");
    t = op_test_new("MaxPool", 12);
    op_test_ints(t, "kernel_shape", 2, INTS(5, 2));
    op_test_random(t, SHAPE(1, 2, 4, 4), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "reaches over 5 does not fit");
    t = op_test_new("MaxPool", 12);
    op_test_random(t, SHAPE(1, 2), 0.0f, 1.0f);
    op_test_refused(t, RF_EUNSUPPORTED, "1 to 3 spatial dims");
}

static op_test *with_indices(int64_t storage_order)
{
    op_test *t = op_test_new_outputs("MaxPool", 12, 2);
    op_test_ints(t, "kernel_shape", 2, INTS(2, 2));
    op_test_ints(t, "strides", 2, INTS(1, 2));
    op_test_ints(t, "pads", 4, INTS(1, 0, 0, 0));
    op_test_int(t, "storage_order", storage_order);
    op_test_flow(t, SHAPE(1, 2, 2, 4),
                 FLOATS(1, 5, 2, 6, 7, 3, 8, 4, 18, 17, 16, 15, 11, 12, 13, 14));
    return t;
}

static void expect_indices(op_test *t, const int64_t *expected)
{
    op_test_expect(t, 0, SHAPE(1, 2, 2, 2), FLOATS(5, 6, 7, 8, 18, 16, 18, 16), TOL_EXACT);
    for (int64_t i = 0; i < 8; i++)
        assert_int_equal((int64_t)op_test_out(t, 1, i), expected[i]);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void indices_count_rows_or_columns(void **state)
{
    (void)state;
    expect_indices(with_indices(0), INTS(1, 3, 4, 6, 8, 10, 8, 10));
    expect_indices(with_indices(1), INTS(2, 6, 1, 5, 8, 12, 8, 12));
}

static void unpooling_puts_values_back(void **state)
{
    (void)state;
    op_test *t = op_test_new("MaxUnpool", 11);
    op_test_ints(t, "kernel_shape", 2, INTS(1, 2));
    op_test_ints(t, "strides", 2, INTS(1, 2));
    op_test_flow(t, SHAPE(1, 2, 1, 2), FLOATS(5, 6, 7, 8));
    op_test_const_ints(t, SHAPE(1, 2, 1, 2), INTS(1, 2, 4, 7));
    op_test_expect(t, 0, SHAPE(1, 2, 1, 4), FLOATS(0, 5, 6, 0, 7, 0, 0, 8), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_const_ints(t, SHAPE(4), INTS(1, 2, 2, 5));
    op_test_expect(t, 0, SHAPE(1, 2, 2, 5),
                   FLOATS(0, 5, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 8, 0, 0, 0, 0, 0, 0), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("MaxUnpool", 11);
    op_test_ints(t, "kernel_shape", 2, INTS(1, 2));
    op_test_flow(t, SHAPE(1, 1, 1, 2), FLOATS(5, 6));
    op_test_const_ints(t, SHAPE(1, 1, 1, 2), INTS(0, 3));
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    CHECK_FAILS(t->ctx, RF_EMODEL, "index 3 is outside a dim of 3", t->op->forward(&t->step));
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_give_their_largest_value),
        cmocka_unit_test(pads_never_win),
        cmocka_unit_test(the_first_of_equal_values_takes_the_gradient),
        cmocka_unit_test(ceil_mode_adds_a_window_that_starts_in_the_input),
        cmocka_unit_test(ceil_mode_adds_no_window_that_starts_in_the_end_pad),
        cmocka_unit_test(automatic_pads_and_dilations),
        cmocka_unit_test(gradients_over_three_axes_and_many_channels),
        cmocka_unit_test(what_cannot_be_pooled_is_refused),
        cmocka_unit_test(indices_count_rows_or_columns),
        cmocka_unit_test(unpooling_puts_values_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
