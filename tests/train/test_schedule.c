/* Learning-rate schedules at the steps where they turn. */
#include "testing.h"

#include "train/schedule.h"

#define TOL 1e-12

static rf_schedule parse(rf_context *ctx, const char *text, double warmup)
{
    rf_schedule s;
    CHECK_OK(ctx, rf_schedule_parse(ctx, text, warmup, &s));
    return s;
}

static void constant_stays_one(void **state)
{
    rf_context *ctx = test_context();
    const rf_schedule s = parse(ctx, NULL, 0.0);
    (void)state;
    CHECK_NEAR(rf_schedule_factor(&s, 0, 10, 100), 1.0, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 99, 10, 100), 1.0, TOL);
    rf_context_free(ctx);
}

static void cosine_falls_to_zero_over_all_steps(void **state)
{
    rf_context *ctx = test_context();
    const rf_schedule s = parse(ctx, "cosine", 0.0);
    (void)state;
    CHECK_NEAR(rf_schedule_factor(&s, 0, 10, 100), 1.0, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 50, 10, 100), 0.5, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 100, 10, 100), 0.0, TOL);
    rf_context_free(ctx);
}

static void step_takes_a_tenth_from_each_epoch_on(void **state)
{
    rf_context *ctx = test_context();
    const rf_schedule s = parse(ctx, "step:3,5", 0.0);
    (void)state;
    CHECK_NEAR(rf_schedule_factor(&s, 29, 10, 100), 1.0, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 30, 10, 100), 0.1, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 50, 10, 100), 0.01, TOL);
    rf_context_free(ctx);
}

static void warm_up_rises_linearly_and_then_lets_go(void **state)
{
    rf_context *ctx = test_context();
    const rf_schedule s = parse(ctx, "constant", 0.5);
    (void)state;
    CHECK_NEAR(rf_schedule_factor(&s, 0, 10, 100), 0.2, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 3, 10, 100), 0.8, TOL);
    CHECK_NEAR(rf_schedule_factor(&s, 4, 10, 100), 1.0, TOL);
    rf_context_free(ctx);
}

static void nonsense_is_refused_by_name(void **state)
{
    static const char *const bad[] = { "step:", "step:0", "step:5,3", "step:3,", "step:3x" };
    rf_context *ctx = test_context();
    rf_schedule s;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_FAILS(ctx, RF_EARG, bad[i], rf_schedule_parse(ctx, bad[i], 0.0, &s));
    CHECK_FAILS(ctx, RF_EARG, "there are constant, cosine",
                rf_schedule_parse(ctx, "linear", 0.0, &s));
    CHECK_FAILS(ctx, RF_EARG, "warm-up", rf_schedule_parse(ctx, NULL, -1.0, &s));
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays_one),
        cmocka_unit_test(cosine_falls_to_zero_over_all_steps),
        cmocka_unit_test(step_takes_a_tenth_from_each_epoch_on),
        cmocka_unit_test(warm_up_rises_linearly_and_then_lets_go),
        cmocka_unit_test(nonsense_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
