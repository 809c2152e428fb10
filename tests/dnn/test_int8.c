/*
 * Convolutions and matrix products of codes against the naive sum, which must be hit exactly: with zero points, pads, and
 * the largest codes that rf_dnn_int8_is_exact allows. Runs once more with oneDNN held to older instructions.
 */
#include "testing.h"

#include "../ref/conv_ref.h"
#include "../ref/layout_ref.h"
#include "base/context.h"
#include "dnn/dnn.h"

enum { CODE_MOST = 255 };

static int64_t pixels(const rf_conv_shape *s, const int64_t *dims)
{
    int64_t count = 1;
    for (int i = 0; i < s->spatial; i++)
        count *= dims[i];
    return count;
}

/* Codes, a third of them at each end of [low, high]: pairs of the largest products are common. */
static int code(uint32_t *state, int low, int high)
{
    *state = *state * 1664525u + 1013904223u;
    const uint32_t draw = *state >> 8;
    if (draw % 3 == 0)
        return high;
    return draw % 3 == 1 ? low : low + (int)(draw / 3 % (uint32_t)(high - low + 1));
}

/* Random codes as numbers less their zero point, for the naive sum. */
static float *numbers(int64_t count, int low, int high, uint32_t seed)
{
    float *v = malloc((size_t)count * sizeof *v);
    for (int64_t i = 0; i < count; i++)
        v[i] = (float)code(&seed, low, high);
    return v;
}

