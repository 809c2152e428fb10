/* Resize, Upsample, DepthToSpace, SpaceToDepth: values, gradients in both layouts, refusals. */
#include "op_testing.h"

#include "graph/edit.h"

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

/* Resize by sizes of one row of four pixels. */
static op_test *resized_row(const char *mode, const char *coordinates, int64_t to)
{
    op_test *t = op_test_new("Resize", 19);
    op_test_string(t, "mode", mode);
    op_test_string(t, "coordinate_transformation_mode", coordinates);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_absent(t);
    op_test_absent(t);
    op_test_const_ints(t, SHAPE(3), INTS(1, 1, to));
    return t;
}

static void expect_row(op_test *t, int64_t n, const float *values)
{
    op_test_expect(t, 0, SHAPE(1, 1, n), values, TOL_F32_SUM);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void linear_weights_follow_the_coordinates(void **state)
{
    (void)state;
    expect_row(resized_row("linear", "half_pixel", 8), 8,
               FLOATS(1.0f, 1.25f, 1.75f, 2.25f, 2.75f, 3.25f, 3.75f, 4.0f));
    expect_row(resized_row("linear", "align_corners", 7), 7,
               FLOATS(1.0f, 1.5f, 2.0f, 2.5f, 3.0f, 3.5f, 4.0f));
    expect_row(resized_row("linear", "asymmetric", 8), 8,
               FLOATS(1.0f, 1.5f, 2.0f, 2.5f, 3.0f, 3.5f, 4.0f, 4.0f));
    expect_row(resized_row("linear", "half_pixel", 1), 1, FLOATS(2.5f));
    expect_row(resized_row("linear", "half_pixel_symmetric", 1), 1, FLOATS(2.5f));
    expect_row(resized_row("linear", "pytorch_half_pixel", 1), 1, FLOATS(1.0f));
    expect_row(resized_row("nearest", "tf_half_pixel_for_nn", 2), 2, FLOATS(2.0f, 4.0f));
}

static void half_pixel_symmetric_keeps_the_centre(void **state)
{
    (void)state;
    op_test *t = op_test_new("Resize", 19);
    op_test_string(t, "mode", "linear");
    op_test_string(t, "coordinate_transformation_mode", "half_pixel_symmetric");
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_absent(t);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, 0.6f)); /* 2.4 pixels, of which 2 are made */
    expect_row(t, 2,
               FLOATS(1.0f + 2.0f * (1.0f - 2.0f / 2.4f) + 1.0f / 3.0f,
                      1.0f + 2.0f * (1.0f - 2.0f / 2.4f) + 2.0f));
}

static void cubic_weights_sum_to_one_and_may_leave_out_the_border(void **state)
{
    (void)state;
    expect_row(resized_row("cubic", "half_pixel", 2), 2, FLOATS(1.40625f, 3.59375f));
    op_test *t = resized_row("cubic", "half_pixel", 2);
    op_test_int(t, "exclude_outside", 1);
    op_test_float(t, "cubic_coeff_a", -0.5);
    expect_row(t, 2,
               FLOATS((0.5625f + 0.5625f * 2.0f - 0.0625f * 3.0f) / 1.0625f,
                      (-0.0625f * 2.0f + 0.5625f * 3.0f + 0.5625f * 4.0f) / 1.0625f));
}

static void antialias_weighs_all_pixels_that_one_stands_for(void **state)
{
    (void)state;
    op_test *t = resized_row("linear", "half_pixel", 2);
    op_test_int(t, "antialias", 1);
    expect_row(t, 2,
               FLOATS((1.0f * (0.25f + 0.75f) + 0.75f * 2.0f + 0.25f * 3.0f) / 2.0f,
                      (2.0f * 0.25f + 3.0f * 0.75f + 4.0f * (0.75f + 0.25f)) / 2.0f));
    t = resized_row("cubic", "half_pixel", 2);
    op_test_int(t, "antialias", 1);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

/* Its kernel would reach further than any number of pixels. */
static void a_scale_that_leaves_no_pixel_is_computed(void **state)
{
    (void)state;
    op_test *t = op_test_new("Resize", 19);
    op_test_string(t, "mode", "linear");
    op_test_int(t, "antialias", 1);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_absent(t);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, 1e-30f));
    op_test_expect(t, 0, SHAPE(1, 1, 0), four, TOL_EXACT);
    op_test_free(t);
}

static void what_a_crop_leaves_outside_is_extrapolated(void **state)
{
    (void)state;
    const char *const modes[] = { "nearest", "linear", "cubic" };
    for (int i = 0; i < 3; i++) {
        op_test *t = op_test_new("Resize", 11);
        op_test_string(t, "mode", modes[i]);
        op_test_string(t, "coordinate_transformation_mode", "tf_crop_and_resize");
        op_test_float(t, "extrapolation_value", 10.0);
        op_test_flow(t, SHAPE(1, 1, 4), four);
        op_test_const(t, SHAPE(6), FLOATS(0.0f, 0.0f, 0.0f, 1.0f, 1.0f, 2.0f));
        op_test_const(t, SHAPE(0), four);
        op_test_const_ints(t, SHAPE(3), INTS(1, 1, 4));
        expect_row(t, 4, FLOATS(1.0f, 3.0f, 10.0f, 10.0f));
    }
}

