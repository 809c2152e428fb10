/* Random numbers: repeatable, independent streams, the right moments. */
#include "testing.h"

#include "base/rng.h"

#define DRAWS 200000

static void a_stream_repeats_and_differs_from_its_neighbours(void **state)
{
    (void)state;
    rf_rng a, b, c;
    rf_rng_init(&a, 7, 1);
    rf_rng_init(&b, 7, 1);
    rf_rng_init(&c, 7, 2);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        const uint32_t x = rf_rng_u32(&a);
        assert_int_equal(x, rf_rng_u32(&b));
        equal += x == rf_rng_u32(&c);
    }
    assert_true(equal < 3);
}

static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    const double tolerance = 0.02; /* 5 standard errors of 200,000 draws */
    rf_rng rng;
    rf_rng_init(&rng, 1, 0);
    double mean = 0, square = 0, uniform = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double n = rf_rng_normal(&rng);
        mean += n / DRAWS;
        square += n * n / DRAWS;
        uniform += rf_rng_uniform(&rng) / DRAWS;
    }
    CHECK_NEAR(mean, 0.0, tolerance);
    CHECK_NEAR(square, 1.0, tolerance);
    CHECK_NEAR(uniform, 0.5, tolerance);
}

static void below_reaches_every_value_and_no_more(void **state)
{
    (void)state;
    rf_rng rng;
    rf_rng_init(&rng, 3, 9);
    int seen[7] = { 0 };
    for (int i = 0; i < 700; i++)
        seen[rf_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_true(seen[i] > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_repeats_and_differs_from_its_neighbours),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(below_reaches_every_value_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
