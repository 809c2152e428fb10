/*
 * Winograd's gradients against the naive sums: borders, pads, odd sizes, channel counts behind every size of a block of
 * rows; the same bits for any number of threads and instruction set.
 */
#include "testing.h"

#include <string.h>

#include "../ref/conv_ref.h"
#include "../ref/layout_ref.h"
#include "base/compiler.h"
#include "kernels/winograd_loops.h"

#define TOL_WINOGRAD                                                                               \
    4e-6 /* relative to the largest value, float32 sums of up to some thousand terms */

enum { MOST_THREADS = 5 };

/* n, ic, oc, in_h, in_w, pad in front (h, w), pad behind (h, w) */
static const int64_t cases[][9] = {
    { 2, 16, 16, 8, 8, 1, 1, 1, 1 },   { 1, 16, 32, 7, 9, 1, 1, 1, 1 },
    { 3, 48, 16, 5, 13, 0, 0, 0, 0 },  { 2, 32, 80, 11, 6, 2, 2, 2, 2 },
    { 1, 16, 16, 12, 12, 0, 1, 2, 1 }, { 1, 64, 16, 3, 3, 1, 1, 1, 1 },
    { 9, 16, 16, 16, 16, 1, 1, 1, 1 }, { 1, 112, 96, 4, 33, 2, 0, 0, 1 },
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct fixture {
    rf_winograd w;
    rf_conv_shape shape;
    float *src, *weights, *diff_dst;      /* plain */
    float *src_last, *diff_last, *result; /* channels-last; result has room for every gradient */
    float *plain, *scratch;
    double *expected;
} fixture;

static void set_up(fixture *f, const int64_t *c)
{
    const int64_t out_h = c[3] + c[5] + c[7] - 2, out_w = c[4] + c[6] + c[8] - 2;
    f->w = (rf_winograd){ .n = c[0],
                          .ic = c[1],
                          .oc = c[2],
                          .in_h = c[3],
                          .in_w = c[4],
                          .out_h = out_h,
                          .out_w = out_w,
                          .pad_h = c[5],
                          .pad_w = c[6],
                          .threads = MOST_THREADS };
    f->shape = (rf_conv_shape){ .spatial = 2,
                                .n = c[0],
                                .ic = c[1],
                                .oc = c[2],
                                .groups = 1,
                                .in = { c[3], c[4] },
                                .out = { out_h, out_w },
                                .kernel = { 3, 3 },
                                .stride = { 1, 1 },
                                .dilation = { 1, 1 },
                                .pad_begin = { c[5], c[6] },
                                .pad_end = { c[7], c[8] } };
    const int64_t src = ref_conv_src_count(&f->shape), dst = ref_conv_dst_count(&f->shape);
    const int64_t weights = ref_conv_weights_count(&f->shape), most = src + dst + weights;
    f->src = ref_random(src, 1);
    f->weights = ref_random(weights, 2);
    f->diff_dst = ref_random(dst, 3);
    f->src_last = ref_random(src, 4);
    f->diff_last = ref_random(dst, 5);
    f->result = ref_random(most, 6);
    f->plain = ref_random(most, 7);
    f->expected = calloc((size_t)most, sizeof *f->expected);
    const size_t bytes = rf_winograd_scratch(&f->w);
    f->scratch = aligned_alloc(RF_ALIGN, (bytes + RF_ALIGN - 1) / RF_ALIGN * RF_ALIGN);
    memset(f->scratch, 0xff, bytes); /* NaN: what is read before it is written shows */
    ref_to_channels_last(c[0], c[1], c[3] * c[4], f->src, f->src_last);
    ref_to_channels_last(c[0], c[2], out_h * out_w, f->diff_dst, f->diff_last);
}

static void tear_down(fixture *f)
{
    float *blocks[] = { f->src,       f->weights, f->diff_dst, f->src_last,
                        f->diff_last, f->result,  f->plain,    f->scratch };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
    free(f->expected);
}

static void check_close(const float *found, const double *expected, int64_t count)
{
    double largest = 1.0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - expected[i]) <= TOL_WINOGRAD * largest))
            fail_msg("element %lld: %.9g, expected %.9g", (long long)i, (double)found[i],
                     expected[i]);
}

