/*
 * The passes of batch normalization: sums for every width of row, and the same bits for any number
 * of threads.
 */
#include "testing.h"

#include "../ref/batch_norm_ref.h"
#include "../ref/layout_ref.h"
#include "base/context.h"
#include "kernels/batch_norm.h"
#include "kernels/channels.h"

/* Rows and channels: narrow, odd, wide; fewer rows than parts, and more. */
static const int64_t sizes[][2] = {
    { 2, 1 },    { 5, 3 },    { 33, 7 },   { 1000, 10 }, { 4096, 16 },
    { 700, 24 }, { 500, 63 }, { 300, 64 }, { 90, 100 },  { 31, 600 },
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void a_period_is_a_number_of_whole_rows_and_vectors(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 200; c++) {
        const int64_t period = rf_period(c);
        assert_int_equal(period % c, 0);
        assert_true(period >= RF_PERIOD_MIN);
        if (c < RF_PERIOD_MIN) {
            assert_int_equal(period % 8, 0);
            assert_true(period <= RF_PERIOD_MAX);
        }
    }
}

static void parts_cover_all_rows_once(void **state)
{
    (void)state;
    for (int64_t rows = 0; rows < 200; rows++) {
        int64_t next = 0;
        for (int i = 0; i < RF_ROW_PARTS; i++) {
            int64_t begin, end;
            rf_row_part(rows, i, &begin, &end);
            assert_int_equal(begin, next);
            assert_true(end >= begin);
            next = end;
        }
        assert_int_equal(next, rows);
    }
}

static void check_size(int64_t rows, int64_t c)
{
    float *x = ref_random(rows * c, 1), *g = ref_random(rows * c, 2);
    double *room = calloc((size_t)(6 * c), sizeof *room);
    double *mean = room, *var = mean + c, *sum_g = var + c, *sum_gx = sum_g + c;
    double *expected = sum_gx + c;
    void *scratch = malloc(rf_bn_scratch(c));
    /* The reference's plain layout with one pixel an image is the row layout. */
    const ref_bn ref = { .n = rows, .c = c, .inner = 1, .x = x };
    ref_bn_statistics(&ref, expected, expected + c);
    rf_bn_statistics((rf_bn_src){ .real = x }, rows, c, mean, var, scratch);
    rf_bn_backward_sums((rf_bn_src){ .real = x }, g, rows, c, mean, sum_g, sum_gx, scratch);
    for (int64_t j = 0; j < c; j++) {
        double total = 0.0, product = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            total += (double)g[r * c + j];
            product += (double)g[r * c + j] * ((double)x[r * c + j] - mean[j]);
        }
        CHECK_NEAR(mean[j], expected[j], 1e-12);
        CHECK_NEAR(var[j], expected[c + j], 1e-12);
        CHECK_NEAR(sum_g[j], total, 1e-11);
        CHECK_NEAR(sum_gx[j], product, 1e-11);
    }
    free(x);
    free(g);
    free(room);
    free(scratch);
}

static void sums_match_for_every_width(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++)
        check_size(sizes[i][0], sizes[i][1]);
}

static void normalizing_and_its_gradient_match_for_every_width(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        const int64_t rows = sizes[i][0], c = sizes[i][1];
        float *x = ref_random(rows * c, 1), *g = ref_random(rows * c, 2);
        float *y = ref_random(rows * c, 3), *k = ref_random(4 * c, 4);
        rf_bn_normalize((rf_bn_src){ .real = x }, rows, c, k, k + c, y);
        for (int64_t j = 0; j < rows * c; j++)
            CHECK_NEAR(y[j], (double)x[j] * (double)k[j % c] + (double)k[c + j % c], 1e-6);
        rf_bn_backward_data((rf_bn_src){ .real = x }, g, rows, c, k, k + c, k + 2 * c, k + 3 * c,
                            y);
        for (int64_t j = 0; j < rows * c; j++)
            CHECK_NEAR(y[j],
                       (double)g[j] * (double)k[j % c] +
                           ((double)x[j] - (double)k[c + j % c]) * (double)k[2 * c + j % c] +
                           (double)k[3 * c + j % c],
                       1e-6);
        free(x);
        free(g);
        free(y);
        free(k);
    }
}

