/* Conv: paddings, groups, codes and gradients, against the naive sum. */
#include "op_testing.h"

#include "../ref/conv_ref.h"
#include "base/context.h"

#define TOL_CONV 1e-5 /* relative to max(1, expected); float32 sums of up to some hundred terms */

/* Output and gradients of `t` (x, w[, b]) must be those of `s`. */
static void check_conv(op_test *t, const rf_conv_shape *s)
{
    const float *x = t->inputs[0].values->data, *w = t->inputs[1].values->data;
    const float *b = t->in_count > 2 && t->inputs[2].values ? t->inputs[2].values->data : NULL;
    const int64_t nx = ref_conv_src_count(s), ny = ref_conv_dst_count(s);
    const int64_t nw = ref_conv_weights_count(s);
    double *y = calloc((size_t)ny, sizeof *y), *dx = calloc((size_t)nx, sizeof *dx);
    double *dw = calloc((size_t)nw, sizeof *dw), *db = calloc((size_t)s->oc, sizeof *db);
    float *g = malloc((size_t)ny * sizeof *g);
    for (int64_t i = 0; i < ny; i++)
        g[i] = (float)((i * 31) % 67) / 33.0f - 1.0f;
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
    assert_int_equal(rf_view_count(&t->out[0]), ny);
    ref_conv_forward(s, x, w, b, y);
    for (int64_t i = 0; i < ny; i++)
        CHECK_NEAR(op_test_out(t, 0, i), y[i], TOL_CONV);
    op_test_set_diff(t, 0, g);
    op_test_backward(t);
    ref_conv_backward_data(s, g, w, dx);
    ref_conv_backward_weights(s, x, g, dw, db);
    for (int64_t i = 0; i < nx; i++)
        CHECK_NEAR(op_test_at(&t->diff_in[0], i), dx[i], TOL_CONV);
    for (int64_t i = 0; i < nw; i++)
        CHECK_NEAR(op_test_at(&t->diff_in[1], i), dw[i], TOL_CONV);
    for (int64_t i = 0; b && i < s->oc; i++)
        CHECK_NEAR(op_test_at(&t->diff_in[2], i), db[i], TOL_CONV);
    free(y);
    free(dx);
    free(dw);
    free(db);
    free(g);
}

static void explicit_pads_strides_and_dilations(void **state)
{
    (void)state;
    op_test *t = op_test_new("Conv", 11);
    op_test_ints(t, "kernel_shape", 2, INTS(3, 2));
    op_test_ints(t, "pads", 4, INTS(1, 0, 2, 1));
    op_test_ints(t, "strides", 2, INTS(2, 1));
    op_test_ints(t, "dilations", 2, INTS(1, 2));
    op_test_random(t, SHAPE(2, 3, 8, 6), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(5, 3, 3, 2), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(5), -1.0f, 1.0f);
    check_conv(t, &(rf_conv_shape){ .spatial = 2,
                                    .n = 2,
                                    .ic = 3,
                                    .oc = 5,
                                    .groups = 1,
                                    .in = { 8, 6 },
                                    .out = { 5, 5 },
                                    .kernel = { 3, 2 },
                                    .stride = { 2, 1 },
                                    .dilation = { 1, 2 },
                                    .pad_begin = { 1, 0 },
                                    .pad_end = { 2, 1 } });
    assert_int_equal(t->op->macs(&t->step), 2 * 5 * 5 * 5 * 3 * 3 * 2);
    op_test_free(t);
}

static void groups_without_bias(void **state)
{
    (void)state;
    op_test *t = op_test_new("Conv", 1);
    op_test_int(t, "group", 2);
    op_test_random(t, SHAPE(2, 4, 5, 5), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(6, 2, 3, 3), -1.0f, 1.0f);
    check_conv(t, &(rf_conv_shape){ .spatial = 2,
                                    .n = 2,
                                    .ic = 4,
                                    .oc = 6,
                                    .groups = 2,
                                    .in = { 5, 5 },
                                    .out = { 3, 3 },
                                    .kernel = { 3, 3 },
                                    .stride = { 1, 1 },
                                    .dilation = { 1, 1 } });
    op_test_free(t);
}

