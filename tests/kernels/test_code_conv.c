/*
 * Convolutions on codes against the naive sum, in plain C and in vectors, with one thread and with three: tails, strides,
 * dilation, pads, zero points inside and outside of the codes, and weights that bring 16 bits to their edge.
 */
#include "testing.h"

#include "kernels/code_conv.h"

enum { CODE_MOST = 255 };

/* How codes and weights are drawn; high and low as far as `most` bits allow. */
typedef enum fill { RANDOM, ALL_LOWEST, ALL_HIGHEST, THREES, ENDS } fill;

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static int8_t weight(fill how, int most, int64_t i, uint32_t *seed)
{
    switch (how) {
    case ALL_LOWEST:
        return (int8_t)-most;
    case ALL_HIGHEST:
        return (int8_t)(most - 1);
    case THREES: /* pairs of 3 and 0: lanes that reach 129 if they may */
        return i % 2 ? 0 : i / 520 % 2 ? 3 : -3;
    case ENDS:
        return (int8_t)(next(seed) % 2 ? most - 1 : -most);
    default:
        return (int8_t)((int)(next(seed) % (uint32_t)(2 * most)) - most);
    }
}

static int64_t naive(const rf_code_conv *c, const uint8_t *src, int32_t zero_point,
                     const int8_t *weights, int64_t n, int64_t y, int64_t x, int64_t o)
{
    int64_t sum = 0;
    for (int64_t ky = 0; ky < c->kernel[0]; ky++)
        for (int64_t kx = 0; kx < c->kernel[1]; kx++)
            for (int64_t i = c->depthwise ? o : 0; i < (c->depthwise ? o + 1 : c->ic); i++) {
                const int64_t iy = y * c->stride[0] + ky * c->dilation[0] - c->pad[0];
                const int64_t ix = x * c->stride[1] + kx * c->dilation[1] - c->pad[1];
                if (iy < 0 || iy >= c->in[0] || ix < 0 || ix >= c->in[1])
                    continue;
                sum += (src[((n * c->in[0] + iy) * c->in[1] + ix) * c->ic + i] - zero_point) *
                       weights[((c->depthwise ? o : o * c->ic + i) * c->kernel[0] + ky) *
                                   c->kernel[1] +
                               kx];
            }
    return sum;
}

static void compare(const rf_code_conv *c, const uint8_t *src, int32_t zero_point,
                    const int8_t *weights)
{
    const size_t count = (size_t)(c->n * c->out[0] * c->out[1] * c->oc), guard = 64;
    int32_t *dst = malloc((count + guard) * sizeof *dst);
    void *scratch = aligned_alloc(64, (rf_code_conv_scratch(c) + 63) / 64 * 64);
    assert_true(rf_code_conv_fits(c));
    memset(dst, 0x5a, (count + guard) * sizeof *dst);
    rf_code_conv_forward(c, src, zero_point, weights, dst, scratch);
    for (int64_t i = 0; i < (int64_t)count; i++) {
        const int64_t pixel = i / c->oc, row = pixel / c->out[1];
        assert_int_equal(dst[i], naive(c, src, zero_point, weights, row / c->out[0],
                                       row % c->out[0], pixel % c->out[1], i % c->oc));
    }
    for (size_t i = count; i < count + guard; i++)
        assert_int_equal(dst[i], 0x5a5a5a5a);
    free(scratch);
    free(dst);
}

static void check(rf_code_conv c, int32_t zero_point, int most, fill how)
{
    const int64_t src_count = c.n * c.in[0] * c.in[1] * c.ic;
    const int64_t weight_count = c.oc * (c.depthwise ? 1 : c.ic) * c.kernel[0] * c.kernel[1];
    uint32_t seed = 7;
    uint8_t *src = malloc((size_t)src_count); /* no byte more: reading behind it is an error */
    int8_t *weights = malloc((size_t)weight_count);
    for (int64_t i = 0; i < src_count; i++)
        src[i] = how == RANDOM ? (uint8_t)next(&seed) : CODE_MOST;
    for (int64_t i = 0; i < weight_count; i++)
        weights[i] = weight(how, most, i, &seed);
    for (int vectors = 0; vectors <= rf_code_conv_has_vectors(); vectors++)
        for (c.threads = 1; c.threads <= 3; c.threads += 2) {
            c.vectors = vectors;
            compare(&c, src, zero_point, weights);
        }
    free(src);
    free(weights);
}

/* A kernel with half of itself as pads around a source of size x size. */
static rf_code_conv square(int64_t n, int64_t ic, int64_t oc, int64_t size, int64_t kernel)
{
    return (rf_code_conv){ .n = n,
                           .ic = ic,
                           .oc = oc,
                           .in = { size, size },
                           .out = { size, size },
                           .kernel = { kernel, kernel },
                           .stride = { 1, 1 },
                           .dilation = { 1, 1 },
                           .pad = { kernel / 2, kernel / 2 } };
}

