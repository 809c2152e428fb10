/* Concat, Split, Slice, Pad, Tile, Gather, Expand: what goes where, in every layout, and back. */
#include "op_testing.h"

static const float eight[] = { 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f };

static void concat_joins_along_any_axis(void **state)
{
    (void)state;
    for (int64_t axis = -3; axis < 4; axis++) {
        op_test *t = op_test_new("Concat", 13);
        op_test_int(t, "axis", axis);
        op_test_random(t, SHAPE(2, 2, 2, 2), -1.0f, 1.0f);
        op_test_random(t, SHAPE(2, 2, 2, 2), -1.0f, 1.0f);
        op_test_random(t, SHAPE(2, 2, 2, 2), -1.0f, 1.0f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
    op_test *t = op_test_new("Concat", 13);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(1, 1, 2), FLOATS(1.0f, 2.0f));
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(3.0f, 4.0f, 5.0f, 6.0f));
    op_test_expect(t, 0, SHAPE(1, 3, 2), eight, TOL_EXACT);
    op_test_free(t);
}

static void concat_of_unequal_shapes_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Concat", 13);
    op_test_int(t, "axis", 0);
    op_test_random(t, SHAPE(2, 2), -1.0f, 1.0f);
    op_test_random(t, SHAPE(2, 3), -1.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "input 1 is float32 [2, 3], but input 0 is float32 [2, 2]");
}

