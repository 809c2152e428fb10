/* Tensors: creation, refusals, copies. */
#include "testing.h"

#include "tensor/tensor.h"

static void a_new_tensor_is_zero_and_its_copy_is_its_own(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_tensor *t = NULL, *copy = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 2, (const int64_t[]){ 2, 3 }, &t));
    assert_int_equal(rf_tensor_count(t), 6);
    for (int i = 0; i < 6; i++)
        assert_true(rf_tensor_f32(t)[i] == 0.0f);
    rf_tensor_f32(t)[5] = 4.0f;
    CHECK_OK(ctx, rf_tensor_copy(t, &copy));
    rf_tensor_f32(t)[5] = 1.0f;
    assert_true(rf_tensor_f32(copy)[5] == 4.0f);
    assert_int_equal(rf_tensor_get_i64(copy, 5), 4);
    rf_tensor_free(t);
    rf_tensor_free(copy);
    rf_context_free(ctx);
}

static void bad_ranks_and_dims_are_refused(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_tensor *t = NULL;
    CHECK_FAILS(ctx, RF_EARG, "rank 9", rf_tensor_new(ctx, RF_DTYPE_F32, 9, NULL, &t));
    CHECK_FAILS(ctx, RF_EARG, "dim 1 is -4",
                rf_tensor_new(ctx, RF_DTYPE_F32, 2, (const int64_t[]){ 2, -4 }, &t));
    CHECK_FAILS(ctx, RF_EARG, "dtype 77", rf_tensor_new(ctx, (rf_dtype)77, 0, NULL, &t));
    assert_null(t);
    rf_context_free(ctx);
}

static void numbers_beyond_int64_become_the_nearest_that_it_holds(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const float values[] = { INFINITY, -INFINITY, NAN, 1e30f, -1e30f, -2.9f };
    const int64_t expected[] = { INT64_MAX, INT64_MIN, 0, INT64_MAX, INT64_MIN, -2 };
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 1, (const int64_t[]){ 6 }, &t));
    memcpy(rf_tensor_f32(t), values, sizeof values);
    for (int i = 0; i < 6; i++)
        assert_true(rf_tensor_get_i64(t, i) == expected[i]);
    rf_tensor_free(t);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_tensor_is_zero_and_its_copy_is_its_own),
        cmocka_unit_test(bad_ranks_and_dims_are_refused),
        cmocka_unit_test(numbers_beyond_int64_become_the_nearest_that_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
