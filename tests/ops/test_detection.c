/* What stands behind detectors: TopK, NonMaxSuppression, Unique, RoiAlign, MaxRoiPool, GridSample. */
#include "op_testing.h"

static const float row[] = { 3.0f, 1.0f, 4.0f, 1.0f, 5.0f, 9.0f };

static void top_k_is_in_order_and_takes_the_first_of_equal_ones(void **state)
{
    (void)state;
    for (int opset = 9; opset <= 11; opset++) {
        op_test *t = op_test_new_outputs("TopK", opset, 2);
        if (opset == 9)
            op_test_int(t, "k", 3);
        op_test_flow(t, SHAPE(1, 6), row);
        if (opset > 9)
            op_test_const_ints(t, SHAPE(1), INTS(3));
        op_test_expect(t, 0, SHAPE(1, 3), FLOATS(9, 5, 4), TOL_EXACT);
        op_test_expect_ints(t, 1, SHAPE(1, 3), INTS(5, 4, 2));
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
    op_test *t = op_test_new_outputs("TopK", 11, 2);
    op_test_int(t, "largest", 0);
    op_test_int(t, "axis", 0);
    op_test_flow(t, SHAPE(6, 1), row);
    op_test_const_ints(t, SHAPE(1), INTS(4));
    op_test_expect(t, 0, SHAPE(4, 1), FLOATS(1, 1, 3, 4), TOL_EXACT);
    op_test_expect_ints(t, 1, SHAPE(4, 1), INTS(1, 3, 0, 2));
    op_test_free(t);
    t = op_test_new_outputs("TopK", 11, 2);
    op_test_flow(t, SHAPE(3), FLOATS(1, NAN, 2));
    op_test_const_ints(t, SHAPE(1), INTS(3));
    op_test_expect(t, 0, SHAPE(3), FLOATS(NAN, 2, 1), TOL_EXACT);
    op_test_free(t);
    t = op_test_new_outputs("TopK", 11, 2);
    op_test_flow(t, SHAPE(3), row);
    op_test_const_ints(t, SHAPE(1), INTS(4));
    op_test_refused(t, RF_EMODEL, "k must be one number from 0 to 3");
}

/* Three boxes in a row: the second overlaps the first by a half, the third stands alone. */
static op_test *boxes(void)
{
    op_test *t = op_test_new("NonMaxSuppression", 11);
    op_test_const(t, SHAPE(1, 3, 4), FLOATS(0, 0, 1, 3, 1, 4, 0, 1, 5, 5, 6, 6));
    op_test_const(t, SHAPE(1, 2, 3), FLOATS(0.9f, 0.8f, 0.1f, 0.2f, 0.7f, 0.7f));
    op_test_const_ints(t, SHAPE(1), INTS(5));
    return t;
}

static void the_best_boxes_stay(void **state)
{
    (void)state;
    op_test *t = boxes();
    op_test_const(t, SHAPE(1), FLOATS(0.4f));
    op_test_expect_ints(t, 0, SHAPE(4, 3), INTS(0, 0, 0, 0, 0, 2, 0, 1, 1, 0, 1, 2));
    op_test_free(t);
    t = boxes();
    op_test_const(t, SHAPE(1), FLOATS(0.6f));
    op_test_const(t, SHAPE(1), FLOATS(0.15f));
    op_test_expect_ints(t, 0, SHAPE(5, 3), INTS(0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 2, 0, 1, 0));
    op_test_free(t);
    t = boxes();
    op_test_free(t);
    t = op_test_new("NonMaxSuppression", 10);
    op_test_random(t, SHAPE(1, 3, 4), 0.0f, 1.0f);
    op_test_random(t, SHAPE(1, 1, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_EUNSUPPORTED, "input 0 'x0' changes at run time");
    t = op_test_new("NonMaxSuppression", 10);
    op_test_const(t, SHAPE(1, 1, 4), row);
    op_test_const(t, SHAPE(1, 1, 3), row);
    op_test_refused(t, RF_ESHAPE, "boxes are [1, 1, 4], scores [1, 1, 3]");
}

static void different_elements_are_told_apart(void **state)
{
    (void)state;
    op_test *t = op_test_new_outputs("Unique", 11, 4);
    op_test_const(t, SHAPE(6), row);
    op_test_expect(t, 0, SHAPE(5), FLOATS(1, 3, 4, 5, 9), TOL_EXACT);
    op_test_expect_ints(t, 1, SHAPE(5), INTS(1, 0, 2, 4, 5));
    op_test_expect_ints(t, 2, SHAPE(6), INTS(1, 0, 2, 0, 3, 4));
    op_test_expect_ints(t, 3, SHAPE(5), INTS(2, 1, 1, 1, 1));
    op_test_int(t, "sorted", 0);
    op_test_expect(t, 0, SHAPE(5), FLOATS(3, 1, 4, 5, 9), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Unique", 11);
    op_test_int(t, "axis", 1);
    op_test_const(t, SHAPE(2, 3), FLOATS(2, 1, 2, 4, 3, 4));
    op_test_expect(t, 0, SHAPE(2, 2), FLOATS(1, 2, 3, 4), TOL_EXACT);
    op_test_free(t);
}

static void regions_are_cut_into_cells(void **state)
{
    (void)state;
    float ramp[16];
    for (int i = 0; i < 16; i++)
        ramp[i] = (float)i;
    op_test *t = op_test_new("RoiAlign", 16);
    op_test_int(t, "output_height", 2);
    op_test_int(t, "output_width", 2);
    op_test_int(t, "sampling_ratio", 1);
    op_test_flow(t, SHAPE(1, 1, 4, 4), ramp);
    op_test_const(t, SHAPE(1, 4), FLOATS(0, 0, 4, 4));
    op_test_const_ints(t, SHAPE(1), INTS(0));
    op_test_expect(t, 0, SHAPE(1, 1, 2, 2), FLOATS(2.5f, 4.5f, 10.5f, 12.5f), TOL_F32);
    op_test_free(t);
    t = op_test_new("MaxRoiPool", 1);
    op_test_ints(t, "pooled_shape", 2, INTS(2, 2));
    op_test_flow(t, SHAPE(1, 1, 4, 4), ramp);
    op_test_const(t, SHAPE(1, 5), FLOATS(0, 0, 0, 2, 2));
    op_test_expect(t, 0, SHAPE(1, 1, 2, 2), FLOATS(5, 6, 9, 10), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("RoiAlign", 16);
    op_test_flow(t, SHAPE(1, 1, 4, 4), ramp);
    op_test_const(t, SHAPE(1, 4), FLOATS(0, 0, 4, 4));
    op_test_const_ints(t, SHAPE(1), INTS(1));
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    CHECK_FAILS(t->ctx, RF_EMODEL, "region 0 lies in image 1 of 1", t->op->forward(&t->step));
    op_test_free(t);
}

/* Along a row of four: the first pixel's centre, between the last two, and far outside. */
static void grids_name_places(void **state)
{
    (void)state;
    const struct {
        const char *mode, *border;
        float expected[3];
    } cases[] = { { "bilinear", "zeros", { 1, 6, 0 } },
                  { "nearest", "border", { 1, 4, 8 } },
                  { "linear", "reflection", { 1, 6, 2 } } };
    for (int i = 0; i < 3; i++) {
        op_test *t = op_test_new("GridSample", 20);
        op_test_string(t, "mode", cases[i].mode);
        op_test_string(t, "padding_mode", cases[i].border);
        op_test_flow(t, SHAPE(1, 1, 1, 4), FLOATS(1, 2, 4, 8));
        op_test_flow(t, SHAPE(1, 1, 3, 2), FLOATS(-0.75f, 0, 0.5f, 0, 2.25f, 0));
        op_test_expect(t, 0, SHAPE(1, 1, 1, 3), cases[i].expected, TOL_F32);
        op_test_free(t);
    }
    op_test *t = op_test_new("GridSample", 20);
    op_test_flow(t, SHAPE(1, 1, 4), row);
    op_test_flow(t, SHAPE(1, 1, 1), row);
    op_test_refused(t, RF_EUNSUPPORTED, "refold has [n, c, h, w] and [n, h, w, 2]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(top_k_is_in_order_and_takes_the_first_of_equal_ones),
        cmocka_unit_test(the_best_boxes_stay),
        cmocka_unit_test(different_elements_are_told_apart),
        cmocka_unit_test(regions_are_cut_into_cells),
        cmocka_unit_test(grids_name_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
