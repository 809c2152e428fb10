/* Views: the two dense layouts and copies between them. */
#include "testing.h"

#include "tensor/view.h"

static void channels_last_has_stride_one_over_channels(void **state)
{
    (void)state;
    const rf_shape shape = { 4, { 2, 3, 4, 5 } };
    rf_view v;
    rf_view_init(&v, RF_DTYPE_F32, &shape, RF_LAYOUT_CHANNELS_LAST);
    const int64_t expected[] = { 60, 1, 15, 3 };
    assert_memory_equal(v.strides, expected, sizeof expected);
    assert_true(rf_view_is(&v, RF_LAYOUT_CHANNELS_LAST));
    assert_false(rf_view_is(&v, RF_LAYOUT_PLAIN));
}

static void both_layouts_coincide_where_only_channels_vary(void **state)
{
    (void)state;
    const rf_shape pooled = { 4, { 2, 3, 1, 1 } }, flat = { 2, { 2, 3 } };
    rf_view v;
    rf_view_init(&v, RF_DTYPE_F32, &pooled, RF_LAYOUT_CHANNELS_LAST);
    assert_true(rf_view_is(&v, RF_LAYOUT_PLAIN));
    rf_view_init(&v, RF_DTYPE_F32, &flat, RF_LAYOUT_CHANNELS_LAST);
    assert_true(rf_view_is(&v, RF_LAYOUT_PLAIN));
}

static void a_copy_to_the_other_layout_and_back_is_the_original(void **state)
{
    (void)state;
    const rf_shape shape = { 4, { 2, 3, 4, 5 } };
    float plain[120], last[120], back[120];
    rf_view p, l, b;
    rf_view_init(&p, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    rf_view_init(&l, RF_DTYPE_F32, &shape, RF_LAYOUT_CHANNELS_LAST);
    b = p;
    p.data = plain;
    l.data = last;
    b.data = back;
    for (int i = 0; i < 120; i++)
        plain[i] = (float)i;
    rf_view_copy(&p, &l);
    assert_true(last[1] == 20.0f); /* element (0, 1, 0, 0) */
    rf_view_copy(&l, &b);
    assert_memory_equal(plain, back, sizeof plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_last_has_stride_one_over_channels),
        cmocka_unit_test(both_layouts_coincide_where_only_channels_vary),
        cmocka_unit_test(a_copy_to_the_other_layout_and_back_is_the_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
