/* Resize, Upsample, DepthToSpace, SpaceToDepth: values, gradients in both layouts, refusals. */
#include "op_testing.h"

static const float four[] = { 1.0f, 2.0f, 3.0f, 4.0f };

static void upsample_doubles_pixels(void **state)
{
    (void)state;
    op_test *t = op_test_new("Upsample", 9);
    op_test_flow(t, SHAPE(1, 2, 1, 2), four);
    op_test_const(t, SHAPE(4), FLOATS(1.0f, 1.0f, 1.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 1, 4), FLOATS(1.0f, 1.0f, 2.0f, 2.0f, 3.0f, 3.0f, 4.0f, 4.0f),
                   TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void resize_takes_sizes_and_rounds_to_the_nearest(void **state)
{
    (void)state;
    op_test *t = op_test_new("Resize", 13);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_absent(t);
    op_test_absent(t);
    op_test_const_ints(t, SHAPE(3), INTS(1, 1, 3));
    op_test_expect(t, 0, SHAPE(1, 1, 3), FLOATS(1.0f, 2.0f, 4.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void other_modes_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Resize", 13);
    op_test_string(t, "mode", "cubic");
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_absent(t);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, 2.0f));
    op_test_refused(t, RF_EUNSUPPORTED, "Resize 'node': mode 'cubic'; refold has nearest");
    t = op_test_new("Upsample", 9);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, -2.0f));
    op_test_refused(t, RF_EMODEL, "scale -2 of dim 2");
}

static void pixel_blocks_go_there_and_back(void **state)
{
    (void)state;
    const char *const modes[] = { "DCR", "CRD" };
    for (int i = 0; i < 2; i++) {
        op_test *t = op_test_new("DepthToSpace", 13);
        op_test_int(t, "blocksize", 2);
        op_test_string(t, "mode", modes[i]);
        op_test_random(t, SHAPE(2, 8, 2, 3), -1.0f, 1.0f);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
    op_test *t = op_test_new("DepthToSpace", 13);
    op_test_int(t, "blocksize", 2);
    op_test_flow(t, SHAPE(1, 4, 1, 1), four);
    op_test_expect(t, 0, SHAPE(1, 1, 2, 2), four, TOL_EXACT);
    op_test_free(t);
    t = op_test_new("SpaceToDepth", 13);
    op_test_int(t, "blocksize", 2);
    op_test_random(t, SHAPE(2, 2, 4, 6), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void blocks_that_do_not_divide_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("DepthToSpace", 13);
    op_test_int(t, "blocksize", 3);
    op_test_flow(t, SHAPE(1, 4, 1, 1), four);
    op_test_refused(t, RF_ESHAPE, "4 channels do not divide into blocks of 3 x 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upsample_doubles_pixels),
        cmocka_unit_test(resize_takes_sizes_and_rounds_to_the_nearest),
        cmocka_unit_test(other_modes_are_refused),
        cmocka_unit_test(pixel_blocks_go_there_and_back),
        cmocka_unit_test(blocks_that_do_not_divide_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
