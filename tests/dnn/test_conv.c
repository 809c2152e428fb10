/*
 * oneDNN's convolutions against the naive sum: every direction, padding, dilation, groups, 1-D to
 * 3-D.
 */
#include "testing.h"

#include "../ref/conv_ref.h"
#include "../ref/layout_ref.h"
#include "base/context.h"
#include "dnn/dnn.h"

#define TOL_CONV 1e-5 /* relative to the largest value; float32 sums of up to some thousand terms */

typedef struct fixture {
    rf_context *ctx;
    rf_conv_shape shape;
    rf_dnn_conv *conv;
    void *scratch;
    int64_t in, out;                          /* pixels */
    float *src, *weights, *bias, *diff_dst;   /* plain */
    float *src_last, *diff_dst_last, *result; /* channels-last; result has room for either side */
    double *expected;
} fixture;

static int64_t product(int count, const int64_t *v)
{
    return count ? v[0] * product(count - 1, v + 1) : 1;
}

/* out from in, for a convolution; in a transposed one the roles change. */
static void complete(rf_conv_shape *s)
{
    for (int i = 0; i < s->spatial; i++) {
        const int64_t reach = (s->kernel[i] - 1) * s->dilation[i] + 1;
        const int64_t pads = s->pad_begin[i] + s->pad_end[i];
        s->out[i] = s->transposed ? (s->in[i] - 1) * s->stride[i] + reach - pads + s->out[i]
                                  : (s->in[i] + pads - reach) / s->stride[i] + 1;
    }
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void set_up(fixture *f, rf_conv_shape shape, bool bias)
{
    *f = (fixture){ .ctx = test_context(), .shape = shape };
    rf_conv_shape *s = &f->shape;
    const rf_dnn_conv_options options = { .bias = bias, .backward = true };
    complete(s);
    CHECK_OK(f->ctx, rf_dnn_conv_new(f->ctx, s, &options, &f->conv));
    f->in = product(s->spatial, s->in);
    f->out = product(s->spatial, s->out);
    const int64_t src = ref_conv_src_count(s), dst = ref_conv_dst_count(s);
    const int64_t weights = ref_conv_weights_count(s);
    f->src = ref_random(src, 1);
    f->weights = ref_random(weights, 2);
    f->bias = bias ? ref_random(s->oc, 3) : NULL;
    f->diff_dst = ref_random(dst, 4);
    f->src_last = ref_random(src, 5);
    f->diff_dst_last = ref_random(dst, 6);
    const int64_t most = larger(larger(src, dst), weights);
    f->result = ref_random(most, 7);
    f->expected = calloc((size_t)most, sizeof *f->expected);
    f->scratch = rf_alloc(f->ctx, rf_dnn_conv_scratch(f->conv));
    ref_to_channels_last(s->n, s->ic, f->in, f->src, f->src_last);
    ref_to_channels_last(s->n, s->oc, f->out, f->diff_dst, f->diff_dst_last);
}

static void tear_down(fixture *f)
{
    rf_free(f->ctx, f->scratch);
    rf_dnn_conv_free(f->conv);
    float *blocks[] = { f->src,      f->weights,       f->bias,  f->diff_dst,
                        f->src_last, f->diff_dst_last, f->result };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
    free(f->expected);
    rf_context_free(f->ctx);
}

static void check_close(const float *found, const double *expected, int64_t count)
{
    double largest = 1.0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - expected[i]) <= TOL_CONV * largest))
            fail_msg("element %lld: %.9g, expected %.9g", (long long)i, (double)found[i],
                     expected[i]);
}

static void check_forward(fixture *f)
{
    const rf_conv_shape *s = &f->shape;
    float *plain = ref_random(ref_conv_dst_count(s), 9);
    CHECK_OK(f->ctx,
             rf_dnn_conv_forward(f->conv, f->src_last, f->weights, f->bias, f->result, f->scratch));
    ref_to_plain(s->n, s->oc, f->out, f->result, plain);
    ref_conv_forward(s, f->src, f->weights, f->bias, f->expected);
    check_close(plain, f->expected, ref_conv_dst_count(s));
    free(plain);
}

static void check_backward_data(fixture *f)
{
    const rf_conv_shape *s = &f->shape;
    float *plain = ref_random(ref_conv_src_count(s), 9);
    CHECK_OK(f->ctx, rf_dnn_conv_backward_data(f->conv, f->diff_dst_last, f->weights, f->result,
                                               f->scratch));
    ref_to_plain(s->n, s->ic, f->in, f->result, plain);
    ref_conv_backward_data(s, f->diff_dst, f->weights, f->expected);
    check_close(plain, f->expected, ref_conv_src_count(s));
    free(plain);
}

