/* Dropout: passes through outside of training; in training a share goes, reproducibly. */
#include "op_testing.h"

static void it_passes_through_in_inference(void **state)
{
    (void)state;
    op_test *t = op_test_new("Dropout", 11);
    op_test_float(t, "ratio", 0.75);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f), TOL_EXACT);
    op_test_free(t);
}

static void the_mask_says_that_everything_stays(void **state)
{
    (void)state;
    op_test *t = op_test_new_outputs("Dropout", 12, 2);
    op_test_flow(t, SHAPE(3), FLOATS(1.0f, 2.0f, 3.0f));
    op_test_expect_ints(t, 1, SHAPE(3), INTS(1, 1, 1));
    op_test_free(t);
}

static void training_drops_a_share_and_scales_the_rest(void **state)
{
    (void)state;
    const float ratio = 0.25f;
    op_test *t = op_test_new_outputs("Dropout", 12, 2);
    op_test_random(t, SHAPE(4, 8, 16, 16), 1.0f, 2.0f);
    op_test_const(t, SCALAR, &ratio);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
    op_test_set_diff(t, 0, t->inputs[0].values->data);
    int dropped = 0;
    for (int64_t i = 0; i < 8192; i++) {
        const double x = op_test_at(&t->in[0], i), y = op_test_out(t, 0, i);
        dropped += y == 0.0;
        assert_true(op_test_out(t, 1, i) == (y == 0.0 ? 0.0 : 1.0));
        if (y != 0.0)
            CHECK_NEAR(y, x / 0.75, TOL_F32);
    }
    assert_in_range(dropped, 1900, 2200); /* 2048 expected, standard deviation 39 */
    float out[8192];
    for (int64_t i = 0; i < 8192; i++)
        out[i] = (float)op_test_out(t, 0, i);
    op_test_backward(
        t); /* the input serves as the gradient: it must be dropped at the same places */
    for (int64_t i = 0; i < 8192; i++)
        assert_true(op_test_at(&t->diff_in[0], i) == (double)out[i]);
    op_test_free(t);
}

static void each_step_draws_anew_and_a_fresh_start_repeats(void **state)
{
    (void)state;
    float first[64], second[64];
    op_test *t = op_test_new("Dropout", 7);
    op_test_random(t, SHAPE(64), 1.0f, 2.0f);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    for (int64_t i = 0; i < 64; i++)
        first[i] = (float)op_test_out(t, 0, i);
    t->step.run_step = 1;
    CHECK_OK(t->ctx, t->op->forward(&t->step));
    for (int64_t i = 0; i < 64; i++)
        second[i] = (float)op_test_out(t, 0, i);
    assert_memory_not_equal(first, second, sizeof first);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    for (int64_t i = 0; i < 64; i++)
        assert_true((double)first[i] == op_test_out(t, 0, i));
    op_test_free(t);
}

static void a_share_of_a_batch_gets_its_part_of_the_mask(void **state)
{
    (void)state;
    float whole[8 * 1000];
    op_test *t = op_test_new("Dropout", 7);
    op_test_random(t, SHAPE(8, 1000), 1.0f, 2.0f);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    for (int64_t i = 0; i < 8 * 1000; i++)
        whole[i] = op_test_out(t, 0, i) == 0.0 ? 0.0f : 1.0f;
    op_test_free(t);
    t = op_test_new("Dropout", 7);
    op_test_random(t, SHAPE(3, 1000), 1.0f, 2.0f);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    t->step.first_sample = 5;
    CHECK_OK(t->ctx, t->op->forward(&t->step));
    for (int64_t i = 0; i < 3 * 1000; i++)
        assert_true((op_test_out(t, 0, i) == 0.0 ? 0.0f : 1.0f) == whole[5 * 1000 + i]);
    op_test_free(t);
}

static void a_ratio_of_one_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Dropout", 7);
    op_test_float(t, "ratio", 1.0);
    op_test_random(t, SHAPE(2), 0.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "ratio is 1, expected at least 0 and below 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_passes_through_in_inference),
        cmocka_unit_test(the_mask_says_that_everything_stays),
        cmocka_unit_test(training_drops_a_share_and_scales_the_rest),
        cmocka_unit_test(each_step_draws_anew_and_a_fresh_start_repeats),
        cmocka_unit_test(a_share_of_a_batch_gets_its_part_of_the_mask),
        cmocka_unit_test(a_ratio_of_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