/* An axis of 6, kernel 4, stride 2: 3 places need pads of 2 in all; kernel 3 of 1 in all. */
static void check_auto_pad(const char *mode, int64_t kernel, int64_t out, int64_t begin,
                           int64_t end)
{
    op_test *t = op_test_new("Conv", 11);
    op_test_string(t, "auto_pad", mode);
    op_test_ints(t, "strides", 1, INTS(2));
    op_test_random(t, SHAPE(2, 3, 6), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(4, 3, kernel), -1.0f, 1.0f);
    op_test_absent(t);
    check_conv(t, &(rf_conv_shape){ .spatial = 1,
                                    .n = 2,
                                    .ic = 3,
                                    .oc = 4,
                                    .groups = 1,
                                    .in = { 6 },
                                    .out = { out },
                                    .kernel = { kernel },
                                    .stride = { 2 },
                                    .dilation = { 1 },
                                    .pad_begin = { begin },
                                    .pad_end = { end } });
    op_test_free(t);
}

static void automatic_pads(void **state)
{
    (void)state;
    check_auto_pad("SAME_UPPER", 4, 3, 1, 1);
    check_auto_pad("SAME_UPPER", 3, 3, 0, 1);
    check_auto_pad("SAME_LOWER", 3, 3, 1, 0);
    check_auto_pad("SAME_LOWER", 1, 3, 0, 0);
    check_auto_pad("VALID", 3, 2, 0, 0);
    check_auto_pad("NOTSET", 3, 2, 0, 0);
}

