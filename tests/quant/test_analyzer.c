/* Range analyzers: edge cases of AIMET's schemes, and what each is there for. */
#include "testing.h"

#include <float.h>

#include "quant/analyzer.h"

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

static rf_encoding encoding_of(rf_scheme scheme, double percentile, const rf_qspec *spec,
                               const float *x, int64_t n, int64_t stride)
{
    rf_analyzer *a = NULL;
    rf_encoding e = { 0 };
    CHECK_OK(ctx, rf_analyzer_new(ctx, scheme, percentile, &a));
    rf_analyzer_update(a, x, n, stride);
    CHECK_OK(ctx, rf_analyzer_encoding(a, spec, &e));
    rf_analyzer_free(a);
    return e;
}

/* Sum of a few sines: bell-shaped enough, and the same everywhere. */
static void bell(float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = sinf((float)i * 0.7f) + sinf((float)i * 1.9f + 1.0f) + sinf((float)i * 0.31f + 2.0f);
}

static void tf_takes_the_ends_over_all_batches_and_zero(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8 };
    const float first[3] = { 0.5f, 1.0f, 2.0f }, second[2] = { 0.1f, 3.0f };
    rf_analyzer *a = NULL;
    rf_encoding e;
    CHECK_OK(ctx, rf_analyzer_new(ctx, RF_SCHEME_TF, 0.0, &a));
    assert_false(rf_analyzer_has_data(a));
    rf_analyzer_update(a, first, 3, 1);
    rf_analyzer_update(a, second, 2, 1);
    assert_true(rf_analyzer_has_data(a));
    CHECK_OK(ctx, rf_analyzer_encoding(a, &spec, &e));
    CHECK_NEAR(e.min, 0.0, TOL_RANGE);
    CHECK_NEAR(e.max, 3.0, TOL_RANGE);
    rf_analyzer_free(a);
}

static void a_stride_visits_one_channel_only(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8 };
    const float x[6] = { 1, -100, 2, -100, 3, -100 };
    const rf_encoding e = encoding_of(RF_SCHEME_TF, 0.0, &spec, x, 3, 2);
    CHECK_NEAR(e.min, 0.0, TOL_RANGE);
    CHECK_NEAR(e.max, 3.0, TOL_RANGE);
}

static void zeros_have_a_range_in_every_scheme(void **state)
{
    (void)state;
    const float zeros[8] = { 0 };
    const rf_qspec spec = { .bitwidth = 8 };
    rf_encoding e = encoding_of(RF_SCHEME_TF, 0.0, &spec, zeros, 8, 1);
    CHECK_NEAR(e.scale, 0.01 / 255.0, TOL_RANGE);
    assert_int_equal(e.offset, 0);
    const rf_scheme schemes[] = { RF_SCHEME_TF_ENHANCED, RF_SCHEME_PERCENTILE, RF_SCHEME_MSE };
    for (int i = 0; i < 3; i++) {
        e = encoding_of(schemes[i], 99.0, &spec, zeros, 8, 1);
        CHECK_NEAR(e.scale, 2.0 / 255.0, TOL_RANGE);
        assert_int_equal(e.offset, -128);
        CHECK_NEAR(e.min, -128.0 * 2.0 / 255.0, TOL_RANGE);
    }
}

static void a_constant_tensor_has_a_range_in_every_scheme(void **state)
{
    (void)state;
    const float x[4] = { 1e-6f, 1e-6f, 1e-6f, 1e-6f };
    for (int scheme = RF_SCHEME_TF; scheme <= RF_SCHEME_MSE; scheme++) {
        for (int symmetric = 0; symmetric < 2; symmetric++) {
            const rf_qspec spec = { .bitwidth = 8, .symmetric = symmetric };
            const rf_encoding e = encoding_of((rf_scheme)scheme, 99.9, &spec, x, 4, 1);
            assert_true(e.scale > 0.0 && isfinite(e.scale) && e.min <= 0.0 && e.max > 0.0);
        }
    }
}

