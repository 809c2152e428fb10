/* Arena: alignment, zeroing, large blocks, text. */
#include "testing.h"

#include "base/arena.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_arena arena;
    rf_arena_init(&arena, ctx);
    for (size_t bytes = 0; bytes < 3000; bytes += 37) {
        unsigned char *p = rf_arena_alloc(&arena, bytes);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, bytes);
    }
    rf_arena_release(&arena);
    rf_context_free(ctx);
}

static void a_block_larger_than_the_usual_one_is_served(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_arena arena;
    rf_arena_init(&arena, ctx);
    unsigned char *p = rf_arena_alloc(&arena, 1 << 20);
    assert_non_null(p);
    assert_int_equal(p[(1 << 20) - 1], 0);
    assert_string_equal(rf_arena_printf(&arena, "%s %d", "conv", 7), "conv 7");
    assert_string_equal(rf_arena_strndup(&arena, "abcdef", 3), "abc");
    rf_arena_release(&arena);
    rf_context_free(ctx);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_arena arena;
    rf_arena_init(&arena, ctx);
    assert_null(rf_arena_array(&arena, SIZE_MAX / 2, 4));
    assert_null(rf_arena_alloc(&arena, SIZE_MAX - 3));
    assert_non_null(strstr(rf_context_message(ctx), "out of memory"));
    rf_arena_release(&arena);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(a_block_larger_than_the_usual_one_is_served),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
