/*
 * The Reduce operators and GlobalMaxPool: axes in all forms, ties, gradients in every layout.
 */
#include "op_testing.h"

static const float eight[] = { 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f };

static void axes_may_be_attribute_or_input(void **state)
{
    (void)state;
    op_test *t = op_test_new("ReduceMean", 11);
    op_test_ints(t, "axes", 1, INTS(-1));
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_expect(t, 0, SHAPE(1, 2, 1), FLOATS(2.5f, 6.5f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("ReduceMean", 18);
    op_test_int(t, "keepdims", 0);
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_const_ints(t, SHAPE(1), INTS(1));
    op_test_expect(t, 0, SHAPE(1, 4), FLOATS(3.0f, 4.0f, 5.0f, 6.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("ReduceSum", 13);
    op_test_int(t, "keepdims", 0);
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_expect(t, 0, SCALAR, FLOATS(36.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("ReduceSum", 13);
    op_test_int(t, "noop_with_empty_axes", 1);
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_expect(t, 0, SHAPE(1, 2, 4), eight, TOL_EXACT);
    op_test_free(t);
}

static void every_set_of_axes_has_its_gradient(void **state)
{
    (void)state;
    const char *const ops[] = { "ReduceL1",  "ReduceL2",       "ReduceLogSum", "ReduceLogSumExp",
                                "ReduceMax", "ReduceMean",     "ReduceMin",    "ReduceProd",
                                "ReduceSum", "ReduceSumSquare" };
    for (size_t op = 0; op < sizeof ops / sizeof ops[0]; op++)
        for (int set = 1; set < 16; set++)
            for (int keep = 0; keep < 2; keep++) {
                int64_t axes[4];
                int64_t count = 0;
                for (int d = 0; d < 4; d++)
                    if (set >> d & 1)
                        axes[count++] = d;
                op_test *t = op_test_new(ops[op], 11);
                op_test_ints(t, "axes", count, axes);
                op_test_int(t, "keepdims", keep);
                /* Far enough apart that no difference changes which is the largest. */
                float values[24];
                for (int i = 0; i < 24; i++)
                    values[i] = 0.25f + (float)(i * 7 % 24) / 16.0f;
                op_test_flow(t, SHAPE(2, 3, 2, 2), values);
                op_test_gradients(t, TOL_GRADIENT);
                op_test_free(t);
            }
}

static void the_mean_of_an_image_is_the_same_in_both_layouts(void **state)
{
    (void)state;
    op_test *t = op_test_new("ReduceMean", 11);
    op_test_ints(t, "axes", 2, INTS(2, 3));
    op_test_random(t, SHAPE(2, 70, 9, 31), -1.0f, 1.0f);
    float expected[140];
    for (int i = 0; i < 140; i++) {
        double sum = 0.0;
        for (int k = 0; k < 279; k++)
            sum += (double)rf_tensor_f32(t->inputs[0].values)[i * 279 + k];
        expected[i] = (float)(sum / 279.0);
    }
    op_test_expect(t, 0, SHAPE(2, 70, 1, 1), expected, TOL_F32);
    op_test_free(t);
}

static void the_largest_may_be_negative_or_not_a_number(void **state)
{
    (void)state;
    op_test *t = op_test_new("ReduceMax", 13);
    op_test_ints(t, "axes", 1, INTS(1));
    op_test_flow(t, SHAPE(2, 2), FLOATS(-3.0f, -2.0f, NAN, 1.0f));
    op_test_expect(t, 0, SHAPE(2, 1), FLOATS(-2.0f, NAN), TOL_EXACT);
    op_test_free(t);
}

static void equal_largest_share_the_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("GlobalMaxPool", 1);
    op_test_flow(t, SHAPE(1, 1, 4), FLOATS(1.0f, 2.0f, 2.0f, 0.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
    op_test_set_diff(t, 0, FLOATS(6.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 1) == 3.0);
    assert_true(op_test_at(&t->diff_in[0], 2) == 3.0);
    op_test_free(t);
}

static void global_max_pool_keeps_channels(void **state)
{
    (void)state;
    op_test *t = op_test_new("GlobalMaxPool", 1);
    op_test_flow(t, SHAPE(1, 2, 2, 2), eight);
    op_test_expect(t, 0, SHAPE(1, 2, 1, 1), FLOATS(4.0f, 8.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void values_are_those_of_the_formulas(void **state)
{
    static const struct {
        const char *op;
        float expected[2];
    } cases[] = {
        { "ReduceL1", { 6.0f, 12.0f } },
        { "ReduceL2", { 3.74165739f, 7.48331499f } },
        { "ReduceLogSum", { 0.69314718f, 2.48490665f } },
        { "ReduceLogSumExp", { 3.13284516f, 6.14293163f } },
        { "ReduceMin", { -2.0f, 2.0f } },
        { "ReduceProd", { -6.0f, 48.0f } },
        { "ReduceSumSquare", { 14.0f, 56.0f } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new(cases[i].op, 18);
        op_test_flow(t, SHAPE(2, 3), FLOATS(1.0f, -2.0f, 3.0f, 2.0f, 4.0f, 6.0f));
        op_test_const_ints(t, SHAPE(1), INTS(1));
        op_test_expect(t, 0, SHAPE(2, 1), cases[i].expected, TOL_F32_SUM);
        op_test_free(t);
    }
}

static void a_logarithm_of_a_sum_does_not_overflow(void **state)
{
    (void)state;
    op_test *t = op_test_new("ReduceLogSumExp", 13);
    op_test_ints(t, "axes", 1, INTS(1));
    op_test_flow(t, SHAPE(3, 2), FLOATS(500.0f, 500.0f, -INFINITY, -INFINITY, INFINITY, 0.0f));
    op_test_expect(t, 0, SHAPE(3, 1), FLOATS(500.693147f, -INFINITY, INFINITY), TOL_F32);
    op_test_free(t);
}

static void the_gradient_of_a_product_passes_zeros(void **state)
{
    static const float values[3][3] = { { 2.0f, 3.0f, 4.0f },
                                        { 2.0f, 0.0f, 4.0f },
                                        { 0.0f, 3.0f, 0.0f } };
    (void)state;
    for (int i = 0; i < 3; i++) {
        op_test *t = op_test_new("ReduceProd", 13);
        op_test_flow(t, SHAPE(1, 1, 3), values[i]);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void no_length_has_no_slope(void **state)
{
    (void)state;
    op_test *t = op_test_new("ReduceL2", 13);
    op_test_flow(t, SHAPE(1, 1, 2), FLOATS(0.0f, 0.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(1.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 0.0);
    op_test_free(t);
}

static void integers_are_reduced_exactly(void **state)
{
    static const struct {
        const char *op;
        int64_t expected[2];
    } cases[] = { { "ReduceMax", { 3, 1LL << 57 } },
                  { "ReduceMin", { -2, 6 } },
                  { "ReduceSum", { 2, (1LL << 57) + 13 } },
                  { "ReduceProd", { -6, 42LL << 57 } } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new(cases[i].op, 13);
        op_test_ints(t, "axes", 1, INTS(1));
        op_test_int(t, "keepdims", 0);
        op_test_const_ints(t, SHAPE(2, 3), INTS(1, -2, 3, 1LL << 57, 7, 6));
        op_test_expect_ints(t, 0, SHAPE(2), cases[i].expected);
        op_test_free(t);
    }
}

static void an_axis_outside_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("ReduceMean", 11);
    op_test_ints(t, "axes", 1, INTS(3));
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_refused(t, RF_EMODEL, "an axis is outside a tensor of 3 dims");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_may_be_attribute_or_input),
        cmocka_unit_test(every_set_of_axes_has_its_gradient),
        cmocka_unit_test(the_mean_of_an_image_is_the_same_in_both_layouts),
        cmocka_unit_test(the_largest_may_be_negative_or_not_a_number),
        cmocka_unit_test(equal_largest_share_the_gradient),
        cmocka_unit_test(global_max_pool_keeps_channels),
        cmocka_unit_test(values_are_those_of_the_formulas),
        cmocka_unit_test(a_logarithm_of_a_sum_does_not_overflow),
        cmocka_unit_test(the_gradient_of_a_product_passes_zeros),
        cmocka_unit_test(no_length_has_no_slope),
        cmocka_unit_test(integers_are_reduced_exactly),
        cmocka_unit_test(an_axis_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
