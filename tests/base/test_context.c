/* Context: options, messages, interruption, the user's allocator. */
#include "testing.h"

#include <omp.h>

#include "base/context.h"
#include "base/status.h"

static void a_message_is_one_line_whatever_it_quotes(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    assert_string_equal(rf_context_message(ctx), "");
    assert_int_equal(rf_fail(ctx, RF_EMODEL, "node '%s'", "a\nb\x1b[31m"), RF_EMODEL);
    assert_string_equal(rf_context_message(ctx), "node 'a b [31m'");
    rf_context_free(ctx);
}

static void negative_threads_and_half_an_allocator_are_refused(void **state)
{
    (void)state;
    rf_context *ctx = NULL;
    rf_context_options o = { .threads = -1 };
    assert_int_equal(rf_context_new(&o, &ctx), RF_EARG);
    o = (rf_context_options){ .free = (void (*)(void *, void *))1 };
    assert_int_equal(rf_context_new(&o, &ctx), RF_EARG);
    assert_null(ctx);
}

/* Also run with OMP_THREAD_LIMIT=1: oneDNN waits for as many threads as were asked for. */
static void every_thread_that_is_asked_for_comes(void **state)
{
    (void)state;
    const rf_context_options o = { .threads = 2 };
    rf_context *ctx = NULL;
    int came = 0;
    assert_int_equal(rf_context_new(&o, &ctx), RF_OK);
    assert_int_equal(rf_context_threads(ctx), omp_get_thread_limit() == 1 ? 1 : 2);
    omp_set_dynamic(1);
    rf_use_threads(ctx);
    assert_int_equal(omp_get_dynamic(), 0);
#pragma omp parallel reduction(+ : came)
    came++;
    assert_int_equal(came, omp_get_max_threads());
    rf_context_free(ctx);
}

static void an_interrupt_is_reported_until_it_is_cleared(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    CHECK_OK(ctx, rf_check_interrupt(ctx));
    rf_context_interrupt(ctx);
    CHECK_FAILS(ctx, RF_EINTERRUPTED, "interrupted", rf_check_interrupt(ctx));
    rf_clear_interrupt(ctx);
    CHECK_OK(ctx, rf_check_interrupt(ctx));
    rf_context_free(ctx);
}

static void *count_alloc(void *user, size_t bytes)
{
    ++*(int *)user;
    return malloc(bytes);
}

static void count_free(void *user, void *memory)
{
    --*(int *)user;
    free(memory);
}

static void all_memory_comes_from_the_users_allocator(void **state)
{
    (void)state;
    int live = 0;
    const rf_context_options o = { .alloc = count_alloc, .free = count_free, .alloc_user = &live };
    rf_context *ctx = NULL;
    assert_int_equal(rf_context_new(&o, &ctx), RF_OK);
    void *p = rf_calloc(ctx, 3, 5);
    assert_int_equal(live, 2);
    rf_free(ctx, p);
    rf_context_free(ctx);
    assert_int_equal(live, 0);
}

static void every_status_has_a_text_and_an_exit_code(void **state)
{
    (void)state;
    assert_int_equal(rf_status_exit_code(RF_OK), 0);
    assert_int_equal(rf_status_exit_code(RF_EARG), 2);
    assert_int_equal(rf_status_exit_code(RF_EMODEL), 3);
    assert_int_equal(rf_status_exit_code(RF_EDATA), 4);
    assert_int_equal(rf_status_exit_code(RF_EINTERRUPTED), 130);
    assert_string_equal(rf_status_text(RF_EMODEL), "bad model file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_one_line_whatever_it_quotes),
        cmocka_unit_test(negative_threads_and_half_an_allocator_are_refused),
        cmocka_unit_test(every_thread_that_is_asked_for_comes),
        cmocka_unit_test(an_interrupt_is_reported_until_it_is_cleared),
        cmocka_unit_test(all_memory_comes_from_the_users_allocator),
        cmocka_unit_test(every_status_has_a_text_and_an_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