static void check_backward_weights(fixture *f)
{
    const rf_conv_shape *s = &f->shape;
    float *diff_bias = f->bias ? ref_random(s->oc, 9) : NULL;
    double *expected_bias = calloc((size_t)s->oc, sizeof *expected_bias);
    CHECK_OK(f->ctx, rf_dnn_conv_backward_weights(f->conv, f->src_last, f->diff_dst_last, f->result,
                                                  diff_bias, f->scratch));
    ref_conv_backward_weights(s, f->src, f->diff_dst, f->expected, expected_bias);
    check_close(f->result, f->expected, ref_conv_weights_count(s));
    if (diff_bias)
        check_close(diff_bias, expected_bias, s->oc);
    free(diff_bias);
    free(expected_bias);
}

static void check_shape(rf_conv_shape shape, bool bias)
{
    fixture f;
    set_up(&f, shape, bias);
    check_forward(&f);
    check_backward_data(&f);
    check_backward_weights(&f);
    tear_down(&f);
}

/* A 2-D convolution with the same numbers along both axes. */
static rf_conv_shape square(int64_t n, int64_t ic, int64_t oc, int64_t groups, int64_t size,
                            int64_t kernel)
{
    return (rf_conv_shape){ .spatial = 2,
                            .n = n,
                            .ic = ic,
                            .oc = oc,
                            .groups = groups,
                            .in = { size, size, size },
                            .kernel = { kernel, kernel, kernel },
                            .stride = { 1, 1, 1 },
                            .dilation = { 1, 1, 1 },
                            .pad_begin = { kernel / 2, kernel / 2, kernel / 2 },
                            .pad_end = { kernel / 2, kernel / 2, kernel / 2 } };
}

static void dense_convolutions_match(void **state)
{
    (void)state;
    check_shape(square(3, 3, 16, 1, 9, 3), true);
    check_shape(square(2, 16, 16, 1, 8, 3), false);
    check_shape(square(2, 7, 9, 1, 11, 3), true);
    check_shape(square(1, 24, 40, 1, 5, 1), true);
    check_shape(square(1, 1, 1, 1, 1, 1), true);
    check_shape(square(2, 16, 48, 1, 16, 3), true); /* Winograd's, where this CPU has it */
    check_shape(square(2, 16, 48, 1, 15, 3), false);
}

static void strides_dilation_and_uneven_pads_match(void **state)
{
    (void)state;
    rf_conv_shape s = square(2, 8, 12, 1, 13, 3);
    s.stride[0] = 2;
    s.stride[1] = 3;
    s.pad_begin[0] = 0;
    s.pad_end[0] = 2;
    s.pad_begin[1] = 2;
    s.pad_end[1] = 0;
    check_shape(s, true);
    s = square(2, 8, 12, 1, 13, 3);
    s.dilation[0] = 2;
    s.dilation[1] = 3;
    check_shape(s, false);
    s = square(1, 5, 6, 1, 4, 3);
    s.pad_begin[0] = 7; /* wider than the kernel */
    check_shape(s, true);
}

static void odd_kernels_on_uneven_images_match(void **state)
{
    (void)state;
    rf_conv_shape s = square(2, 4, 6, 1, 7, 3);
    s.in[0] = 10;
    s.kernel[0] = 1;
    s.pad_begin[0] = s.pad_end[0] = 0;
    s.kernel[1] = 5;
    check_shape(s, true);
}

static void groups_and_depthwise_match(void **state)
{
    (void)state;
    check_shape(square(2, 16, 32, 4, 7, 3), true);
    check_shape(square(2, 6, 20, 2, 7, 3), false);
    check_shape(square(2, 24, 24, 24, 8, 3), true);
    check_shape(square(2, 10, 10, 10, 8, 5), false);
    check_shape(square(2, 8, 16, 8, 7, 3), true); /* two outputs an input */
    rf_conv_shape s = square(2, 24, 24, 24, 9, 3);
    s.stride[0] = s.stride[1] = 2;
    s.pad_begin[0] = s.pad_begin[1] = 0;
    check_shape(s, true);
    s = square(2, 16, 16, 16, 9, 3);
    s.dilation[0] = s.dilation[1] = 2;
    check_shape(s, true);
}

