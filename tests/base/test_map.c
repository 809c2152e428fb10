/* String map: many keys, replacement, deletion without losing neighbours. */
#include "testing.h"

#include "base/map.h"

#define KEYS 5000

static void keys_survive_growth_and_the_removal_of_others(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    static char names[KEYS][16];
    rf_map map;
    rf_map_init(&map, ctx);
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof names[i], "tensor.%d", i);
        CHECK_OK(ctx, rf_map_put(&map, names[i], names[i]));
    }
    for (int i = 0; i < KEYS; i += 3)
        rf_map_remove(&map, names[i]);
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(rf_map_find(&map, names[i]), i % 3 ? names[i] : NULL);
    assert_int_equal(map.count, KEYS - (KEYS + 2) / 3);
    rf_map_release(&map);
    rf_context_free(ctx);
}

static void an_empty_map_finds_and_removes_nothing(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_map map;
    rf_map_init(&map, ctx);
    assert_null(rf_map_find(&map, "a"));
    rf_map_remove(&map, "a");
    CHECK_OK(ctx, rf_map_put(&map, "a", &map));
    rf_map_release(&map);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_survive_growth_and_the_removal_of_others),
        cmocka_unit_test(an_empty_map_finds_and_removes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
