/* Ranges onto grids: vectors computed from AIMET's formulas, edge cases, and invariants over all bit widths. */
#include "testing.h"

#include <float.h>

#include "quant/qparams.h"

#define TOL_GRID 1e-12 /* relative, double arithmetic */
#define TOL_FLOAT 1e-6 /* relative, float32 arithmetic */

typedef struct grid_case {
    rf_qspec spec;
    double min, max;
    rf_encoding expected;
} grid_case;

static void computed_encodings_match_the_formulas(void **state)
{
    (void)state;
    static const grid_case cases[] = {
        { { .bitwidth = 8 }, -1, 2, { -1, 2, 0.011764705882352941, -85 } },
        { { .bitwidth = 8 },
          -0.37,
          1.93,
          { -0.3698039215686274, 1.9301960784313725, 0.009019607843137253, -41 } },
        { { .bitwidth = 8, .symmetric = true },
          -0.8,
          0.5,
          { -0.8062992125984253, 0.8, 0.006299212598425198, -128 } },
        { { .bitwidth = 8, .symmetric = true, .strict = true },
          -0.8,
          0.5,
          { -0.8, 0.8, 0.006299212598425198, -127 } },
        { { .bitwidth = 8, .symmetric = true, .is_unsigned = true },
          0,
          6,
          { 0, 6, 0.023529411764705882, 0 } },
        { { .bitwidth = 8, .symmetric = true },
          0,
          6,
          { -6.047244094488189, 6, 0.047244094488188976, -128 } },
        { { .bitwidth = 4, .symmetric = true }, -0.3, 0.7, { -0.8, 0.7, 0.1, -8 } },
        { { .bitwidth = 4 },
          -0.3,
          0.7,
          { -0.33333333333333333, 0.66666666666666667, 0.066666666666666667, -5 } },
        { { .bitwidth = 16, .symmetric = true },
          -1,
          1,
          { -1.0000305185094760, 1, 3.051850947599719e-05, -32768 } },
        { { .bitwidth = 8 }, 0, 0.01, { 0, 0.01, 3.9215686274509805e-05, 0 } },
        { { .bitwidth = 2, .symmetric = true }, -1, 1, { -2, 1, 1, -2 } },
        { { .bitwidth = 2 }, -1, 2, { -1, 2, 1, -1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const grid_case *c = &cases[i];
        const rf_encoding e = rf_encoding_of_range(&c->spec, c->min, c->max);
        CHECK_NEAR(e.min, c->expected.min, TOL_GRID);
        CHECK_NEAR(e.max, c->expected.max, TOL_GRID);
        CHECK_NEAR(e.scale, c->expected.scale, TOL_GRID);
        assert_int_equal(e.offset, c->expected.offset);
    }
}

static void a_range_on_one_side_keeps_its_ends(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8 };
    const rf_encoding negative = rf_encoding_of_range(&spec, -3.0, 0.0);
    assert_int_equal(negative.offset, -255);
    assert_true(negative.min == -3.0 && negative.max == 0.0);
    const rf_encoding positive = rf_encoding_of_range(&spec, 0.0, 3.0);
    assert_int_equal(positive.offset, 0);
}

static void infinite_ends_become_the_largest_float(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .symmetric = true };
    const rf_encoding e = rf_encoding_of_range(&spec, -INFINITY, 1.0);
    CHECK_NEAR(e.max, (double)FLT_MAX, TOL_GRID);
    assert_true(e.min == -(double)FLT_MAX);
}

static void gating_makes_the_range_hold_zero_and_a_width(void **state)
{
    (void)state;
    float min = 2.0f, max = -3.0f;
    rf_gate(&min, &max);
    assert_true(min == 0.0f && max == 1e-5f);
    min = -1.0f;
    max = -2.0f;
    rf_gate(&min, &max);
    assert_true(min == -1.0f && max == 0.0f);
}

static void a_learned_symmetric_grid_depends_on_max_alone(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .symmetric = true, .grid = RF_GRID_LEARNED };
    float a, b;
    int32_t offset;
    rf_scale_offset(&spec, -1.0f, 1.0f, &a, &offset);
    rf_scale_offset(&spec, -0.3f, 1.0f, &b, &offset);
    assert_true(a == b);
    CHECK_NEAR(a, 1.0 / 127.0, TOL_FLOAT);
    assert_int_equal(offset, -128);
}