/* Squared error of x on the grid of e. */
static double error_on(const rf_encoding *e, int64_t steps, const float *x, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        const double q =
            fmin(fmax(round((double)x[i] / e->scale) - (double)e->offset, 0.0), (double)steps);
        const double d = (double)x[i] - e->scale * (q + (double)e->offset);
        sum += d * d;
    }
    return sum;
}

static void tf_enhanced_and_mse_beat_tf_at_four_bits_with_an_outlier(void **state)
{
    (void)state;
    enum { N = 4000 };
    static float x[N];
    bell(x, N);
    x[17] = 12.0f;
    for (int symmetric = 0; symmetric < 2; symmetric++) {
        const rf_qspec spec = { .bitwidth = 4, .symmetric = symmetric };
        const int64_t steps = rf_qspec_steps(&spec);
        const rf_encoding tf = encoding_of(RF_SCHEME_TF, 0.0, &spec, x, N, 1);
        const rf_encoding enhanced = encoding_of(RF_SCHEME_TF_ENHANCED, 0.0, &spec, x, N, 1);
        const rf_encoding mse = encoding_of(RF_SCHEME_MSE, 0.0, &spec, x, N, 1);
        assert_true(error_on(&enhanced, steps, x, N) < 0.6 * error_on(&tf, steps, x, N));
        assert_true(error_on(&mse, steps, x, N) < 0.5 * error_on(&tf, steps, x, N));
    }
}

static void a_percentile_cuts_the_outlier_and_a_hundred_keeps_it(void **state)
{
    (void)state;
    enum { N = 10000 };
    static float x[N];
    bell(x, N);
    x[5] = 30.0f;
    const rf_qspec spec = { .bitwidth = 8 };
    assert_true(encoding_of(RF_SCHEME_PERCENTILE, 99.0, &spec, x, N, 1).max < 4.0);
    assert_true(encoding_of(RF_SCHEME_PERCENTILE, 100.0, &spec, x, N, 1).max > 29.0);
}

static void percentiles_outside_90_to_100_are_refused(void **state)
{
    (void)state;
    rf_analyzer *a = NULL;
    CHECK_FAILS(ctx, RF_EARG, "percentile 50",
                rf_analyzer_new(ctx, RF_SCHEME_PERCENTILE, 50.0, &a));
    CHECK_FAILS(ctx, RF_EARG, "from 90 to 100",
                rf_analyzer_new(ctx, RF_SCHEME_PERCENTILE, (double)NAN, &a));
}

static void nan_is_refused_and_infinity_ignored(void **state)
{
    (void)state;
    const float bad[3] = { 1.0f, NAN, 2.0f }, infinite[3] = { 1.0f, INFINITY, 2.0f },
                only[2] = { INFINITY, -INFINITY };
    const rf_qspec spec = { .bitwidth = 8 };
    for (int scheme = RF_SCHEME_TF; scheme <= RF_SCHEME_MSE; scheme++) {
        rf_analyzer *a = NULL;
        rf_encoding e;
        CHECK_OK(ctx, rf_analyzer_new(ctx, (rf_scheme)scheme, 100.0, &a));
        rf_analyzer_update(a, bad, 3, 1);
        CHECK_FAILS(ctx, RF_ENUMERIC, "NaN", rf_analyzer_encoding(a, &spec, &e));
        rf_analyzer_free(a);
        CHECK_OK(ctx, rf_analyzer_new(ctx, (rf_scheme)scheme, 100.0, &a));
        rf_analyzer_update(a, only, 2, 1);
        CHECK_FAILS(ctx, RF_ENUMERIC, "finite", rf_analyzer_encoding(a, &spec, &e));
        rf_analyzer_free(a);
        e = encoding_of((rf_scheme)scheme, 100.0, &spec, infinite, 3, 1);
        assert_true(e.max < 3.0);
    }
}

static void values_that_overflow_float_arithmetic_are_refused(void **state)
{
    (void)state;
    const float x[3] = { -FLT_MAX, 0.0f, FLT_MAX };
    for (int scheme = RF_SCHEME_TF; scheme <= RF_SCHEME_MSE; scheme++) {
        const rf_qspec spec = { .bitwidth = 8 };
        rf_analyzer *a = NULL;
        rf_encoding e;
        CHECK_OK(ctx, rf_analyzer_new(ctx, (rf_scheme)scheme, 100.0, &a));
        rf_analyzer_update(a, x, 3, 1);
        CHECK_FAILS(ctx, RF_ENUMERIC, "3.40282e+38", rf_analyzer_encoding(a, &spec, &e));
        rf_analyzer_free(a);
    }
}

