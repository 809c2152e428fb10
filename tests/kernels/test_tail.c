/* The fused tail against one element at a time: widths, tails, ties, extreme ranges, NaN and infinities. */
#include "testing.h"

#include "../ref/layout_ref.h"
#include "../ref/tail_ref.h"
#include "base/context.h"
#include "kernels/channels.h"

#define TOL_SUM 1e-9 /* of some thousand terms, added in another order */

static const int64_t sizes[][2] = { { 2, 1 },     { 5, 3 },    { 33, 7 },
                                    { 4096, 16 }, { 700, 24 }, { 300, 64 },
                                    { 90, 100 },  { 31, 600 }, { 3, 3000 } };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Plain, Relu, Clip to 6, 4 bits with a zero point, a grid without 0, one that a clip cuts, and hardly any range. */
static const rf_tail tails[] = {
    { -INFINITY, INFINITY, 0.01f, -128.0f, 255.0f }, { 0.0f, INFINITY, 0.01f, 0.0f, 255.0f },
    { 0.0f, 6.0f, 6.0f / 255.0f, 0.0f, 255.0f },     { -0.5f, 0.5f, 0.125f, -7.0f, 15.0f },
    { -INFINITY, INFINITY, 0.1f, 3.0f, 15.0f },      { 0.5f, 0.75f, 0.25f, 0.0f, 1.0f },
    { 0.0f, INFINITY, 1.2e-38f, 0.0f, 255.0f },      { 20.0f, 30.0f, 0.01f, -3.0f, 255.0f },
};
enum { TAILS = sizeof tails / sizeof *tails };

/* Values of every kind: random ones, ties, the grid's ends, and what is no number. */
static void spoil(float *v, int64_t count, const rf_tail *t)
{
    const float odd[] = { NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 3e38f, -3e38f, 1e-40f };
    for (int64_t i = 0; i < count; i += 7)
        v[i] = ((float)(i % 300) - 20.5f) * t->scale;
    for (int64_t i = 0; i < 8 && 11 * i + 3 < count; i++)
        v[11 * i + 3] = odd[i];
}

static void check_codes(const rf_tail *t, const uint8_t *found, const float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (found[i] != ref_tail_code(t, y[i]))
            fail_msg("element %lld, %.9g: code %d, expected %d", (long long)i, (double)y[i],
                     found[i], ref_tail_code(t, y[i]));
}

static void check_rows(const rf_tail *t, int64_t rows, int64_t c)
{
    const int64_t n = rows * c;
    float *x = ref_random(n, 1), *y = ref_random(n, 2), *k = ref_random(2 * c, 3);
    int32_t *sums = malloc((size_t)n * sizeof *sums);
    uint8_t *codes = malloc((size_t)n);
    spoil(x, n, t);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * k[i % c] + k[c + i % c];
    rf_tail_normalize(t, (rf_bn_src){ .real = x }, rows, c, k, k + c, codes);
    check_codes(t, codes, y, n);
    for (int64_t i = 0; i < n; i++) {
        sums[i] = (int32_t)((i * 2654435761) % 40000) - 20000;
        y[i] = (float)sums[i] * (k[i % c] * t->scale) + k[c + i % c];
    }
    for (int64_t j = 0; j < c; j++)
        k[j] *= t->scale;
    rf_tail_normalize(t, (rf_bn_src){ .sums = sums }, rows, c, k, k + c, codes);
    check_codes(t, codes, y, n);
    free(x);
    free(y);
    free(k);
    free(sums);
    free(codes);
}

static void codes_of_rows_match_for_every_width_and_grid(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < TAILS; j++)
            check_rows(&tails[j], sizes[i][0], sizes[i][1]);
}

typedef struct addends {
    float *real;
    uint8_t *codes;
    rf_addend all[4]; /* real, codes, other real, other codes */
} addends;

static addends make_addends(const rf_tail *t, int64_t n)
{
    addends d = { .real = ref_random(2 * n, 5), .codes = malloc((size_t)(2 * n)) };
    spoil(d.real, n, t);
    for (int64_t i = 0; i < 2 * n; i++)
        d.codes[i] = (uint8_t)(i * 2654435761 >> 7);
    d.all[0] = (rf_addend){ .real = d.real };
    d.all[1] = (rf_addend){ .codes = d.codes, .scale = 0.013f, .offset = -17.0f };
    d.all[2] = (rf_addend){ .real = d.real + n };
    d.all[3] = (rf_addend){ .codes = d.codes + n, .scale = 0.5f * t->scale, .offset = 0.0f };
    return d;
}

static float value(const rf_addend *a, int64_t i)
{
    return a->real ? a->real[i] : ((float)a->codes[i] + a->offset) * a->scale;
}

static void check_add(const rf_tail *t, const rf_addend *a, const rf_addend *b, int64_t n)
{
    float *y = ref_random(n, 2), *diff = ref_random(n, 3), *g = ref_random(n, 4);
    float *second = ref_random(n, 4);
    uint8_t *codes = malloc((size_t)n);
    rf_tail_sums found = { 0.0, 0.0 }, expected = { 0.0, 0.0 };
    for (int64_t i = 0; i < n; i++)
        y[i] = b ? value(a, i) + value(b, i) : value(a, i);
    rf_tail_add(t, a, b, n, codes);
    check_codes(t, codes, y, n);
    rf_tail_add_backward(t, a, b, diff, n, g, second, &found);
    for (int64_t i = 0; i < n; i++) {
        const float wanted = ref_tail_backward(t, y[i], diff[i], &expected);
        assert_true(g[i] == wanted && second[i] == wanted);
    }
    if (!isnan(expected.scale) && !isinf(expected.scale))
        CHECK_NEAR(found.scale / (1.0 + fabs(expected.scale)),
                   expected.scale / (1.0 + fabs(expected.scale)), TOL_SUM);
    CHECK_NEAR(found.outside, expected.outside, 1e-6);
    rf_tail_add_backward(t, a, b, diff, n, diff, NULL, &found); /* in place */
    assert_memory_equal(diff, g, (size_t)n * sizeof *g);
    void *blocks[] = { y, diff, g, second, codes };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void sums_of_codes_and_numbers_match_both_ways(void **state)
{
    (void)state;
    const int64_t counts[] = { 1, 7, 300, 2048, 5001, 70001 };
    for (int j = 0; j < TAILS; j++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            const int64_t n = counts[i];
            addends d = make_addends(&tails[j], n);
            for (int k = 0; k < 4; k++) {
                check_add(&tails[j], &d.all[k], NULL, n);
                check_add(&tails[j], &d.all[k % 2], &d.all[2 + k / 2], n);
            }
            free(d.real);
            free(d.codes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_rows_match_for_every_width_and_grid),
        cmocka_unit_test(sums_of_codes_and_numbers_match_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