static void a_learned_asymmetric_tie_goes_to_even_and_a_static_one_away(void **state)
{
    (void)state;
    rf_qspec spec = { .bitwidth = 4, .grid = RF_GRID_LEARNED }; /* scale 1, zero point 4.5 */
    float scale;
    int32_t offset;
    rf_scale_offset(&spec, -4.5f, 10.5f, &scale, &offset);
    assert_int_equal(offset, -4);
    spec.grid = RF_GRID_STATIC;
    rf_scale_offset(&spec, -4.5f, 10.5f, &scale, &offset);
    assert_int_equal(offset, -5);
}

static void version_2_takes_the_width_of_both_ends(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .symmetric = true, .grid = RF_GRID_V2 };
    float scale;
    int32_t offset;
    rf_scale_offset(&spec, -1.28f, 1.27f, &scale, &offset);
    CHECK_NEAR(scale, 0.01, TOL_FLOAT);
    assert_int_equal(offset, -128);
}

static void a_range_of_width_zero_still_has_a_positive_scale(void **state)
{
    (void)state;
    for (int grid = RF_GRID_LEARNED; grid <= RF_GRID_V2; grid++) {
        for (int symmetric = 0; symmetric < 2; symmetric++) {
            const rf_qspec spec = { .bitwidth = 8, .symmetric = symmetric, .grid = (rf_grid)grid };
            float scale;
            int32_t offset;
            rf_scale_offset(&spec, 0.0f, 0.0f, &scale, &offset);
            assert_true(scale > 0.0f);
            assert_true(offset <= 0);
        }
    }
}

static void the_exported_symmetric_range_has_one_code_more_below(void **state)
{
    (void)state;
    rf_qspec spec = { .bitwidth = 8, .symmetric = true, .grid = RF_GRID_LEARNED };
    rf_encoding e = rf_effective_encoding(&spec, -1.0f, 1.0f);
    CHECK_NEAR(e.min, -128.0 / 127.0, TOL_FLOAT);
    CHECK_NEAR(e.max, 1.0, TOL_FLOAT);
    assert_int_equal(e.offset, -128);
    spec.strict = true;
    e = rf_effective_encoding(&spec, -1.0f, 1.0f);
    CHECK_NEAR(e.min, -1.0, TOL_FLOAT);
    assert_int_equal(e.offset, -127);
}

/* AIMET's test_get_effective_encoding: min = scale * offset and max = min + steps * scale, whatever the width. */
static void every_exported_encoding_lies_on_its_grid(void **state)
{
    (void)state;
    for (int bitwidth = 2; bitwidth <= 16; bitwidth++) {
        for (int bits = 0; bits < 4; bits++) {
            const rf_qspec spec = { .bitwidth = bitwidth,
                                    .symmetric = bits & 1,
                                    .strict = bits & 2,
                                    .grid = RF_GRID_LEARNED };
            const float min = spec.symmetric ? -1.7f : -0.61f;
            const rf_encoding e = rf_effective_encoding(&spec, min, 1.7f);
            const double steps = (double)rf_qspec_steps(&spec);
            CHECK_NEAR(e.min, e.scale * (double)e.offset, TOL_FLOAT);
            CHECK_NEAR(e.max, e.min + steps * e.scale, TOL_FLOAT);
            assert_in_range(-e.offset, 0, steps);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computed_encodings_match_the_formulas),
        cmocka_unit_test(a_range_on_one_side_keeps_its_ends),
        cmocka_unit_test(infinite_ends_become_the_largest_float),
        cmocka_unit_test(gating_makes_the_range_hold_zero_and_a_width),
        cmocka_unit_test(a_learned_symmetric_grid_depends_on_max_alone),
        cmocka_unit_test(a_learned_asymmetric_tie_goes_to_even_and_a_static_one_away),
        cmocka_unit_test(version_2_takes_the_width_of_both_ends),
        cmocka_unit_test(a_range_of_width_zero_still_has_a_positive_scale),
        cmocka_unit_test(the_exported_symmetric_range_has_one_code_more_below),
        cmocka_unit_test(every_exported_encoding_lies_on_its_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
