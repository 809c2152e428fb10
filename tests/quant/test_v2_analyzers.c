/* The analyzers of AIMET v2: ends, tensors of zeros, and a histogram that widens without losing a value. */
#include "testing.h"

#include <float.h>

#include "quant/analyzer.h"
#include "quant/wide_histogram.h"

#define TOL_RANGE 1e-6

static rf_context *ctx;

static int open_context(void **state)
{
    (void)state;
    ctx = test_context();
    return 0;
}

static int close_context(void **state)
{
    (void)state;
    rf_context_free(ctx);
    return 0;
}

static rf_encoding encoding_of(rf_scheme scheme, double percentile, bool symmetric, const float *x,
                               int64_t n)
{
    const rf_qspec spec = { .bitwidth = 8, .symmetric = symmetric, .grid = RF_GRID_V2 };
    rf_analyzer *a = NULL;
    rf_encoding e = { 0 };
    CHECK_OK(ctx, rf_analyzer_new_v2(ctx, scheme, percentile, &a));
    rf_analyzer_update(a, x, n, 1);
    CHECK_OK(ctx, rf_analyzer_encoding(a, &spec, &e));
    rf_analyzer_free(a);
    return e;
}

static void min_max_covers_both_ends_and_does_not_snap(void **state)
{
    (void)state;
    const float x[] = { -0.37f, 0.2f, 1.93f };
    const rf_encoding raw = encoding_of(RF_SCHEME_TF, 0.0, false, x, 3);
    CHECK_NEAR(raw.min, -0.37, TOL_RANGE);
    CHECK_NEAR(raw.max, 1.93, TOL_RANGE);
    const rf_encoding above = encoding_of(RF_SCHEME_TF, 0.0, true, x, 3);
    CHECK_NEAR(above.scale, 1.93 / 127.0, TOL_RANGE);
    const float below[] = { -1.93f, 0.37f };
    CHECK_NEAR(encoding_of(RF_SCHEME_TF, 0.0, true, below, 2).scale, 1.93 / 128.0, TOL_RANGE);
}

static void zeros_get_the_least_scale(void **state)
{
    (void)state;
    const float x[] = { 0.0f, 0.0f };
    for (int symmetric = 0; symmetric < 2; symmetric++) {
        const rf_encoding e = encoding_of(RF_SCHEME_TF, 0.0, symmetric, x, 2);
        assert_true(e.scale >= (double)FLT_EPSILON * 0.99 && e.scale < 1e-6);
        assert_true(encoding_of(RF_SCHEME_TF_ENHANCED, 0.0, symmetric, x, 2).scale > 0.0);
    }
}

static void percentile_leaves_outliers_out(void **state)
{
    (void)state;
    float x[1000];
    for (int i = 0; i < 1000; i++)
        x[i] = (float)i / 1000.0f;
    x[999] = 100.0f;
    CHECK_NEAR(encoding_of(RF_SCHEME_PERCENTILE, 100.0, false, x, 1000).max, 100.0, TOL_RANGE);
    assert_true(encoding_of(RF_SCHEME_PERCENTILE, 99.0, false, x, 1000).max < 2.0);
}

static void sqnr_cuts_an_outlier_at_few_bits(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 4, .symmetric = true, .grid = RF_GRID_V2 };
    float x[1000];
    rf_analyzer *a = NULL;
    rf_encoding e;
    for (int i = 0; i < 1000; i++)
        x[i] = sinf((float)i * 0.7f) + sinf((float)i * 1.9f);
    x[0] = 5.0f;
    CHECK_OK(ctx, rf_analyzer_new_v2(ctx, RF_SCHEME_TF_ENHANCED, 0.0, &a));
    rf_analyzer_update(a, x, 1000, 1);
    CHECK_OK(ctx, rf_analyzer_encoding(a, &spec, &e));
    assert_true(e.max > 1.5 && e.max < 3.5);
    assert_int_equal(e.offset, -8);
    rf_analyzer_free(a);
}

static void a_histogram_that_widens_keeps_every_value(void **state)
{
    (void)state;
    static rf_wide_histogram h;
    float x[300], total = 0.0f;
    h = (rf_wide_histogram){ .laid = false };
    for (int round = 1; round <= 5; round++) {
        for (int i = 0; i < 300; i++)
            x[i] = (float)round * sinf((float)i);
        rf_wide_histogram_update(&h, x, 300, 1);
    }
    const float same[] = { 2.0f, 2.0f, INFINITY, NAN };
    rf_wide_histogram_update(&h, same, 4, 1);
    for (int i = 0; i < RF_WIDE_BINS; i++)
        total += h.count[i];
    assert_true(total == 5 * 300 + 2);
    assert_true(rf_wide_histogram_edge(&h, 0) == h.low &&
                rf_wide_histogram_edge(&h, RF_WIDE_BINS) == h.high);
}

static void mse_is_refused(void **state)
{
    (void)state;
    rf_analyzer *a = NULL;
    CHECK_FAILS(ctx, RF_EARG, "mse", rf_analyzer_new_v2(ctx, RF_SCHEME_MSE, 0.0, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(min_max_covers_both_ends_and_does_not_snap),
        cmocka_unit_test(zeros_get_the_least_scale),
        cmocka_unit_test(percentile_leaves_outliers_out),
        cmocka_unit_test(sqnr_cuts_an_outlier_at_few_bits),
        cmocka_unit_test(a_histogram_that_widens_keeps_every_value),
        cmocka_unit_test(mse_is_refused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