static void split_takes_sizes_from_attribute_input_or_equal(void **state)
{
    (void)state;
    op_test *t = op_test_new_outputs("Split", 11, 2);
    op_test_int(t, "axis", 1);
    op_test_ints(t, "split", 2, INTS(1, 3));
    op_test_flow(t, SHAPE(1, 4, 2), eight);
    op_test_expect(t, 0, SHAPE(1, 1, 2), FLOATS(1.0f, 2.0f), TOL_EXACT);
    op_test_expect(t, 1, SHAPE(1, 3, 2), eight + 2, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new_outputs("Split", 13, 2);
    op_test_flow(t, SHAPE(8), eight);
    op_test_const_ints(t, SHAPE(2), INTS(5, 3));
    op_test_expect(t, 1, SHAPE(3), eight + 5, TOL_EXACT);
    op_test_free(t);
    t = op_test_new_outputs("Split", 13, 4);
    op_test_int(t, "axis", -1);
    op_test_flow(t, SHAPE(1, 8), eight);
    op_test_expect(t, 3, SHAPE(1, 2), eight + 6, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void parts_without_a_gradient_count_as_zero(void **state)
{
    (void)state;
    op_test *t = op_test_new_outputs("Split", 13, 2);
    op_test_flow(t, SHAPE(2), FLOATS(1.0f, 2.0f));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 1, FLOATS(3.0f));
    op_test_backward(t);
    assert_true(op_test_at(&t->diff_in[0], 0) == 0.0);
    assert_true(op_test_at(&t->diff_in[0], 1) == 3.0);
    op_test_free(t);
}

static void sizes_that_do_not_add_up_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new_outputs("Split", 11, 2);
    op_test_ints(t, "split", 2, INTS(1, 3));
    op_test_random(t, SHAPE(5), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "2 sizes for 2 outputs, together 4; dim 0 is 5");
}

static void slice_follows_starts_ends_axes_and_steps(void **state)
{
    (void)state;
    op_test *t = op_test_new("Slice", 10);
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_const_ints(t, SHAPE(2), INTS(0, -1));
    op_test_const_ints(t, SHAPE(2), INTS(INT64_MAX, INT64_MIN));
    op_test_const_ints(t, SHAPE(2), INTS(1, 2));
    op_test_const_ints(t, SHAPE(2), INTS(1, -2));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(4.0f, 2.0f, 8.0f, 6.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Slice", 1);
    op_test_ints(t, "starts", 1, INTS(1));
    op_test_ints(t, "ends", 1, INTS(3));
    op_test_ints(t, "axes", 1, INTS(2));
    op_test_flow(t, SHAPE(1, 2, 4), eight);
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(2.0f, 3.0f, 6.0f, 7.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

/* The spatial half of a residual shortcut of option A: every other pixel of both axes. */
static void slice_takes_every_other_pixel(void **state)
{
    (void)state;
    op_test *t = op_test_new("Slice", 13);
    op_test_random(t, SHAPE(2, 3, 4, 5), -1.0f, 1.0f);
    op_test_const_ints(t, SHAPE(2), INTS(0, 0));
    op_test_const_ints(t, SHAPE(2), INTS(4, 5));
    op_test_const_ints(t, SHAPE(2), INTS(2, 3));
    op_test_const_ints(t, SHAPE(2), INTS(2, 2));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void slice_backwards_reaches_the_first_element(void **state)
{
    (void)state;
    op_test *t = op_test_new("Slice", 13);
    op_test_flow(t, SHAPE(4), eight);
    op_test_const_ints(t, SHAPE(1), INTS(-1));
    op_test_const_ints(t, SHAPE(1), INTS(INT64_MIN));
    op_test_absent(t);
    op_test_const_ints(t, SHAPE(1), INTS(-1));
    op_test_expect(t, 0, SHAPE(4), FLOATS(4.0f, 3.0f, 2.0f, 1.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Slice", 13); /* begins in front of the first: nothing */
    op_test_flow(t, SHAPE(4), eight);
    op_test_const_ints(t, SHAPE(1), INTS(-5));
    op_test_const_ints(t, SHAPE(1), INTS(INT64_MIN));
    op_test_absent(t);
    op_test_const_ints(t, SHAPE(1), INTS(-1));
    op_test_expect(t, 0, SHAPE(0), NULL, TOL_EXACT);
    op_test_free(t);
}

static void slice_may_leave_nothing(void **state)
{
    (void)state;
    op_test *t = op_test_new("Slice", 13);
    op_test_flow(t, SHAPE(8), eight);
    op_test_const_ints(t, SHAPE(1), INTS(5));
    op_test_const_ints(t, SHAPE(1), INTS(2));
    op_test_expect(t, 0, SHAPE(0), NULL, TOL_EXACT);
    op_test_free(t);
}

static void a_step_of_zero_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Slice", 13);
    op_test_flow(t, SHAPE(8), eight);
    op_test_const_ints(t, SHAPE(1), INTS(0));
    op_test_const_ints(t, SHAPE(1), INTS(2));
    op_test_absent(t);
    op_test_const_ints(t, SHAPE(1), INTS(0));
    op_test_refused(t, RF_EMODEL, "a step is 0");
}

static void pad_has_four_borders(void **state)
{
    (void)state;
    const struct {
        const char *mode;
        float expected[7];
    } cases[] = { { "constant", { 9.0f, 9.0f, 1.0f, 2.0f, 3.0f, 4.0f, 9.0f } },
                  { "reflect", { 3.0f, 2.0f, 1.0f, 2.0f, 3.0f, 4.0f, 3.0f } },
                  { "edge", { 1.0f, 1.0f, 1.0f, 2.0f, 3.0f, 4.0f, 4.0f } },
                  { "wrap", { 3.0f, 4.0f, 1.0f, 2.0f, 3.0f, 4.0f, 1.0f } } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new("Pad", 11);
        op_test_string(t, "mode", cases[i].mode);
        op_test_flow(t, SHAPE(1, 1, 4), eight);
        op_test_const_ints(t, SHAPE(6), INTS(0, 0, 2, 0, 0, 1));
        op_test_const(t, SCALAR, FLOATS(9.0f));
        op_test_expect(t, 0, SHAPE(1, 1, 7), cases[i].expected, TOL_EXACT);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void pad_of_channels_and_negative_pads(void **state)
{
    (void)state;
    op_test *t = op_test_new("Pad", 2);
    op_test_ints(t, "pads", 8, INTS(0, 1, -1, 0, 0, 2, 0, 1));
    op_test_float(t, "value", 0.5);
    op_test_random(t, SHAPE(2, 2, 3, 2), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Pad", 2);
    op_test_ints(t, "pads", 2, INTS(-1, 1));
    op_test_flow(t, SHAPE(3), eight);
    op_test_expect(t, 0, SHAPE(3), FLOATS(2.0f, 3.0f, 0.0f), TOL_EXACT);
    op_test_free(t);
}

static void pad_takes_the_axes_that_are_named(void **state)
{
    (void)state;
    op_test *t = op_test_new("Pad", 18);
    op_test_flow(t, SHAPE(2, 2), eight);
    op_test_const_ints(t, SHAPE(2), INTS(1, 0));
    op_test_absent(t);
    op_test_const_ints(t, SHAPE(1), INTS(-2));
    op_test_expect(t, 0, SHAPE(3, 2), FLOATS(0, 0, 1, 2, 3, 4), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void split_may_leave_a_smaller_part(void **state)
{
    (void)state;
    op_test *t = op_test_new_outputs("Split", 18, 3);
    op_test_int(t, "num_outputs", 3);
    op_test_flow(t, SHAPE(7), eight);
    op_test_expect(t, 1, SHAPE(3), FLOATS(4, 5, 6), TOL_EXACT);
    op_test_expect(t, 2, SHAPE(1), FLOATS(7), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void pads_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Pad", 2);
    op_test_ints(t, "pads", 2, INTS(-3, -2));
    op_test_flow(t, SHAPE(4), eight);
    op_test_refused(t, RF_ESHAPE, "pads -3 and -2 do not fit dim 0 of 4");
    t = op_test_new("Pad", 2);
    op_test_string(t, "mode", "reflect");
    op_test_ints(t, "pads", 2, INTS(4, 0));
    op_test_flow(t, SHAPE(4), eight);
    op_test_refused(t, RF_ESHAPE, "need more than the 4 elements of dim 0");
    t = op_test_new("Pad", 2);
    op_test_string(t, "mode", "mirror");
    op_test_ints(t, "pads", 2, INTS(1, 0));
    op_test_flow(t, SHAPE(4), eight);
    op_test_refused(t, RF_EUNSUPPORTED, "mode 'mirror'");
    t = op_test_new("Pad", 2);
    op_test_ints(t, "pads", 3, INTS(1, 0, 0));
    op_test_flow(t, SHAPE(4), eight);
    op_test_refused(t, RF_EMODEL, "3 pads for a tensor of 1 dims");
}

static void tile_repeats(void **state)
{
    (void)state;
    op_test *t = op_test_new("Tile", 13);
    op_test_flow(t, SHAPE(1, 2, 1), eight);
    op_test_const_ints(t, SHAPE(3), INTS(1, 2, 2));
    op_test_expect(t, 0, SHAPE(1, 4, 2), FLOATS(1.0f, 1.0f, 2.0f, 2.0f, 1.0f, 1.0f, 2.0f, 2.0f),
                   TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

/* Samples that meet in one gradient must not be added by two threads at a time. */
static void tile_of_many_samples_sums_every_copy(void **state)
{
    (void)state;
    float ones[64 * 1024];
    op_test *t = op_test_new("Tile", 13);
    op_test_random(t, SHAPE(1, 1024), -1.0f, 1.0f);
    op_test_const_ints(t, SHAPE(2), INTS(64, 1));
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    for (int i = 0; i < 64 * 1024; i++)
        ones[i] = 1.0f;
    op_test_set_diff(t, 0, ones);
    op_test_backward(t);
    for (int64_t i = 0; i < 1024; i++)
        assert_true(op_test_at(&t->diff_in[0], i) == 64.0);
    op_test_free(t);
}

static void gather_picks_and_sums_what_was_picked_twice(void **state)
{
    (void)state;
    op_test *t = op_test_new("Gather", 13);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(2, 4), eight);
    op_test_const_ints(t, SHAPE(3), INTS(3, 0, -1));
    op_test_expect(t, 0, SHAPE(2, 3), FLOATS(4.0f, 1.0f, 4.0f, 8.0f, 5.0f, 8.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Gather", 13);
    op_test_const_ints(t, SHAPE(4), INTS(128, 3, 32, 33));
    op_test_const_ints(t, SCALAR, INTS(1));
    op_test_expect_ints(t, 0, SCALAR, INTS(3));
    op_test_free(t);
}

static void an_index_outside_is_an_error(void **state)
{
    (void)state;
    op_test *t = op_test_new("Gather", 13);
    op_test_flow(t, SHAPE(8), eight);
    op_test_const_ints(t, SHAPE(1), INTS(8));
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    CHECK_FAILS(t->ctx, RF_EMODEL, "index 8 is outside a dim of 8", t->op->forward(&t->step));
    op_test_free(t);
}

static void expand_stretches_and_sums_back(void **state)
{
    (void)state;
    op_test *t = op_test_new("Expand", 13);
    op_test_flow(t, SHAPE(2, 1), eight);
    op_test_const_ints(t, SHAPE(3), INTS(2, 1, 2));
    op_test_expect(t, 0, SHAPE(2, 2, 2), FLOATS(1.0f, 1.0f, 2.0f, 2.0f, 1.0f, 1.0f, 2.0f, 2.0f),
                   TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concat_joins_along_any_axis),
        cmocka_unit_test(concat_of_unequal_shapes_is_refused),
        cmocka_unit_test(split_takes_sizes_from_attribute_input_or_equal),
        cmocka_unit_test(parts_without_a_gradient_count_as_zero),
        cmocka_unit_test(sizes_that_do_not_add_up_are_refused),
        cmocka_unit_test(slice_follows_starts_ends_axes_and_steps),
        cmocka_unit_test(slice_takes_every_other_pixel),
        cmocka_unit_test(slice_backwards_reaches_the_first_element),
        cmocka_unit_test(slice_may_leave_nothing),
        cmocka_unit_test(a_step_of_zero_is_refused),
        cmocka_unit_test(pad_has_four_borders),
        cmocka_unit_test(pad_of_channels_and_negative_pads),
        cmocka_unit_test(pad_takes_the_axes_that_are_named),
        cmocka_unit_test(split_may_leave_a_smaller_part),
        cmocka_unit_test(pads_that_do_not_fit_are_refused),
        cmocka_unit_test(tile_repeats),
        cmocka_unit_test(tile_of_many_samples_sums_every_copy),
        cmocka_unit_test(gather_picks_and_sums_what_was_picked_twice),
        cmocka_unit_test(an_index_outside_is_an_error),
        cmocka_unit_test(expand_stretches_and_sums_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
