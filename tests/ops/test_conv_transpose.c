/* ConvTranspose: output padding and shape, groups, pads, gradients, against the naive sum. */
#include "op_testing.h"

#include "../ref/conv_ref.h"

#define TOL_CONV 1e-5 /* relative to max(1, expected); float32 sums of up to some hundred terms */

static void check_forward(op_test *t, rf_conv_shape s)
{
    s.transposed = true;
    const float *x = t->inputs[0].values->data, *w = t->inputs[1].values->data;
    const float *b = t->in_count > 2 ? t->inputs[2].values->data : NULL;
    const int64_t count = ref_conv_dst_count(&s);
    double *y = calloc((size_t)count, sizeof *y);
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_CHANNELS_LAST);
    for (int i = 0; i < s.spatial; i++)
        assert_int_equal(t->out[0].dims[2 + i], s.out[i]);
    assert_int_equal(rf_view_count(&t->out[0]), count);
    ref_conv_forward(&s, x, w, b, y);
    for (int64_t i = 0; i < count; i++)
        CHECK_NEAR(op_test_out(t, 0, i), y[i], TOL_CONV);
    free(y);
}

/* One axis of 5, 2 to 3 channels, stride 2. */
static op_test *line(int64_t kernel)
{
    op_test *t = op_test_new("ConvTranspose", 11);
    op_test_ints(t, "strides", 1, INTS(2));
    op_test_random(t, SHAPE(2, 2, 5), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(2, 3, kernel), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(3), -1.0f, 1.0f);
    return t;
}

static rf_conv_shape line_shape(int64_t kernel, int64_t out, int64_t begin, int64_t end)
{
    return (rf_conv_shape){ .spatial = 1,
                            .n = 2,
                            .ic = 2,
                            .oc = 3,
                            .groups = 1,
                            .in = { 5 },
                            .out = { out },
                            .kernel = { kernel },
                            .stride = { 2 },
                            .dilation = { 1 },
                            .pad_begin = { begin },
                            .pad_end = { end } };
}

static void pads_and_output_padding(void **state)
{
    (void)state;
    op_test *t = line(3);
    check_forward(t, line_shape(3, 11, 0, 0));
    assert_int_equal(t->op->macs(&t->step), 2 * 2 * 5 * 3 * 3);
    op_test_ints(t, "pads", 2, INTS(1, 0));
    check_forward(t, line_shape(3, 10, 1, 0));
    op_test_ints(t, "output_padding", 1, INTS(1));
    check_forward(t, line_shape(3, 11, 1, 0));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = line(1); /* cells that no input reaches hold the bias */
    op_test_ints(t, "output_padding", 1, INTS(1));
    check_forward(t, line_shape(1, 10, 0, 0));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void a_given_output_shape_decides_the_pads(void **state)
{
    (void)state;
    op_test *t = line(4); /* 12 without pads */
    op_test_ints(t, "output_shape", 1, INTS(9));
    check_forward(t, line_shape(4, 9, 2, 1));
    op_test_string(t, "auto_pad", "SAME_UPPER");
    check_forward(t, line_shape(4, 9, 1, 2));
    op_test_free(t);
    t = line(3); /* 11 without pads */
    op_test_string(t, "auto_pad", "SAME_UPPER");
    check_forward(t, line_shape(3, 10, 0, 1));
    op_test_string(t, "auto_pad", "SAME_LOWER");
    check_forward(t, line_shape(3, 10, 1, 0));
    op_test_ints(t, "pads", 2, INTS(1, 1));
    op_test_string(t, "auto_pad", "VALID");
    check_forward(t, line_shape(3, 11, 0, 0));
    op_test_free(t);
}

static void groups_on_two_axes(void **state)
{
    (void)state;
    op_test *t = op_test_new("ConvTranspose", 1);
    op_test_int(t, "group", 2);
    op_test_ints(t, "strides", 2, INTS(2, 1));
    op_test_ints(t, "dilations", 2, INTS(1, 2));
    op_test_random(t, SHAPE(1, 4, 3, 2), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(4, 3, 2, 2), -1.0f, 1.0f);
    check_forward(t, (rf_conv_shape){ .spatial = 2,
                                      .n = 1,
                                      .ic = 4,
                                      .oc = 6,
                                      .groups = 2,
                                      .in = { 3, 2 },
                                      .out = { 6, 4 },
                                      .kernel = { 2, 2 },
                                      .stride = { 2, 1 },
                                      .dilation = { 1, 2 } });
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("ConvTranspose", 11);
    op_test_random(t, SHAPE(1, 3, 4, 4), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4, 2, 3, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "weights are [4, 2, 3, 3], expected [3, oc, kh, kw] for 3 input");
    t = line(3);
    op_test_ints(t, "output_padding", 1, INTS(2));
    op_test_refused(t, RF_ESHAPE, "output padding must be smaller than the stride");
    t = line(3);
    op_test_ints(t, "output_shape", 1, INTS(0));
    op_test_refused(t, RF_ESHAPE, "output of 0 on axis 0");
    t = line(3);
    op_test_ints(t, "output_shape", 2, INTS(9, 9));
    op_test_refused(t, RF_EMODEL, "attribute output_shape has 2 numbers, expected 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pads_and_output_padding),
        cmocka_unit_test(a_given_output_shape_decides_the_pads),
        cmocka_unit_test(groups_on_two_axes),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
