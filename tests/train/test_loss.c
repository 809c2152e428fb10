/* Cross-entropy: values and gradients against numbers worked out by hand. */
#include "testing.h"

#include "train/loss.h"

#define TOL 1e-7 /* relative; float32 gradients of double sums */

static rf_view view_of(float *data, int64_t n, int64_t c)
{
    rf_view v;
    const rf_shape shape = rf_shape_of(2, (int64_t[]){ n, c });
    rf_view_init(&v, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    v.data = data;
    return v;
}

static void the_loss_is_minus_the_log_of_the_softmax(void **state)
{
    rf_context *ctx = test_context();
    float x[3] = { 1, 2, 3 }, g[3];
    const rf_view logits = view_of(x, 1, 3);
    rf_view diff = view_of(g, 1, 3);
    const int64_t label = 2;
    rf_loss_sums sums = { 0 };
    (void)state;
    CHECK_OK(ctx, rf_loss_add(ctx, &logits, &(rf_loss_batch){ .labels = &label, .count = 1 }, &diff,
                              &sums));
    CHECK_NEAR(sums.loss, 0.4076059644443803, 1e-12);
    CHECK_NEAR(g[0], 0.09003057317038046, TOL);
    CHECK_NEAR(g[2], 0.6652409557748219 - 1.0, TOL);
    assert_int_equal(sums.top1, 1);
    rf_context_free(ctx);
}

static void smoothing_spreads_the_target_over_all_classes(void **state)
{
    rf_context *ctx = test_context();
    float x[3] = { 1, 2, 3 }, g[3];
    const rf_view logits = view_of(x, 1, 3);
    rf_view diff = view_of(g, 1, 3);
    const int64_t label = 2;
    rf_loss_sums sums = { 0 };
    (void)state;
    const rf_loss_batch batch = { .labels = &label, .count = 1, .smoothing = 0.1 };
    CHECK_OK(ctx, rf_loss_add(ctx, &logits, &batch, &diff, &sums));
    CHECK_NEAR(sums.loss, 0.5076059644443803, 1e-12);
    CHECK_NEAR(g[0], 0.09003057317038046 - 0.1 / 3.0, TOL);
    CHECK_NEAR(g[2], 0.6652409557748219 - 0.9 - 0.1 / 3.0, TOL);
    rf_context_free(ctx);
}

static void the_gradient_is_that_of_the_mean_over_the_batch(void **state)
{
    rf_context *ctx = test_context();
    float x[6] = { 0, 0, 5, 1, 1, 1 }, g[6];
    const rf_view logits = view_of(x, 2, 3);
    rf_view diff = view_of(g, 2, 3);
    const int64_t labels[2] = { 0, 1 };
    rf_loss_sums sums = { 0 };
    (void)state;
    CHECK_OK(ctx, rf_loss_add(ctx, &logits, &(rf_loss_batch){ .labels = labels, .count = 2 }, &diff,
                              &sums));
    CHECK_NEAR(g[3], 1.0 / 6.0, TOL);
    CHECK_NEAR(g[4], -1.0 / 3.0, TOL);
    CHECK_NEAR(rf_loss_mean(&sums), (5.013385897976 + log(3.0)) / 2.0, 1e-9);
    rf_context_free(ctx);
}

static void huge_logits_stay_finite(void **state)
{
    rf_context *ctx = test_context();
    float x[2] = { 3e38F, -3e38F };
    const rf_view logits = view_of(x, 1, 2);
    const int64_t label = 0;
    rf_loss_sums sums = { 0 };
    (void)state;
    CHECK_OK(ctx, rf_loss_add(ctx, &logits, &(rf_loss_batch){ .labels = &label, .count = 1 }, NULL,
                              &sums));
    CHECK_NEAR(sums.loss, 0.0, 1e-12);
    rf_context_free(ctx);
}

static void top5_counts_labels_among_the_five_largest(void **state)
{
    rf_context *ctx = test_context();
    float x[12] = { 6, 5, 4, 3, 2, 1, 6, 5, 4, 3, 2, 1 };
    const rf_view logits = view_of(x, 2, 6);
    const int64_t labels[2] = { 4, 5 };
    rf_loss_sums sums = { 0 };
    (void)state;
    CHECK_OK(ctx, rf_loss_add(ctx, &logits, &(rf_loss_batch){ .labels = labels, .count = 2 }, NULL,
                              &sums));
    assert_int_equal(sums.top1, 0);
    assert_int_equal(sums.top5, 1);
    rf_context_free(ctx);
}

static void a_nan_is_never_the_right_answer(void **state)
{
    rf_context *ctx = test_context();
    float x[2] = { NAN, NAN };
    const rf_view logits = view_of(x, 1, 2);
    const int64_t label = 0;
    rf_loss_sums sums = { 0 };
    (void)state;
    CHECK_OK(ctx, rf_loss_add(ctx, &logits, &(rf_loss_batch){ .labels = &label, .count = 1 }, NULL,
                              &sums));
    assert_int_equal(sums.top1, 0);
    assert_true(isnan(sums.loss));
    rf_context_free(ctx);
}

static void a_label_outside_the_classes_names_the_sample(void **state)
{
    rf_context *ctx = test_context();
    float x[2] = { 0 };
    const rf_view logits = view_of(x, 1, 2);
    const int64_t label = 2;
    rf_loss_sums sums = { 0 };
    (void)state;
    const rf_loss_batch batch = { .labels = &label, .count = 1, .first = 41 };
    CHECK_FAILS(ctx, RF_EDATA, "label 2 of sample 41",
                rf_loss_add(ctx, &logits, &batch, NULL, &sums));
    CHECK_FAILS(ctx, RF_EDATA, "2 classes", rf_loss_add(ctx, &logits, &batch, NULL, &sums));
    rf_context_free(ctx);
}

static void logits_of_a_wrong_shape_are_refused(void **state)
{
    rf_context *ctx = test_context();
    float x[8] = { 0 };
    rf_view v;
    const rf_shape shape = rf_shape_of(4, (int64_t[]){ 1, 2, 2, 2 });
    const int64_t label = 0;
    rf_loss_sums sums = { 0 };
    (void)state;
    rf_view_init(&v, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    v.data = x;
    CHECK_FAILS(
        ctx, RF_ESHAPE, "[1, 2, 2, 2]",
        rf_loss_add(ctx, &v, &(rf_loss_batch){ .labels = &label, .count = 1 }, NULL, &sums));
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_minus_the_log_of_the_softmax),
        cmocka_unit_test(smoothing_spreads_the_target_over_all_classes),
        cmocka_unit_test(the_gradient_is_that_of_the_mean_over_the_batch),
        cmocka_unit_test(huge_logits_stay_finite),
        cmocka_unit_test(top5_counts_labels_among_the_five_largest),
        cmocka_unit_test(a_nan_is_never_the_right_answer),
        cmocka_unit_test(a_label_outside_the_classes_names_the_sample),
        cmocka_unit_test(logits_of_a_wrong_shape_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
