/*
 * The pooling kernels against the naive ones: windows of every kind, ties, NaN, wide and narrow
 * channels.
 */
#include "testing.h"

#include "../ref/layout_ref.h"
#include "../ref/pool_ref.h"

#define TOL_POOL 1e-6 /* relative; sums of up to 27 terms */

/* Coarse values, so that windows hold equal ones. */
static float *coarse(int64_t count, uint32_t seed)
{
    float *values = ref_random(count, seed);
    for (int64_t i = 0; i < count; i++)
        values[i] = roundf(values[i] * 4.0f) / 4.0f;
    return values;
}

static int64_t volume(const int64_t *dims)
{
    return dims[0] * dims[1] * dims[2];
}

static void complete(rf_pool_shape *s)
{
    for (int i = 0; i < 3; i++)
        s->out[i] =
            (s->in[i] + s->pad_begin[i] + s->pad_end[i] - s->dilation[i] * (s->kernel[i] - 1) - 1) /
                s->stride[i] +
            1;
}

static void to_plain(const rf_pool_shape *s, const int64_t *dims, float **values)
{
    float *plain = ref_random(s->n * s->c * volume(dims), 1);
    ref_to_plain(s->n, s->c, volume(dims), *values, plain);
    free(*values);
    *values = plain;
}

static void to_last(const rf_pool_shape *s, const int64_t *dims, float **values)
{
    float *last = ref_random(s->n * s->c * volume(dims), 1);
    ref_to_channels_last(s->n, s->c, volume(dims), *values, last);
    free(*values);
    *values = last;
}

static void check(const float *found, const double *expected, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double value = (double)found[i];
        if (isnan(expected[i]) ? !isnan(value) : value != expected[i])
            CHECK_NEAR(value, expected[i], TOL_POOL);
    }
}