static void check_data(fixture *f, const rf_winograd_loops *loops)
{
    const rf_conv_shape *s = &f->shape;
    loops->backward_data(&f->w, f->diff_last, f->weights, f->result, f->scratch);
    ref_to_plain(s->n, s->ic, s->in[0] * s->in[1], f->result, f->plain);
    ref_conv_backward_data(s, f->diff_dst, f->weights, f->expected);
    check_close(f->plain, f->expected, ref_conv_src_count(s));
}

static void check_weights(fixture *f, const rf_winograd_loops *loops)
{
    const rf_conv_shape *s = &f->shape;
    double *bias = calloc((size_t)s->oc, sizeof *bias);
    loops->backward_weights(&f->w, f->src_last, f->diff_last, f->result, f->scratch);
    ref_conv_backward_weights(s, f->src, f->diff_dst, f->expected, bias);
    check_close(f->result, f->expected, ref_conv_weights_count(s));
    free(bias);
}

static void gradients_are_the_sums(void **state)
{
    rf_winograd_loops loops[2];
    const int count = rf_winograd_find_loops(loops);
    (void)state;
    if (!count)
        skip();
    for (int i = 0; i < CASES * count; i++) {
        fixture f;
        set_up(&f, cases[i / count]);
        check_data(&f, &loops[i % count]);
        check_weights(&f, &loops[i % count]);
        tear_down(&f);
    }
}

static void threads_and_instruction_sets_give_the_same_bits(void **state)
{
    rf_winograd_loops loops[2];
    const int count = rf_winograd_find_loops(loops);
    (void)state;
    if (!count)
        skip();
    for (int i = 0; i < CASES; i++) {
        fixture f;
        set_up(&f, cases[i]);
        const int64_t src = ref_conv_src_count(&f.shape);
        const int64_t weights = ref_conv_weights_count(&f.shape);
        loops[0].backward_data(&f.w, f.diff_last, f.weights, f.result, f.scratch);
        loops[0].backward_weights(&f.w, f.src_last, f.diff_last, f.result + src, f.scratch);
        for (int k = 0; k < count * MOST_THREADS; k++) {
            f.w.threads = k % MOST_THREADS + 1;
            const rf_winograd_loops *one = &loops[k / MOST_THREADS];
            one->backward_data(&f.w, f.diff_last, f.weights, f.plain, f.scratch);
            one->backward_weights(&f.w, f.src_last, f.diff_last, f.plain + src, f.scratch);
            assert_memory_equal(f.plain, f.result, (size_t)(src + weights) * sizeof(float));
        }
        tear_down(&f);
    }
}

static void it_is_not_taken_where_it_loses(void **state)
{
    rf_winograd w = { .n = 4,
                      .ic = 16,
                      .oc = 16,
                      .in_h = 16,
                      .in_w = 16,
                      .out_h = 16,
                      .out_w = 16,
                      .pad_h = 1,
                      .pad_w = 1,
                      .threads = 1 };
    rf_winograd_loops loops[2];
    (void)state;
    assert_int_equal(rf_winograd_gains(&w), rf_winograd_find_loops(loops) > 0);
    w.ic = 24; /* no whole panels */
    assert_false(rf_winograd_gains(&w));
    w.ic = 16;
    w.pad_h = 3;
    assert_false(rf_winograd_gains(&w));
    w.pad_h = 1;
    w.in_h = w.in_w = w.out_h = w.out_w = 2; /* a quarter of each tile */
    w.n = 1000;
    assert_false(rf_winograd_gains(&w));
    w.in_h = w.in_w = w.out_h = w.out_w = 8; /* four tiles, for weights of some hundred pixels */
    w.n = 1;
    assert_false(rf_winograd_gains(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_the_sums),
        cmocka_unit_test(threads_and_instruction_sets_give_the_same_bits),
        cmocka_unit_test(it_is_not_taken_where_it_loses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
