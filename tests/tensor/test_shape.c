/* Shapes: products, overflow, text, broadcasting. */
#include "testing.h"

#include "tensor/shape.h"

static void products_that_overflow_are_refused(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    int64_t count = -1;
    const rf_shape huge = { 3, { (int64_t)1 << 40, (int64_t)1 << 40, 2 } };
    CHECK_FAILS(ctx, RF_ESHAPE, "1099511627776", rf_shape_count(ctx, &huge, &count));
    const rf_shape negative = { 2, { 3, -1 } };
    CHECK_FAILS(ctx, RF_ESHAPE, "[3, ?]", rf_shape_count(ctx, &negative, &count));
    const rf_shape empty = { 2, { 0, 5 } }, scalar = { 0, { 0 } };
    CHECK_OK(ctx, rf_shape_count(ctx, &empty, &count));
    assert_int_equal(count, 0);
    CHECK_OK(ctx, rf_shape_count(ctx, &scalar, &count));
    assert_int_equal(count, 1);
    rf_context_free(ctx);
}

static void broadcasting_follows_numpy(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const rf_shape a = { 4, { 2, 3, 1, 5 } }, b = { 3, { 3, 4, 1 } }, bad = { 1, { 4 } };
    const rf_shape expected = { 4, { 2, 3, 4, 5 } };
    rf_shape out;
    CHECK_OK(ctx, rf_shape_broadcast(ctx, &a, &b, &out));
    assert_true(rf_shape_equal(&out, &expected));
    CHECK_FAILS(ctx, RF_ESHAPE, "[2, 3, 1, 5] and [4]", rf_shape_broadcast(ctx, &a, &bad, &out));
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(broadcasting_follows_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