static void images_are_resized_along_both_axes(void **state)
{
    (void)state;
    const char *const modes[] = { "linear", "cubic" };
    for (int i = 0; i < 2; i++) {
        op_test *t = op_test_new("Resize", 13);
        op_test_string(t, "mode", modes[i]);
        op_test_random(t, SHAPE(2, 3, 3, 4), -1.0f, 1.0f);
        op_test_absent(t);
        op_test_const(t, SHAPE(4), FLOATS(1.0f, 1.0f, 2.0f, 0.5f));
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
    op_test *t = op_test_new("Upsample", 7);
    op_test_string(t, "mode", "linear");
    rf_attr *scales = rf_node_new_attr(t->graph, t->node, "scales");
    assert_non_null(scales);
    *scales = (rf_attr){
        .name = "scales", .type = RF_ATTR_FLOATS, .floats = FLOATS(1, 1, 2, 2), .count = 4
    };
    op_test_flow(t, SHAPE(1, 1, 2, 2), four);
    op_test_expect(t, 0, SHAPE(1, 1, 4, 4),
                   FLOATS(1, 1.5, 2, 2, 2, 2.5, 3, 3, 3, 3.5, 4, 4, 3, 3.5, 4, 4), TOL_F32);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void named_axes_may_keep_their_proportion(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        int64_t h, w;
    } cases[] = { { "stretch", 4, 2 }, { "not_larger", 2, 2 }, { "not_smaller", 4, 4 } };
    for (int i = 0; i < 3; i++) {
        op_test *t = op_test_new("Resize", 18);
        op_test_string(t, "keep_aspect_ratio_policy", cases[i].policy);
        op_test_ints(t, "axes", 2, INTS(2, -1));
        op_test_random(t, SHAPE(1, 2, 8, 8), -1.0f, 1.0f);
        op_test_absent(t);
        op_test_absent(t);
        op_test_const_ints(t, SHAPE(2), INTS(4, 2));
        op_test_run(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
        const rf_shape found = rf_view_shape(&t->out[0]);
        const rf_shape expected = SHAPE(1, 2, cases[i].h, cases[i].w);
        assert_true(rf_shape_equal(&found, &expected));
        op_test_free(t);
    }
}

/* Opset 10: down where a dim grows, up where it shrinks. */
static void the_first_resize_takes_scales_alone(void **state)
{
    (void)state;
    op_test *t = op_test_new("Resize", 10);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, 0.6f));
    expect_row(t, 2, FLOATS(1.0f, 3.0f));
    t = op_test_new("Resize", 10);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_const(t, SHAPE(3), FLOATS(1.0f, 1.0f, 1.5f));
    expect_row(t, 6, FLOATS(1.0f, 1.0f, 2.0f, 3.0f, 3.0f, 4.0f));
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    op_test *t = resized_row("lanczos", "half_pixel", 2);
    op_test_refused(t, RF_EUNSUPPORTED,
                    "Resize 'node': mode 'lanczos'; refold has nearest, linear and cubic");
    t = resized_row("linear", "elsewhere", 2);
    op_test_refused(t, RF_EUNSUPPORTED, "coordinate_transformation_mode 'elsewhere' is unknown");
    t = resized_row("linear", "tf_crop_and_resize", 2);
    op_test_refused(t, RF_EMODEL, "tf_crop_and_resize needs a roi of 6 float32");
    t = op_test_new("Resize", 13);
    op_test_flow(t, SHAPE(1, 1, 4), four);
    op_test_absent(t);
    op_test_flow(t, SHAPE(3), FLOATS(1.0f, 1.0f, 2.0f));
    op_test_refused(t, RF_EUNSUPPORTED, "input 2 'x2' changes at run time");
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
        cmocka_unit_test(linear_weights_follow_the_coordinates),
        cmocka_unit_test(half_pixel_symmetric_keeps_the_centre),
        cmocka_unit_test(cubic_weights_sum_to_one_and_may_leave_out_the_border),
        cmocka_unit_test(antialias_weighs_all_pixels_that_one_stands_for),
        cmocka_unit_test(a_scale_that_leaves_no_pixel_is_computed),
        cmocka_unit_test(what_a_crop_leaves_outside_is_extrapolated),
        cmocka_unit_test(images_are_resized_along_both_axes),
        cmocka_unit_test(named_axes_may_keep_their_proportion),
        cmocka_unit_test(the_first_resize_takes_scales_alone),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(pixel_blocks_go_there_and_back),
        cmocka_unit_test(blocks_that_do_not_divide_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
