/* Gather and Scatter in all their forms, OneHot, EyeLike, NonZero, Compress, Trilu, CastLike. */
#include "op_testing.h"

static const float six[] = { 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f };

static void gather_elements_wraps_and_sums_what_was_taken_twice(void **state)
{
    (void)state;
    op_test *t = op_test_new("GatherElements", 13);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(2, 2), INTS(2, 2, -3, 1));
    op_test_expect(t, 0, SHAPE(2, 2), FLOATS(3, 3, 4, 5), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("GatherElements", 11);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(1, 2), INTS(1, 0));
    op_test_expect(t, 0, SHAPE(1, 2), FLOATS(4, 2), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void gather_takes_any_axis(void **state)
{
    (void)state;
    op_test *t = op_test_new("Gather", 13);
    op_test_int(t, "axis", -1);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(2, 1), INTS(-1, 0));
    op_test_expect(t, 0, SHAPE(2, 2, 1), FLOATS(3, 1, 6, 4), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void gather_nd_takes_slices_within_batches(void **state)
{
    (void)state;
    op_test *t = op_test_new("GatherND", 12);
    op_test_flow(t, SHAPE(3, 2), six);
    op_test_const_ints(t, SHAPE(3, 1), INTS(2, 0, -1));
    op_test_expect(t, 0, SHAPE(3, 2), FLOATS(5, 6, 1, 2, 5, 6), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("GatherND", 12);
    op_test_int(t, "batch_dims", 1);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(2, 2, 1), INTS(0, 2, 1, 1));
    op_test_expect(t, 0, SHAPE(2, 2), FLOATS(1, 3, 5, 5), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void scattering_replaces_or_adds(void **state)
{
    (void)state;
    const char *const names[] = { "ScatterElements", "Scatter" };
    for (int i = 0; i < 2; i++) {
        op_test *t = op_test_new(names[i], i ? 9 : 11);
        op_test_int(t, "axis", 1);
        op_test_flow(t, SHAPE(2, 3), six);
        op_test_const_ints(t, SHAPE(2, 1), INTS(1, -1));
        op_test_flow(t, SHAPE(2, 1), FLOATS(-1, -2));
        op_test_expect(t, 0, SHAPE(2, 3), FLOATS(1, -1, 3, 4, 5, -2), TOL_EXACT);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
    op_test *t = op_test_new("ScatterElements", 16);
    op_test_string(t, "reduction", "add");
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(2, 1), INTS(1, 1));
    op_test_flow(t, SHAPE(2, 1), FLOATS(10, 20));
    op_test_expect(t, 0, SHAPE(2, 3), FLOATS(1, 2, 3, 34, 5, 6), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    const struct {
        const char *reduction;
        float value;
    } others[] = { { "mul", 120.0f }, { "max", 10.0f }, { "min", 3.0f } };
    for (int i = 0; i < 3; i++) {
        t = op_test_new("ScatterElements", 18);
        op_test_string(t, "reduction", others[i].reduction);
        op_test_flow(t, SHAPE(3), FLOATS(1, 2, 4));
        op_test_const_ints(t, SHAPE(2), INTS(2, 2));
        op_test_flow(t, SHAPE(2), FLOATS(10, 3));
        op_test_expect(t, 0, SHAPE(3), FLOATS(1, 2, others[i].value), TOL_EXACT);
        CHECK_FAILS(t->ctx, RF_EUNSUPPORTED, "has no gradient here",
                    op_test_prepare(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN));
        op_test_free(t);
    }
}

static void scatter_nd_puts_slices(void **state)
{
    (void)state;
    const char *const reductions[] = { "none", "add" };
    const float *const expected[] = { FLOATS(1, 2, 3, -1, -2, -3), FLOATS(1, 2, 3, 3, 3, 3) };
    for (int i = 0; i < 2; i++) {
        op_test *t = op_test_new("ScatterND", 16);
        op_test_string(t, "reduction", reductions[i]);
        op_test_flow(t, SHAPE(2, 3), six);
        op_test_const_ints(t, SHAPE(1, 1), INTS(-1));
        op_test_flow(t, SHAPE(1, 3), FLOATS(-1, -2, -3));
        op_test_expect(t, 0, SHAPE(2, 3), expected[i], TOL_EXACT);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void indices_outside_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("GatherElements", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(1, 1), INTS(2));
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    CHECK_FAILS(t->ctx, RF_EMODEL, "index 2 is outside a dim of 2", t->op->forward(&t->step));
    op_test_free(t);
    t = op_test_new("GatherElements", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(2), INTS(2, 0));
    op_test_refused(t, RF_ESHAPE, "indices [2] do not fit data [2, 3] along axis 0");
    t = op_test_new("GatherND", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(1, 3), INTS(0, 0, 0));
    op_test_refused(t, RF_ESHAPE, "indices [1, 3] do not point into data [2, 3]");
    t = op_test_new("ScatterND", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SHAPE(1, 1), INTS(0));
    op_test_flow(t, SHAPE(3), six);
    op_test_refused(t, RF_ESHAPE, "updates do not fit the indices and the data");
}

static void one_hot_and_the_diagonal(void **state)
{
    (void)state;
    op_test *t = op_test_new("OneHot", 11);
    op_test_int(t, "axis", 0);
    op_test_const_ints(t, SHAPE(3), INTS(1, -1, 7));
    op_test_const_ints(t, SCALAR, INTS(3));
    op_test_const(t, SHAPE(2), FLOATS(2, 5));
    op_test_expect(t, 0, SHAPE(3, 3), FLOATS(2, 2, 2, 5, 2, 2, 2, 5, 2), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("EyeLike", 9);
    op_test_int(t, "k", 1);
    op_test_int(t, "dtype", 7);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_expect_ints(t, 0, SHAPE(2, 3), INTS(0, 1, 0, 0, 0, 1));
    op_test_free(t);
}

static void shapes_that_depend_on_contents_need_them(void **state)
{
    (void)state;
    op_test *t = op_test_new("NonZero", 13);
    op_test_const(t, SHAPE(2, 2), FLOATS(0, 3, 0.5f, 0));
    op_test_expect_ints(t, 0, SHAPE(2, 2), INTS(0, 1, 1, 0));
    op_test_free(t);
    t = op_test_new("NonZero", 13);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_refused(t, RF_EUNSUPPORTED, "input 0 'x0' changes at run time");
    t = op_test_new("Compress", 11);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_tensor(t, RF_DTYPE_BOOL, SHAPE(2), ((const unsigned char[]){ 0, 1 }), true);
    op_test_expect(t, 0, SHAPE(2, 1), FLOATS(2, 5), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Compress", 11);
    op_test_flow(t, SHAPE(1), six);
    op_test_tensor(t, RF_DTYPE_BOOL, SHAPE(2), ((const unsigned char[]){ 0, 1 }), true);
    op_test_refused(t, RF_ESHAPE, "2 conditions for 1 slices");
}

static void triangles_keep_their_half(void **state)
{
    (void)state;
    op_test *t = op_test_new("Trilu", 14);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_expect(t, 0, SHAPE(2, 3), FLOATS(1, 2, 3, 0, 5, 6), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Trilu", 14);
    op_test_int(t, "upper", 0);
    op_test_flow(t, SHAPE(2, 3), six);
    op_test_const_ints(t, SCALAR, INTS(-1));
    op_test_expect(t, 0, SHAPE(2, 3), FLOATS(0, 0, 0, 4, 0, 0), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void cast_like_follows_its_second_input(void **state)
{
    (void)state;
    op_test *t = op_test_new("CastLike", 15);
    op_test_flow(t, SHAPE(3), FLOATS(1.75f, -2.5f, 3.0f));
    op_test_const_ints(t, SHAPE(1), INTS(0));
    op_test_expect_ints(t, 0, SHAPE(3), INTS(1, -2, 3));
    op_test_free(t);
    t = op_test_new("CastLike", 15);
    op_test_flow(t, SHAPE(3), six);
    op_test_const(t, SHAPE(1), six);
    op_test_expect(t, 0, SHAPE(3), six, TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_elements_wraps_and_sums_what_was_taken_twice),
        cmocka_unit_test(gather_takes_any_axis),
        cmocka_unit_test(gather_nd_takes_slices_within_batches),
        cmocka_unit_test(scattering_replaces_or_adds),
        cmocka_unit_test(scatter_nd_puts_slices),
        cmocka_unit_test(indices_outside_are_refused),
        cmocka_unit_test(one_hot_and_the_diagonal),
        cmocka_unit_test(shapes_that_depend_on_contents_need_them),
        cmocka_unit_test(triangles_keep_their_half),
        cmocka_unit_test(cast_like_follows_its_second_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