static void channels_and_pixels_that_fill_no_tile_are_summed(void **state)
{
    (void)state;
    const int64_t channels[] = { 1, 2, 3, 4, 7, 16, 17, 33 };
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (size_t j = 0; j < sizeof channels / sizeof *channels; j++)
            for (int64_t kernel = 1; kernel <= 3; kernel += 2)
                check(square(2, channels[i], channels[j], (int64_t)(i + j) / 2 + 1, kernel), 128, 8,
                      RANDOM);
    check(square(1, 3, 20, 13, 7), 128, 8, RANDOM);
    check(square(40, 4, 16, 3, 3), 9, 8, RANDOM);  /* bands of many images */
    check(square(1, 40, 16, 40, 5), 9, 8, RANDOM); /* bands of few rows */
}

static void strides_dilation_and_uneven_pads_are_kept(void **state)
{
    (void)state;
    rf_code_conv c = square(3, 5, 18, 11, 3);
    c.stride[0] = 2;
    c.stride[1] = 3;
    c.pad[0] = 0;
    c.out[0] = 6; /* one row of pads behind */
    c.out[1] = 4;
    check(c, 200, 8, RANDOM);
    c = square(2, 6, 18, 9, 3);
    c.dilation[0] = 3;
    c.dilation[1] = 2;
    c.pad[0] = 3;
    c.pad[1] = 2;
    check(c, 1, 8, RANDOM);
    c = square(2, 8, 18, 9, 1); /* reads where it lies; leaves rows and columns over */
    c.stride[0] = c.stride[1] = 2;
    c.out[0] = c.out[1] = 5;
    check(c, 1, 8, RANDOM);
    c.stride[0] = 12; /* farther than the kernel reaches */
    c.out[0] = 1;
    check(c, 1, 8, RANDOM);
    c = square(2, 4, 9, 8, 3); /* without pads: the source itself */
    c.pad[0] = c.pad[1] = 0;
    c.out[0] = c.out[1] = 6;
    check(c, 1, 8, RANDOM);
    c = square(1, 4, 9, 2, 3); /* more pads than source */
    c.pad[0] = c.pad[1] = 5;
    c.out[0] = c.out[1] = 10;
    check(c, 250, 8, RANDOM);
}

static void zero_points_may_be_any_number(void **state)
{
    (void)state;
    const int32_t points[] = { 0, 128, 255, 256, -1, 900, -300 };
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        rf_code_conv c = square(3, 6, 20, 7, 3);
        check(c, points[i], 8, RANDOM);
        c.stride[0] = c.stride[1] = 2;
        c.out[0] = c.out[1] = 4;
        check(c, points[i], 8, RANDOM);
    }
}

/* Largest codes with largest weights, of 2 to 8 bits, over more steps than one run holds. */
static void sixteen_bits_are_filled_but_never_overflow(void **state)
{
    (void)state;
    for (int most = 2; most <= 128; most *= 2)
        for (fill how = ALL_LOWEST; how <= ENDS; how++) {
            check(square(1, 260, 18, 4, 1), 0, most, how);
            check(square(1, 36, 18, 4, 3), 3, most, how);
        }
}

static void weights_of_eight_bits_are_split_where_they_must(void **state)
{
    (void)state;
    check(square(2, 37, 35, 6, 3), 131, 128, RANDOM);
    check(square(2, 37, 35, 6, 3), -300, 128, ENDS);
}

static void depthwise_channels_have_their_own_weights(void **state)
{
    (void)state;
    const int64_t channels[] = { 2, 15, 16, 17, 40 };
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int64_t kernel = 1; kernel <= 5; kernel++) {
            rf_code_conv c = square(3, channels[i], channels[i], 9, kernel);
            c.out[0] = c.out[1] = 10 - kernel % 2; /* an even kernel has a pixel more */
            if (kernel % 2)
                c.out[0] = c.out[1] = 9;
            c.depthwise = true;
            check(c, 128, 128, RANDOM);
            check(c, -300, 128, ALL_LOWEST);
            c.stride[0] = 2;
            c.stride[1] = 3;
            c.out[0] = (c.out[0] - 1) / 2 + 1;
            c.out[1] = (c.out[1] - 1) / 3 + 1;
            check(c, 0, 128, ENDS);
        }
    rf_code_conv c = square(2, 32, 32, 9, 3); /* where it lies */
    c.depthwise = true;
    c.pad[0] = c.pad[1] = 0;
    c.out[0] = c.out[1] = 7;
    check(c, 9, 128, RANDOM);
    c.dilation[0] = 2;
    c.out[0] = 5;
    check(c, 9, 128, RANDOM);
}

static void sizes_that_offsets_cannot_hold_are_told(void **state)
{
    (void)state;
    rf_code_conv c = square(1, 1 << 20, 1, 1 << 12, 3);
    c.threads = 1;
    assert_false(rf_code_conv_fits(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_and_pixels_that_fill_no_tile_are_summed),
        cmocka_unit_test(strides_dilation_and_uneven_pads_are_kept),
        cmocka_unit_test(zero_points_may_be_any_number),
        cmocka_unit_test(sixteen_bits_are_filled_but_never_overflow),
        cmocka_unit_test(weights_of_eight_bits_are_split_where_they_must),
        cmocka_unit_test(depthwise_channels_have_their_own_weights),
        cmocka_unit_test(sizes_that_offsets_cannot_hold_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