static void three_axes_depthwise(void **state)
{
    (void)state;
    op_test *t = op_test_new("Conv", 11);
    op_test_int(t, "group", 8);
    op_test_ints(t, "pads", 6, INTS(1, 1, 1, 1, 1, 1));
    op_test_random(t, SHAPE(1, 8, 3, 4, 5), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(8, 1, 3, 3, 3), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(8), -1.0f, 1.0f);
    check_conv(t, &(rf_conv_shape){ .spatial = 3,
                                    .n = 1,
                                    .ic = 8,
                                    .oc = 8,
                                    .groups = 8,
                                    .in = { 3, 4, 5 },
                                    .out = { 3, 4, 5 },
                                    .kernel = { 3, 3, 3 },
                                    .stride = { 1, 1, 1 },
                                    .dilation = { 1, 1, 1 },
                                    .pad_begin = { 1, 1, 1 },
                                    .pad_end = { 1, 1, 1 } });
    op_test_free(t);
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    op_test *t = op_test_new("Conv", 11);
    op_test_ints(t, "pads", 4, INTS(1, 1, 0, 0));
    op_test_random(t, SHAPE(1, 2, 4, 3), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(3, 2, 2, 2), -1.0f, 1.0f);
    op_test_random_param(t, SHAPE(3), -1.0f, 1.0f);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

/*
 * A copy of `t`'s step that reads the same input as codes on `grid`; the harness itself knows of
 * none.
 */
static void prepare_coded(op_test *t, const rf_codes *grid, uint8_t *codes, rf_view *in,
                          rf_step *coded)
{
    in[0] = t->in[0];
    in[1] = t->in[1];
    in[0].dtype = RF_DTYPE_U8;
    in[0].data = codes;
    in[0].codes = grid;
    *coded = t->step;
    coded->in = in;
    coded->state = NULL;
    CHECK_OK(t->ctx, t->op->prepare(coded));
    coded->scratch = rf_alloc(t->ctx, coded->scratch_bytes);
}

static void codes_are_read_as_the_numbers_they_stand_for(void **state)
{
    (void)state;
    enum { IN = 2 * 3 * 4, OUT = 2 * 2 * 3, WEIGHTS = 2 * 3 * 2 };
    const rf_codes grid = { .scale = 0.25f, .offset = -7 };
    uint8_t codes[IN]; /* channels-last */
    float reals[IN], out[OUT], diff[WEIGHTS], g[OUT];
    rf_view in[2];
    rf_step coded;
    for (int i = 0; i < IN; i++) {
        const int at = (i / 12 * 4 + i % 4) * 3 + i / 4 % 3;
        codes[at] = (uint8_t)(i * 11);
        reals[i] = (float)((int)codes[at] + grid.offset) * grid.scale;
    }
    for (int i = 0; i < OUT; i++)
        g[i] = (float)i - 5.0f;
    op_test *t = op_test_new("Conv", 11);
    op_test_flow(t, SHAPE(2, 3, 4), reals);
    op_test_random_param(t, SHAPE(2, 3, 2), -1.0f, 1.0f);
    t->inputs[0].wanted = false;
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
    memcpy(out, t->out[0].data, sizeof out);
    prepare_coded(t, &grid, codes, in, &coded);
    CHECK_OK(t->ctx, t->op->forward(&coded));
    assert_memory_equal(t->out[0].data, out, sizeof out);

    op_test_set_diff(t, 0, g);
    op_test_backward(t);
    memcpy(diff, t->diff_in[1].data, sizeof diff);
    CHECK_OK(t->ctx, t->op->backward(&coded));
    assert_memory_equal(t->diff_in[1].data, diff, sizeof diff);
    t->op->release(&coded);
    rf_free(t->ctx, coded.scratch);
    op_test_free(t);
}

static void shapes_that_do_not_fit_are_refused_with_what_is_expected(void **state)
{
    (void)state;
    op_test *t = op_test_new("Conv", 11);
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 4, 3, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE,
                    "Conv 'node': weights are [16, 4, 3, 3], expected [oc, 3, kh, kw] for 3 input "
                    "channels in 1 group");
    t = op_test_new("Conv", 11);
    op_test_int(t, "group", 2);
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 1, 3, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "3 input channels cannot be split into 2 groups");
    t = op_test_new("Conv", 11);
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 3, 9, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "reaches over 9 does not fit the padded input of 8 on axis 0");
    t = op_test_new("Conv", 11);
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 3, 3, 3), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(15), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "bias is [15], expected [16]");
    t = op_test_new("Conv", 11);
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 3, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "weights are [16, 3, 3], input is [1, 3, 8, 8]");
}

static void broken_attributes_are_refused(void **state)
{
    static const char *const names[] = { "strides", "dilations", "pads", "kernel_shape" };
    (void)state;
    for (int i = 0; i < 4; i++) {
        op_test *t = op_test_new("Conv", 11);
        op_test_ints(t, names[i], 3, INTS(1, 1, 1));
        op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
        op_test_random_param(t, SHAPE(16, 3, 3, 3), 0.0f, 1.0f);
        op_test_refused(t, RF_EMODEL, "has 3 numbers, expected");
    }
    op_test *t = op_test_new("Conv", 11);
    op_test_ints(t, "strides", 2, INTS(1, 0));
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 3, 3, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_EUNSUPPORTED, "attribute strides has 0, expected at least 1");
    t = op_test_new("Conv", 11);
    op_test_string(t, "auto_pad", "SAME");
    op_test_random(t, SHAPE(1, 3, 8, 8), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(16, 3, 3, 3), 0.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "auto_pad is 'SAME'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explicit_pads_strides_and_dilations),
        cmocka_unit_test(groups_without_bias),
        cmocka_unit_test(automatic_pads),
        cmocka_unit_test(three_axes_depthwise),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(codes_are_read_as_the_numbers_they_stand_for),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused_with_what_is_expected),
        cmocka_unit_test(broken_attributes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