static void check_sums(rf_context *ctx, const rf_conv_shape *s, int zero_point, int weight_most)
{
    const rf_dnn_conv_options options = { .integers = true };
    const int64_t src_count = ref_conv_src_count(s), dst_count = ref_conv_dst_count(s);
    const int64_t weight_count = ref_conv_weights_count(s);
    float *src = numbers(src_count, -zero_point, CODE_MOST - zero_point, 1);
    float *weights = numbers(weight_count, -weight_most, weight_most - 1, 2);
    float *last = malloc((size_t)src_count * sizeof *last);
    float *found = malloc((size_t)dst_count * sizeof *found);
    float *plain = malloc((size_t)dst_count * sizeof *plain);
    double *expected = malloc((size_t)dst_count * sizeof *expected);
    uint8_t *codes = malloc((size_t)src_count);
    int8_t *small = malloc((size_t)weight_count);
    int32_t *sums = malloc((size_t)dst_count * sizeof *sums);
    rf_dnn_conv *conv = NULL;
    CHECK_OK(ctx, rf_dnn_conv_new(ctx, s, &options, &conv));
    void *scratch = rf_alloc(ctx, rf_dnn_conv_scratch(conv));
    ref_to_channels_last(s->n, s->ic, pixels(s, s->in), src, last);
    for (int64_t i = 0; i < src_count; i++)
        codes[i] = (uint8_t)(last[i] + (float)zero_point);
    for (int64_t i = 0; i < weight_count; i++)
        small[i] = (int8_t)weights[i];
    CHECK_OK(ctx, rf_dnn_conv_forward_int8(conv, codes, zero_point, small, sums, scratch));
    ref_conv_forward(s, src, weights, NULL, expected);
    for (int64_t i = 0; i < dst_count; i++)
        found[i] = (float)sums[i]; /* small shapes: below 2^24 */
    ref_to_plain(s->n, s->oc, pixels(s, s->out), found, plain);
    for (int64_t i = 0; i < dst_count; i++)
        assert_int_equal((int64_t)plain[i], (int64_t)expected[i]);
    rf_free(ctx, scratch);
    rf_dnn_conv_free(conv);
    void *blocks[] = { src, weights, last, found, plain, expected, codes, small, sums };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

/* Four bits, seven bits, eight bits: the last only where that is exact. */
static void check_shape(rf_conv_shape s)
{
    rf_context *ctx = test_context();
    for (int i = 0; i < s.spatial; i++) {
        const int64_t reach = (s.kernel[i] - 1) * s.dilation[i] + 1;
        s.out[i] = (s.in[i] + s.pad_begin[i] + s.pad_end[i] - reach) / s.stride[i] + 1;
    }
    const int64_t terms = ref_conv_weights_count(&s) / s.oc;
    assert_true(rf_dnn_conv_has_int8(ctx, &s));
    check_sums(ctx, &s, 77, 8);
    check_sums(ctx, &s, -300, 8); /* of a range that does not hold 0 */
    assert_true(rf_dnn_int8_is_exact(terms, CODE_MOST, 64));
    check_sums(ctx, &s, 0, 64);
    if (rf_dnn_conv_never_saturates(&s) || rf_dnn_int8_is_exact(terms, CODE_MOST, 128))
        check_sums(ctx, &s, 255, 128);
    rf_context_free(ctx);
}

static rf_conv_shape square(int64_t n, int64_t ic, int64_t oc, int64_t groups, int64_t size,
                            int64_t kernel)
{
    const int64_t pad = kernel / 2;
    return (rf_conv_shape){ .spatial = 2,
                            .n = n,
                            .ic = ic,
                            .oc = oc,
                            .groups = groups,
                            .in = { size, size, size },
                            .kernel = { kernel, kernel, kernel },
                            .stride = { 1, 1, 1 },
                            .dilation = { 1, 1, 1 },
                            .pad_begin = { pad, pad, pad },
                            .pad_end = { pad, pad, pad } };
}

static void dense_sums_are_exact(void **state)
{
    (void)state;
    check_shape(square(3, 3, 16, 1, 9, 3));
    check_shape(square(2, 16, 16, 1, 8, 3));
    check_shape(square(2, 7, 9, 1, 11, 3));
    check_shape(square(2, 24, 40, 1, 5, 1));
    check_shape(square(1, 3, 24, 1, 23, 7));
    check_shape(square(1, 1, 1, 1, 1, 1));
}

static void strides_dilation_and_uneven_pads_are_exact(void **state)
{
    (void)state;
    rf_conv_shape s = square(2, 8, 12, 1, 13, 3);
    s.stride[0] = 2;
    s.stride[1] = 3;
    s.pad_begin[0] = 0;
    s.pad_end[0] = 2;
    check_shape(s);
    s = square(2, 8, 12, 1, 13, 3);
    s.dilation[0] = 2;
    s.dilation[1] = 3;
    check_shape(s);
    s = square(2, 16, 32, 1, 8, 1);
    s.stride[0] = s.stride[1] = 2;
    check_shape(s);
}

static void groups_and_depthwise_are_exact(void **state)
{
    (void)state;
    check_shape(square(2, 16, 32, 4, 7, 3));
    check_shape(square(2, 6, 20, 2, 7, 3));
    check_shape(square(2, 24, 24, 24, 8, 3));
    check_shape(square(2, 10, 10, 10, 8, 5));
    check_shape(square(2, 8, 16, 8, 7, 3));
    rf_conv_shape s = square(2, 24, 24, 24, 9, 3);
    s.stride[0] = s.stride[1] = 2;
    check_shape(s);
}

static void one_and_three_axes_are_exact(void **state)
{
    (void)state;
    for (int spatial = 1; spatial <= 3; spatial += 2) {
        rf_conv_shape s = square(2, 6, 8, 1, 6, 3);
        s.spatial = spatial;
        check_shape(s);
        s.groups = 2;
        s.stride[0] = 2;
        check_shape(s);
    }
}

static int32_t *sums_of(rf_context *ctx, const rf_conv_shape *s, const uint8_t *codes,
                        const int8_t *weights)
{
    const rf_dnn_conv_options options = { .integers = true };
    rf_dnn_conv *conv = NULL;
    int32_t *sums = malloc((size_t)ref_conv_dst_count(s) * sizeof *sums);
    CHECK_OK(ctx, rf_dnn_conv_new(ctx, s, &options, &conv));
    void *scratch = rf_alloc(ctx, rf_dnn_conv_scratch(conv));
    CHECK_OK(ctx, rf_dnn_conv_forward_int8(conv, codes, 77, weights, sums, scratch));
    rf_free(ctx, scratch);
    rf_dnn_conv_free(conv);
    return sums;
}

/* With a depth of 1 in front it is oneDNN's on every CPU; as it is, refold's on some. */
static void oneDNN_has_the_same_sums(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_conv_shape flat = square(3, 20, 36, 1, 12, 3), deep = flat;
    flat.out[0] = flat.out[1] = 12;
    deep.spatial = 3;
    deep.in[0] = deep.out[0] = deep.kernel[0] = 1;
    deep.out[1] = deep.out[2] = 12;
    deep.pad_begin[0] = deep.pad_end[0] = 0;
    const int64_t codes_count = ref_conv_src_count(&flat), count = ref_conv_weights_count(&flat);
    uint8_t *codes = malloc((size_t)codes_count);
    int8_t *weights = malloc((size_t)count);
    uint32_t seed = 3;
    for (int64_t i = 0; i < codes_count; i++)
        codes[i] = (uint8_t)code(&seed, 0, CODE_MOST);
    for (int64_t i = 0; i < count; i++)
        weights[i] = (int8_t)code(&seed, -8, 7);
    int32_t *one = sums_of(ctx, &flat, codes, weights),
            *other = sums_of(ctx, &deep, codes, weights);
    assert_memory_equal(one, other, (size_t)ref_conv_dst_count(&flat) * sizeof *one);
    free(one);
    free(other);
    free(codes);
    free(weights);
    rf_context_free(ctx);
}

/* oneDNN has a kernel for strided 1x1 convolutions whose threads get into each other's way. */
static void strided_1x1_sums_are_exact_among_threads(void **state)
{
    (void)state;
    const rf_context_options options = { .threads = 2 };
    rf_context *ctx = NULL;
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    rf_conv_shape s = square(16, 8, 24, 1, 8, 1);
    s.stride[0] = s.stride[1] = 2;
    s.out[0] = s.out[1] = 4;
    for (int i = 0; i < 30; i++)
        check_sums(ctx, &s, 13, 8);
    rf_context_free(ctx);
}

static void check_product(rf_context *ctx, bool transpose_b, int64_t m, int64_t n, int64_t k,
                          int most)
{
    uint32_t seed = 5;
    uint8_t *a = malloc((size_t)(m * k));
    int8_t *b = malloc((size_t)(k * n));
    int32_t *c = malloc((size_t)(m * n) * sizeof *c), *start = malloc((size_t)n * sizeof *start);
    for (int64_t i = 0; i < m * k; i++)
        a[i] = (uint8_t)code(&seed, 0, CODE_MOST);
    for (int64_t i = 0; i < k * n; i++)
        b[i] = (int8_t)code(&seed, -most, most - 1);
    for (int64_t i = 0; i < n; i++)
        start[i] = (int32_t)(1000 * i - 5000);
    CHECK_OK(ctx, rf_dnn_gemm_int8(ctx, transpose_b, m, n, k, a, b, start, c));
    for (int64_t i = 0; i < m * n; i++) {
        int64_t sum = start[i % n];
        for (int64_t j = 0; j < k; j++)
            sum += (int64_t)a[i / n * k + j] * b[transpose_b ? i % n * k + j : j * n + i % n];
        assert_int_equal(c[i], sum);
    }
    free(a);
    free(b);
    free(c);
    free(start);
}

static void matrix_products_are_exact(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    for (int transposed = 0; transposed < 2; transposed++) {
        check_product(ctx, transposed, 5, 7, 9, 8);
        check_product(ctx, transposed, 33, 65, 129, 64);
        check_product(ctx, transposed, 1, 10, 64, 64);
        if (rf_dnn_int8_is_exact(129, CODE_MOST, 128))
            check_product(ctx, transposed, 33, 65, 129, 128);
    }
    rf_context_free(ctx);
}

static void exactness_depends_on_codes_terms_and_instructions(void **state)
{
    (void)state;
    const bool vnni = strstr(rf_dnn_isa_name(), "AVX-512 with") != NULL;
    const char *cap = getenv("ONEDNN_MAX_CPU_ISA");
    assert_true(rf_dnn_int8_is_exact(4608, 255, 8));
    assert_true(rf_dnn_int8_is_exact(4608, 255, 64));
    assert_true(rf_dnn_int8_is_exact(4608, 127, 128));
    assert_int_equal(rf_dnn_int8_is_exact(4608, 255, 128), vnni);
    assert_false(rf_dnn_int8_is_exact(131072, 255, 128)); /* int32 would overflow */
    if (cap && !strcmp(cap, "AVX2"))
        assert_false(vnni);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_sums_are_exact),
        cmocka_unit_test(strides_dilation_and_uneven_pads_are_exact),
        cmocka_unit_test(groups_and_depthwise_are_exact),
        cmocka_unit_test(one_and_three_axes_are_exact),
        cmocka_unit_test(oneDNN_has_the_same_sums),
        cmocka_unit_test(strided_1x1_sums_are_exact_among_threads),
        cmocka_unit_test(matrix_products_are_exact),
        cmocka_unit_test(exactness_depends_on_codes_terms_and_instructions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
