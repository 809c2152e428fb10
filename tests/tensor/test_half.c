/* 16-bit floats: every one goes there and back; rounding, and what is too large. */
#include "testing.h"

#include "tensor/half.h"

static void every_half_comes_back(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float x = rf_half_to_f32((uint16_t)h);
        if (!isnan(x))
            assert_int_equal(rf_half_from_f32(x), h);
        else
            assert_true(isnan(rf_half_to_f32(rf_half_from_f32(x))));
    }
}

static void known_numbers(void **state)
{
    (void)state;
    assert_true(rf_half_to_f32(0x3c00) == 1.0f);
    assert_true(rf_half_to_f32(0xc000) == -2.0f);
    assert_true(rf_half_to_f32(0x7bff) == 65504.0f);
    assert_true(rf_half_to_f32(0x0001) == ldexpf(1.0f, -24));
    assert_true(rf_half_to_f32(0x0400) == ldexpf(1.0f, -14));
    assert_true(isinf(rf_half_to_f32(0x7c00)));
}

static void ties_go_to_even_and_large_numbers_to_infinity(void **state)
{
    (void)state;
    assert_int_equal(rf_half_from_f32(2049.0f), rf_half_from_f32(2048.0f));
    assert_int_equal(rf_half_from_f32(2051.0f), rf_half_from_f32(2052.0f));
    assert_int_equal(rf_half_from_f32(65519.0f), 0x7bff);
    assert_int_equal(rf_half_from_f32(65520.0f), 0x7c00);
    assert_int_equal(rf_half_from_f32(ldexpf(1.0f, -25)), 0);
    assert_int_equal(rf_half_from_f32(ldexpf(1.5f, -25)), 1);
    assert_int_equal(rf_half_from_f32(-0.0f), 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(ties_go_to_even_and_large_numbers_to_infinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
