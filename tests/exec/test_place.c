/* Placement of buffers: no two that live at the same moment overlap, and memory is reused. */
#include "testing.h"

#include "base/rng.h"
#include "exec/plan_impl.h"

#define BUFFERS 300

static bool overlap(const rf_buffer *a, const rf_buffer *b)
{
    return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static void buffers_alive_together_never_overlap(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_rng rng;
    rf_rng_init(&rng, 5, 0);
    static rf_buffer b[BUFFERS];
    size_t sum = 0, bytes = 0;
    for (int i = 0; i < BUFFERS; i++) {
        b[i].bytes = (size_t)rf_rng_below(&rng, 5000);
        b[i].birth = (int)rf_rng_below(&rng, 500);
        b[i].death = b[i].birth + (int)rf_rng_below(&rng, 60);
        sum += b[i].bytes;
    }
    CHECK_OK(ctx, rf_plan_place(ctx, b, BUFFERS, &bytes));
    for (int i = 0; i < BUFFERS; i++) {
        assert_int_equal(b[i].offset % RF_ALIGN, 0);
        assert_true(b[i].offset + b[i].bytes <= bytes);
        for (int j = 0; j < i; j++)
            if (b[i].birth <= b[j].death && b[j].birth <= b[i].death && b[i].bytes && b[j].bytes)
                assert_false(overlap(&b[i], &b[j]));
    }
    assert_true(bytes < sum / 3); /* lifetimes of 30 in 500 moments leave much to reuse */
    rf_context_free(ctx);
}

static void a_chain_needs_two_buffers(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_buffer b[10];
    for (int i = 0; i < 10; i++)
        b[i] = (rf_buffer){ .bytes = 640, .birth = i, .death = i + 1 };
    size_t bytes = 0;
    CHECK_OK(ctx, rf_plan_place(ctx, b, 10, &bytes));
    assert_int_equal(bytes, 1280);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_alive_together_never_overlap),
        cmocka_unit_test(a_chain_needs_two_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
