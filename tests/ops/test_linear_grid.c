/* QuantizeLinear and DequantizeLinear: ties to even, saturation, per axis, refusals. */
#include "op_testing.h"

static void ties_go_to_even_and_codes_saturate(void **state)
{
    (void)state;
    op_test *t = op_test_new("QuantizeLinear", 10);
    op_test_flow(t, SHAPE(7), FLOATS(0.5f, 1.5f, 2.5f, -0.5f, 1000.0f, -1000.0f, NAN));
    op_test_const(t, SCALAR, FLOATS(1.0f));
    op_test_tensor(t, RF_DTYPE_U8, SCALAR, "\2", true);
    op_test_expect_ints(t, 0, SHAPE(7), INTS(2, 4, 4, 2, 255, 0, 0));
    op_test_free(t);
    t = op_test_new("QuantizeLinear", 10);
    op_test_flow(t, SHAPE(4), FLOATS(0.25f, 0.75f, 1000.0f, -1000.0f));
    op_test_const(t, SCALAR, FLOATS(0.5f));
    op_test_tensor(t, RF_DTYPE_I8, SCALAR, "\377", true);
    op_test_expect_ints(t, 0, SHAPE(4), INTS(-1, 1, 127, -128));
    op_test_free(t);
}

static void a_missing_zero_point_means_uint8_from_zero(void **state)
{
    (void)state;
    op_test *t = op_test_new("QuantizeLinear", 13);
    op_test_flow(t, SHAPE(2), FLOATS(3.0f, -3.0f));
    op_test_const(t, SCALAR, FLOATS(1.0f));
    op_test_expect_ints(t, 0, SHAPE(2), INTS(3, 0));
    assert_int_equal(t->out[0].dtype, RF_DTYPE_U8);
    op_test_free(t);
}

static void each_channel_may_have_its_grid(void **state)
{
    (void)state;
    op_test *t = op_test_new("QuantizeLinear", 13);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 1.0f, 2.0f));
    op_test_const(t, SHAPE(2), FLOATS(1.0f, 0.5f));
    op_test_tensor(t, RF_DTYPE_U8, SHAPE(2), "\0\12", true);
    op_test_expect_ints(t, 0, SHAPE(1, 2, 2), INTS(1, 2, 12, 14));
    op_test_free(t);
    t = op_test_new("DequantizeLinear", 13);
    op_test_int(t, "axis", 0);
    op_test_tensor(t, RF_DTYPE_I8, SHAPE(2, 1, 2), "\1\376\3\4", true);
    op_test_const(t, SHAPE(2), FLOATS(0.5f, 2.0f));
    op_test_tensor(t, RF_DTYPE_I8, SHAPE(2), "\0\1", true);
    op_test_expect(t, 0, SHAPE(2, 1, 2), FLOATS(0.5f, -1.0f, 4.0f, 6.0f), TOL_EXACT);
    op_test_free(t);
}

static void biases_are_int32(void **state)
{
    (void)state;
    const int32_t codes[] = { 100000, -3 };
    op_test *t = op_test_new("DequantizeLinear", 13);
    op_test_tensor(t, RF_DTYPE_I32, SHAPE(2), codes, true);
    op_test_const(t, SCALAR, FLOATS(0.25f));
    op_test_expect(t, 0, SHAPE(2), FLOATS(25000.0f, -0.75f), TOL_EXACT);
    op_test_free(t);
}

static void scales_that_do_not_match_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("QuantizeLinear", 13);
    op_test_random(t, SHAPE(1, 2, 2), 0.0f, 1.0f);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, 1.0f));
    op_test_refused(t, RF_ESHAPE, "3 scales for dim 1 of 2");
    t = op_test_new("DequantizeLinear", 13);
    op_test_tensor(t, RF_DTYPE_I64, SHAPE(1), INTS(1), true);
    op_test_const(t, SCALAR, FLOATS(1.0f));
    op_test_refused(t, RF_EUNSUPPORTED, "codes are int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_go_to_even_and_codes_saturate),
        cmocka_unit_test(a_missing_zero_point_means_uint8_from_zero),
        cmocka_unit_test(each_channel_may_have_its_grid),
        cmocka_unit_test(biases_are_int32),
        cmocka_unit_test(scales_that_do_not_match_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