static void check_max(const rf_pool_shape *s, const float *x, const float *g)
{
    const int64_t nx = ref_pool_in_count(s), ny = ref_pool_out_count(s);
    double *y = calloc((size_t)ny, sizeof *y), *dx = calloc((size_t)nx, sizeof *dx);
    int64_t *source = calloc((size_t)ny, sizeof *source);
    int32_t *index = calloc((size_t)ny, sizeof *index);
    float *x_last = malloc((size_t)nx * sizeof *x_last), *found = ref_random(ny, 3);
    float *alone = ref_random(ny, 3), *g_last = malloc((size_t)ny * sizeof *g_last);
    float *diff = ref_random(nx, 4);
    ref_to_channels_last(s->n, s->c, volume(s->in), x, x_last);
    ref_to_channels_last(s->n, s->c, volume(s->out), g, g_last);
    ref_max_pool(s, x, y, source);
    rf_max_pool_forward(s, x_last, found, index);
    rf_max_pool_forward(s, x_last, alone, NULL);
    assert_memory_equal(found, alone, (size_t)ny * sizeof *found);
    to_plain(s, s->out, &found);
    check(found, y, ny);
    for (int64_t i = 0; i < ny; i++)
        if (source[i] >= 0)
            dx[source[i]] += (double)g[i];
    rf_max_pool_backward(s, index, g_last, diff);
    to_plain(s, s->in, &diff);
    check(diff, dx, nx);
    void *blocks[] = { y, dx, source, index, x_last, found, alone, g_last, diff };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

/* Codes keep the order of their numbers: the same cells win, and what they hold is the same. */
static void check_max_codes(const rf_pool_shape *s, const float *x)
{
    const int64_t nx = ref_pool_in_count(s), ny = ref_pool_out_count(s);
    uint8_t *codes = malloc((size_t)nx), *y = malloc((size_t)ny), *alone = malloc((size_t)ny);
    float *real = malloc((size_t)nx * sizeof *real), *expected = ref_random(ny, 3);
    int32_t *index = calloc((size_t)ny, sizeof *index), *cells = calloc((size_t)ny, sizeof *cells);
    for (int64_t i = 0; i < nx; i++) {
        codes[i] = isnan(x[i]) || isinf(x[i]) ? 0 : (uint8_t)(4.0f * x[i] + 100.0f);
        real[i] = (float)codes[i];
    }
    rf_max_pool_forward(s, real, expected, cells);
    rf_max_pool_codes(s, codes, y, index);
    rf_max_pool_codes(s, codes, alone, NULL);
    assert_memory_equal(y, alone, (size_t)ny);
    for (int64_t i = 0; i < ny; i++) {
        assert_true((float)y[i] == (cells[i] < 0 ? 0.0f : expected[i]));
        assert_int_equal(index[i], cells[i]);
    }
    void *blocks[] = { codes, y, alone, real, expected, index, cells };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void check_average(const rf_pool_shape *s, const float *x, const float *g)
{
    const int64_t nx = ref_pool_in_count(s), ny = ref_pool_out_count(s);
    double *y = calloc((size_t)ny, sizeof *y), *dx = calloc((size_t)nx, sizeof *dx);
    float *x_last = malloc((size_t)nx * sizeof *x_last), *found = ref_random(ny, 3);
    float *g_last = malloc((size_t)ny * sizeof *g_last), *diff = ref_random(nx, 4);
    memcpy(x_last, x, (size_t)nx * sizeof *x);
    memcpy(g_last, g, (size_t)ny * sizeof *g);
    to_last(s, s->in, &x_last);
    to_last(s, s->out, &g_last);
    ref_average_pool(s, x, y);
    rf_average_pool_forward(s, x_last, found);
    to_plain(s, s->out, &found);
    check(found, y, ny);
    ref_average_pool_backward(s, g, dx);
    rf_average_pool_backward(s, g_last, diff);
    to_plain(s, s->in, &diff);
    check(diff, dx, nx);
    void *blocks[] = { y, dx, x_last, found, g_last, diff };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void check_shape(rf_pool_shape s)
{
    if (!s.out[2])
        complete(&s);
    float *x = coarse(ref_pool_in_count(&s), 1), *g = ref_random(ref_pool_out_count(&s), 2);
    check_max(&s, x, g);
    check_max_codes(&s, x);
    for (int i = 0; i < 2; i++) {
        s.count_padding = i;
        check_average(&s, x, g);
    }
    free(x);
    free(g);
}

static rf_pool_shape square(int64_t n, int64_t c, int64_t size, int64_t kernel, int64_t stride,
                            int64_t pad)
{
    return (rf_pool_shape){ .n = n,
                            .c = c,
                            .in = { 1, size, size },
                            .kernel = { 1, kernel, kernel },
                            .stride = { 1, stride, stride },
                            .dilation = { 1, 1, 1 },
                            .pad_begin = { 0, pad, pad },
                            .pad_end = { 0, pad, pad } };
}

static void usual_windows_match(void **state)
{
    (void)state;
    check_shape(square(2, 16, 8, 2, 2, 0));
    check_shape(square(3, 24, 9, 3, 2, 1));
    check_shape(square(1, 70, 7, 3, 1, 1));
    check_shape(square(2, 3, 5, 5, 1, 0));
    check_shape(square(2, 1, 6, 1, 2, 0));
}

static void uneven_dilated_and_three_dimensional_windows_match(void **state)
{
    (void)state;
    rf_pool_shape s = square(2, 5, 9, 3, 2, 0);
    s.pad_begin[1] = 2;
    s.pad_end[2] = 1;
    s.dilation[2] = 2;
    check_shape(s);
    s = square(2, 10, 6, 2, 3, 1);
    s.in[0] = 5;
    s.kernel[0] = 3;
    s.pad_begin[0] = s.pad_end[0] = 1;
    check_shape(s);
    s = square(1, 4, 1, 2, 1, 1); /* cells at -1 and 1 of an axis of one pixel */
    s.dilation[1] = s.dilation[2] = 2;
    check_shape(s);
}

/* What ceil_mode gives: the last window reaches beyond the end pad. */
static void windows_that_reach_beyond_the_pads_match(void **state)
{
    (void)state;
    rf_pool_shape s = square(2, 7, 6, 3, 2, 1);
    complete(&s);
    s.out[1]++;
    s.out[2]++;
    check_shape(s);
}

static void nan_is_the_largest_of_its_windows(void **state)
{
    (void)state;
    rf_pool_shape s = square(1, 9, 6, 3, 1, 1);
    complete(&s);
    float *x = coarse(ref_pool_in_count(&s), 1), *g = ref_random(ref_pool_out_count(&s), 2);
    x[0] = x[17] = x[18] = x[200] = NAN;
    check_max(&s, x, g);
    free(x);
    free(g);
}

static void global_averages_and_their_gradients(void **state)
{
    (void)state;
    const int64_t n = 3, rows = 35, c = 21;
    float *x = ref_random(n * rows * c, 1), *g = ref_random(n * c, 2);
    float *y = ref_random(n * c, 3), *diff = ref_random(n * rows * c, 4);
    rf_global_average_forward(n, rows, c, x, y);
    rf_global_average_backward(n, rows, c, g, diff);
    for (int64_t i = 0; i < n * c; i++) {
        double sum = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = (i / c * rows + r) * c + i % c;
            sum += (double)x[at];
            CHECK_NEAR(diff[at], (double)g[i] / (double)rows, TOL_POOL);
        }
        CHECK_NEAR(y[i], sum / (double)rows, TOL_POOL);
    }
    free(x);
    free(g);
    free(y);
    free(diff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_windows_match),
        cmocka_unit_test(uneven_dilated_and_three_dimensional_windows_match),
        cmocka_unit_test(windows_that_reach_beyond_the_pads_match),
        cmocka_unit_test(nan_is_the_largest_of_its_windows),
        cmocka_unit_test(global_averages_and_their_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