static void one_and_three_axes_match(void **state)
{
    (void)state;
    for (int spatial = 1; spatial <= 3; spatial += 2) {
        rf_conv_shape s = square(2, 6, 8, 1, 6, 3);
        s.spatial = spatial;
        check_shape(s, true);
        s.groups = 2;
        s.stride[0] = 2;
        s.dilation[spatial - 1] = 2;
        check_shape(s, false);
        s = square(2, 8, 8, 8, 6, 3);
        s.spatial = spatial;
        check_shape(s, true);
    }
}

static void transposed_convolutions_match(void **state)
{
    (void)state;
    for (int spatial = 1; spatial <= 3; spatial++)
        for (int64_t groups = 1; groups <= 8; groups *= 2) {
            rf_conv_shape s = square(2, 8, 16, groups, 5, 3);
            s.transposed = true;
            s.spatial = spatial;
            s.stride[0] = 2;
            s.out[0] = 1; /* output padding */
            check_shape(s, groups != 2);
        }
    rf_conv_shape s = square(1, 5, 7, 1, 4, 2);
    s.transposed = true;
    s.stride[0] = s.stride[1] = 3; /* wider than the kernel: cells that only the bias reaches */
    s.dilation[1] = 2;
    s.pad_begin[0] = s.pad_begin[1] = s.pad_end[0] = 0;
    s.out[0] = 2;
    check_shape(s, true);
}

static void unwanted_weight_gradients_are_not_written(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, square(2, 3, 16, 1, 9, 3), true);
    float *diff_bias = ref_random(16, 9);
    double *expected_bias = calloc(16, sizeof *expected_bias);
    CHECK_OK(f.ctx, rf_dnn_conv_backward_weights(f.conv, f.src_last, f.diff_dst_last, NULL,
                                                 diff_bias, f.scratch));
    ref_conv_backward_weights(&f.shape, f.src, f.diff_dst, f.expected, expected_bias);
    check_close(diff_bias, expected_bias, 16);
    CHECK_OK(f.ctx, rf_dnn_conv_backward_weights(f.conv, f.src_last, f.diff_dst_last, f.result,
                                                 NULL, f.scratch));
    check_close(f.result, f.expected, ref_conv_weights_count(&f.shape));
    free(diff_bias);
    free(expected_bias);
    tear_down(&f);
}

static void two_runs_give_the_same_bits(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, square(4, 16, 16, 1, 14, 3), false);
    const size_t count = (size_t)ref_conv_weights_count(&f.shape);
    float *again = ref_random((int64_t)count, 9);
    CHECK_OK(f.ctx, rf_dnn_conv_backward_weights(f.conv, f.src_last, f.diff_dst_last, f.result,
                                                 NULL, f.scratch));
    CHECK_OK(f.ctx, rf_dnn_conv_backward_weights(f.conv, f.src_last, f.diff_dst_last, again, NULL,
                                                 f.scratch));
    assert_memory_equal(f.result, again, count * sizeof *again);
    free(again);
    tear_down(&f);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const rf_dnn_conv_options options = { 0 };
    rf_dnn_conv *conv = NULL;
    rf_conv_shape s = square(1, 4, 6, 1, 5, 3);
    complete(&s);
    s.out[1] = 4;
    CHECK_FAILS(ctx, RF_ESHAPE, "output 4", rf_dnn_conv_new(ctx, &s, &options, &conv));
    s = square(1, 4, 6, 4, 5, 3);
    complete(&s);
    CHECK_FAILS(ctx, RF_ESHAPE, "4 groups", rf_dnn_conv_new(ctx, &s, &options, &conv));
    s = square(1, 4, 6, 1, 5, 3);
    complete(&s);
    s.stride[0] = 0;
    CHECK_FAILS(ctx, RF_ESHAPE, "stride 0", rf_dnn_conv_new(ctx, &s, &options, &conv));
    s = square(0, 4, 6, 1, 5, 3);
    complete(&s);
    CHECK_FAILS(ctx, RF_ESHAPE, "batch 0", rf_dnn_conv_new(ctx, &s, &options, &conv));
    s.spatial = 4;
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "4 spatial", rf_dnn_conv_new(ctx, &s, &options, &conv));
    assert_null(conv);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_convolutions_match),
        cmocka_unit_test(strides_dilation_and_uneven_pads_match),
        cmocka_unit_test(odd_kernels_on_uneven_images_match),
        cmocka_unit_test(groups_and_depthwise_match),
        cmocka_unit_test(one_and_three_axes_match),
        cmocka_unit_test(transposed_convolutions_match),
        cmocka_unit_test(unwanted_weight_gradients_are_not_written),
        cmocka_unit_test(two_runs_give_the_same_bits),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
