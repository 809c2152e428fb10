/* The two estimators against direct computation over all values. */
#include "testing.h"

#include "base/rng.h"
#include "bn/estimator.h"

#define BATCHES 5
#define LARGEST 40
#define TOL 1e-6 /* relative; results are float32 */

/* Batches of different sizes and levels, so that pooled and mean of batches differ. */
static int64_t draw_batch(rf_rng *rng, int index, double *values)
{
    const int64_t count = 10 + 6 * index;
    for (int64_t i = 0; i < count; i++)
        values[i] = 3.0 * index + (1.0 + index) * rf_rng_normal(rng);
    return count;
}

static void moments(const double *values, int64_t count, double *mean, double *var)
{
    *mean = *var = 0.0;
    for (int64_t i = 0; i < count; i++)
        *mean += values[i] / (double)count;
    for (int64_t i = 0; i < count; i++)
        *var += (values[i] - *mean) * (values[i] - *mean) / (double)count;
}

static void pooled_equals_the_statistics_of_all_values(void **state)
{
    rf_context *ctx = test_context();
    double all[BATCHES * LARGEST], mean, var;
    float got_mean, got_var;
    int64_t total = 0;
    rf_arena arena;
    rf_estimate e;
    rf_rng rng;
    (void)state;
    rf_rng_init(&rng, 3, 0);
    rf_arena_init(&arena, ctx);
    CHECK_OK(ctx, rf_estimate_init(&e, &arena, 1));
    for (int b = 0; b < BATCHES; b++) {
        const int64_t count = draw_batch(&rng, b, all + total);
        moments(all + total, count, &mean, &var);
        rf_estimate_add(
            &e, RF_ESTIMATOR_POOLED,
            &(rf_bn_batch){ .channels = 1, .count = count, .mean = &mean, .var = &var });
        total += count;
    }
    rf_estimate_result(&e, RF_ESTIMATOR_POOLED, &got_mean, &got_var);
    moments(all, total, &mean, &var);
    CHECK_NEAR(got_mean, mean, TOL);
    CHECK_NEAR(got_var, var * (double)total / (double)(total - 1), TOL);
    rf_arena_release(&arena);
    rf_context_free(ctx);
}

static void the_default_averages_batch_means_and_unbiased_variances(void **state)
{
    rf_context *ctx = test_context();
    const double means[2] = { 1.0, 4.0 }, vars[2] = { 2.0, 9.0 };
    float mean, var;
    rf_arena arena;
    rf_estimate e;
    (void)state;
    rf_arena_init(&arena, ctx);
    CHECK_OK(ctx, rf_estimate_init(&e, &arena, 1));
    for (int b = 0; b < 2; b++)
        rf_estimate_add(
            &e, RF_ESTIMATOR_MEAN_OF_BATCHES,
            &(rf_bn_batch){
                .channels = 1, .count = b ? 10 : 3, .mean = &means[b], .var = &vars[b] });
    rf_estimate_result(&e, RF_ESTIMATOR_MEAN_OF_BATCHES, &mean, &var);
    CHECK_NEAR(mean, 2.5, TOL);
    CHECK_NEAR(var, (2.0 * 3.0 / 2.0 + 9.0 * 10.0 / 9.0) / 2.0, TOL);
    rf_arena_release(&arena);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled_equals_the_statistics_of_all_values),
        cmocka_unit_test(the_default_averages_batch_means_and_unbiased_variances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