/* Values that have the same bits everywhere; the second batch is half as wide. */
static void two_batches(rf_analyzer *a)
{
    static float x[4000];
    for (int batch = 0; batch < 2; batch++) {
        for (int i = 0; i < 4000; i++)
            x[i] = (float)((i * 7919 + batch * 131) % 2003 - 700) / (batch ? 512.0f : 256.0f);
        rf_analyzer_update(a, x, 4000, 1);
    }
}

/* made by: tests/golden/make/analyzers.py, which repeats the ranges of AIMET's own golden cases */
static void every_scheme_finds_aimets_range(void **state)
{
    (void)state;
    static const struct {
        rf_scheme scheme;
        int bitwidth;
        bool symmetric;
        double min, max, scale;
        int offset;
    } expected[] = {
        { RF_SCHEME_PERCENTILE, 8, false, -2.59335363, 4.92147791, 0.0294699276, -88 },
        { RF_SCHEME_PERCENTILE, 4, true, -5.63793945, 4.93319702, 0.704742432, -8 },
        { RF_SCHEME_PERCENTILE, 4, false, -2.50494385, 5.0098877, 0.50098877, -5 },
        { RF_SCHEME_MSE, 8, false, -2.68823242, 5.10153198, 0.0305480957, -88 },
        { RF_SCHEME_MSE, 4, true, -5.21899414, 4.56661987, 0.652374268, -8 },
        { RF_SCHEME_MSE, 4, false, -2.41329956, 4.82659912, 0.482659912, -5 },
        { RF_SCHEME_TF, 8, false, -2.7294424, 5.0908701, 0.0306678922, -89 },
        { RF_SCHEME_TF, 4, true, -5.8125, 5.0859375, 0.7265625, -8 },
        { RF_SCHEME_TF, 4, false, -2.60677083, 5.21354167, 0.521354167, -5 },
        { RF_SCHEME_TF_ENHANCED, 8, false, -2.71878052, 5.07098389, 0.0305480957, -89 },
        { RF_SCHEME_TF_ENHANCED, 4, true, -5.46279144, 4.77994251, 0.68284893, -8 },
        { RF_SCHEME_TF_ENHANCED, 4, false, -2.52085423, 5.04170847, 0.504170835, -5 },
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const rf_qspec spec = { .bitwidth = expected[i].bitwidth,
                                .symmetric = expected[i].symmetric };
        rf_analyzer *a = NULL;
        rf_encoding e = { 0 };
        CHECK_OK(ctx, rf_analyzer_new(ctx, expected[i].scheme, /*percentile=*/99.0, &a));
        two_batches(a);
        CHECK_OK(ctx, rf_analyzer_encoding(a, &spec, &e));
        CHECK_NEAR(e.min, expected[i].min, TOL_RANGE);
        CHECK_NEAR(e.max, expected[i].max, TOL_RANGE);
        CHECK_NEAR(e.scale, expected[i].scale, TOL_RANGE);
        assert_int_equal(e.offset, expected[i].offset);
        rf_analyzer_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tf_takes_the_ends_over_all_batches_and_zero),
        cmocka_unit_test(a_stride_visits_one_channel_only),
        cmocka_unit_test(zeros_have_a_range_in_every_scheme),
        cmocka_unit_test(a_constant_tensor_has_a_range_in_every_scheme),
        cmocka_unit_test(tf_enhanced_and_mse_beat_tf_at_four_bits_with_an_outlier),
        cmocka_unit_test(a_percentile_cuts_the_outlier_and_a_hundred_keeps_it),
        cmocka_unit_test(percentiles_outside_90_to_100_are_refused),
        cmocka_unit_test(every_scheme_finds_aimets_range),
        cmocka_unit_test(nan_is_refused_and_infinity_ignored),
        cmocka_unit_test(values_that_overflow_float_arithmetic_are_refused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