static void double_block(const void *user, int part, int64_t at, int64_t count, float *y)
{
    float *copy = *(float *const *)user;
    (void)part;
    for (int64_t i = 0; i < count; i++) {
        y[i] *= 2.0f;
        copy[at + i] = y[i];
    }
}

/* Elements of every part add up to the array, and pass as its gradient times y. */
static void multiply_block(const void *user, int part, int64_t at, int64_t count, float *y,
                           float *g)
{
    const float *diff = *(float *const *)user;
    (void)part;
    for (int64_t i = 0; i < count; i++)
        g[i] = y[i] * diff[at + i];
}

static void check_blocks(int64_t rows, int64_t c)
{
    const int64_t n = rows * c;
    float *x = ref_random(n, 1), *g = ref_random(n, 2), *k = ref_random(2 * c, 4);
    float *y = ref_random(n, 3), *seen = ref_random(n, 5), *kept = ref_random(n, 6);
    double *sums = calloc((size_t)(5 * c), sizeof *sums), *mean = sums + 4 * c;
    void *scratch = malloc(rf_bn_scratch(c));
    const rf_bn_blocks b = {
        .x = { .real = x }, .rows = rows, .c = c, .scale = k, .shift = k + c, .mean = mean
    };
    for (int64_t j = 0; j < c; j++)
        mean[j] = 0.1 * (double)(j % 7);
    rf_bn_normalize((rf_bn_src){ .real = x }, rows, c, k, k + c, y);
    rf_bn_normalize_blocks((rf_bn_src){ .real = x }, rows, c, k, k + c, NULL, double_block, &seen);
    rf_bn_normalize_blocks((rf_bn_src){ .real = x }, rows, c, k, k + c, kept, double_block, &seen);
    for (int64_t j = 0; j < n; j++)
        assert_true(seen[j] == 2.0f * y[j] && kept[j] == seen[j]);

    rf_bn_backward_sums_blocks(&b, multiply_block, &g, kept, sums, sums + c, scratch);
    for (int64_t j = 0; j < n; j++)
        assert_true(kept[j] == y[j] * g[j]);
    rf_bn_backward_sums((rf_bn_src){ .real = x }, kept, rows, c, mean, sums + 2 * c, sums + 3 * c,
                        scratch);
    assert_memory_equal(sums, sums + 2 * c, 2 * (size_t)c * sizeof *sums);
    rf_bn_backward_sums_blocks(&b, multiply_block, &g, NULL, sums, sums + c, scratch);
    assert_memory_equal(sums, sums + 2 * c, 2 * (size_t)c * sizeof *sums);

    float *const all[] = { x, g, k, y, seen, kept };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(sums);
    free(scratch);
}

/* To the bit: a row wider than a block is taken in pieces. */
static void blocks_give_what_whole_arrays_give(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++)
        check_blocks(sizes[i][0], sizes[i][1]);
    check_blocks(40, 2049);
    check_blocks(3, 5000);
}

static void sums_are_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 5000, C = 24 };
    float *x = ref_random(ROWS * C, 1), *g = ref_random(ROWS * C, 2);
    void *scratch = malloc(rf_bn_scratch(C));
    double found[3][4 * C];
    for (int threads = 1; threads <= 3; threads++) {
        const rf_context_options options = { .threads = threads };
        rf_context *ctx;
        double *to = found[threads - 1];
        assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
        rf_use_threads(ctx);
        rf_bn_statistics((rf_bn_src){ .real = x }, ROWS, C, to, to + C, scratch);
        rf_bn_backward_sums((rf_bn_src){ .real = x }, g, ROWS, C, to, to + 2 * C, to + 3 * C,
                            scratch);
        rf_context_free(ctx);
    }
    assert_memory_equal(found[0], found[1], sizeof found[0]);
    assert_memory_equal(found[0], found[2], sizeof found[0]);
    free(x);
    free(g);
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_period_is_a_number_of_whole_rows_and_vectors),
        cmocka_unit_test(parts_cover_all_rows_once),
        cmocka_unit_test(sums_match_for_every_width),
        cmocka_unit_test(normalizing_and_its_gradient_match_for_every_width),
        cmocka_unit_test(blocks_give_what_whole_arrays_give),
        cmocka_unit_test(sums_are_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
