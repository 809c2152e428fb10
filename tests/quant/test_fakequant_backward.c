/*
 * Gradients of the fake quantizer against an independent model: the straight-through derivative written with the chain
 * rule through scale = (max - min) / N and offset = min / scale, element by element in double.
 */
#include "testing.h"

#include "quant/fakequant.h"

#define TOL_SUM 1e-5 /* relative: float32 terms of sums of up to 40,000 */

typedef struct gradients {
    double min, max, *src;
} gradients;

/* What autograd makes of clamp(ste_round(x / scale) - ste_round(offset)) with AIMET's parametrization. */
static void ste_model(const rf_qspec *spec, double min, double max, float scale, int32_t offset,
                      const float *x, const float *g, int64_t n, int64_t stride_block,
                      int64_t stride, gradients *out)
{
    const double steps = (double)rf_qspec_steps(spec), width = max - min;
    out->min = out->max = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = i / stride_block * stride + i % stride_block;
        const double code = rint((double)(x[at] / scale)) - offset;
        const bool inside = code >= 0.0 && code <= steps;
        const double clamped = fmin(fmax(code, 0.0), steps);
        const double by_scale = clamped + offset - (inside ? (double)x[at] / (double)scale : 0.0);
        const double by_offset = inside ? 0.0 : (double)scale;
        out->src[at] = inside ? (double)g[at] : 0.0;
        if (spec->symmetric && spec->grid == RF_GRID_LEARNED) {
            out->max += (double)g[at] * by_scale / floor(steps / 2.0);
            out->min -= (double)g[at] * by_scale / floor(steps / 2.0);
        } else if (spec->symmetric) {
            out->max += (double)g[at] * by_scale / steps;
            out->min -= (double)g[at] * by_scale / steps;
        } else {
            out->max +=
                (double)g[at] * (by_scale / steps - by_offset * min * steps / (width * width));
            out->min +=
                (double)g[at] * (-by_scale / steps + by_offset * max * steps / (width * width));
        }
    }
}

static void fill(float *x, int64_t n, float amplitude, float speed)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = amplitude * sinf((float)i * speed) + 0.001f * (float)(i % 13);
}

static void asymmetric_vector(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED };
    const float x[5] = { -1.7f, -0.63f, 0.0f, 0.4444f, 2.5f }, g[5] = { 1, 1, 1, 1, 1 };
    const float min = -1.0f, max = 2.0f, expected[5] = { 0, 1, 1, 1, 0 };
    float diff_src[5], diff_min, diff_max;
    rf_fakequant_backward(&spec, &(rf_qarray){ 1, 1, 5 }, &min, &max, x, g, diff_src, &diff_min,
                          &diff_max);
    CHECK_NEAR(diff_min, 1.000878431372549, TOL_SUM);
    CHECK_NEAR(diff_max, 0.999121568627451, TOL_SUM);
    assert_memory_equal(diff_src, expected, sizeof expected);
}

static void symmetric_vector(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .symmetric = true, .grid = RF_GRID_LEARNED };
    const float x[5] = { -1.7f, -1.004f, -0.63f, 0.4444f, 2.5f }, g[5] = { 1, 2, 3, 4, 5 };
    const float min = -1.0f, max = 1.0f, expected[5] = { 0, 2, 3, 4, 0 };
    float diff_src[5], diff_min, diff_max;
    rf_fakequant_backward(&spec, &(rf_qarray){ 1, 1, 5 }, &min, &max, x, g, diff_src, &diff_min,
                          &diff_max);
    CHECK_NEAR(diff_max, 3.9707937007874015, TOL_SUM);
    assert_true(diff_min == -diff_max);
    assert_memory_equal(diff_src, expected, sizeof expected);
}

static void check_layout(const rf_qspec *spec, const rf_qarray *a)
{
    const int64_t n = a->outer * a->channels * a->inner;
    float *x = malloc((size_t)n * sizeof *x), *g = malloc((size_t)n * sizeof *g),
          *d = malloc((size_t)n * sizeof *d);
    float *min = malloc((size_t)a->channels * sizeof *min),
          *max = malloc((size_t)a->channels * sizeof *max);
    float *diff_min = malloc((size_t)a->channels * sizeof *min),
          *diff_max = malloc((size_t)a->channels * sizeof *max);
    gradients expected = { .src = malloc((size_t)n * sizeof *expected.src) };
    fill(x, n, 10.0f, 0.7f);
    fill(g, n, 1.0f, 1.3f);
    for (int64_t c = 0; c < a->channels; c++) {
        max[c] = 5.0f + 0.1f * (float)(c % 9);
        min[c] = spec->symmetric ? -max[c] : -4.0f - 0.1f * (float)(c % 7);
    }
    rf_fakequant_backward(spec, a, min, max, x, g, d, diff_min, diff_max);
    for (int64_t c = 0; c < a->channels; c++) {
        float scale;
        int32_t offset;
        gradients part = expected;
        rf_scale_offset(spec, min[c], max[c], &scale, &offset);
        part.src += c * a->inner;
        ste_model(spec, (double)min[c], (double)max[c], scale, offset, x + c * a->inner,
                  g + c * a->inner, a->outer * a->inner, a->inner, a->channels * a->inner, &part);
        CHECK_NEAR(diff_min[c], part.min, TOL_SUM);
        CHECK_NEAR(diff_max[c], part.max, TOL_SUM);
    }
    for (int64_t i = 0; i < n; i++)
        assert_true((double)d[i] == expected.src[i]);
    rf_fakequant_backward(spec, a, min, max, x, g, g, NULL, NULL); /* in place, ranges not wanted */
    assert_memory_equal(g, d, (size_t)n * sizeof *g);
    free(x), free(g), free(d), free(min), free(max), free(diff_min), free(diff_max),
        free(expected.src);
}

/* AIMET's test_range_learning: ranges (-5, 5) and the like, values within 10. */
static void gradients_equal_the_straight_through_model_in_every_layout(void **state)
{
    (void)state;
    static const rf_qarray shapes[] = { { 1, 1, 100 },  { 4, 1, 10000 }, { 6, 3, 1 },
                                        { 2, 70, 9 },   { 11, 130, 1 },  { 2, 5, 3000 },
                                        { 300, 150, 1 } };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        for (int bitwidth = 2; bitwidth <= 16; bitwidth += 2) {
            const rf_qspec specs[] = {
                { .bitwidth = bitwidth, .grid = RF_GRID_LEARNED },
                { .bitwidth = bitwidth, .symmetric = true, .grid = RF_GRID_LEARNED },
                { .bitwidth = bitwidth,
                  .symmetric = true,
                  .strict = true,
                  .grid = RF_GRID_LEARNED },
                { .bitwidth = bitwidth, .grid = RF_GRID_V2 },
                { .bitwidth = bitwidth, .symmetric = true, .grid = RF_GRID_V2 },
            };
            for (size_t s = 0; s < sizeof specs / sizeof *specs; s++)
                check_layout(&specs[s], &shapes[k]);
        }
    }
}

/*
 * Where no value is clamped and the codes do not move, dst follows the scale: a finite difference of
 * sum(g * dst) over max, at fixed codes, is the gradient's first term. Far outside, dst is an end of the range.
 */
static void clamped_values_follow_the_ends_of_the_range(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED };
    const float x[2] = { -100.0f, 100.0f };
    for (int side = 0; side < 2; side++) {
        const float g[2] = { side == 0, side == 1 }, min = -2.0f, max = 3.0f;
        float diff_min, diff_max;
        rf_fakequant_backward(&spec, &(rf_qarray){ 1, 1, 2 }, &min, &max, x, g, NULL, &diff_min,
                              &diff_max);
        /* dst = min (side 0) or max (side 1), up to half a step of the rounded offset. */
        assert_true(fabs((double)diff_min - (side == 0)) < 1.0 / 255.0);
        assert_true(fabs((double)diff_max - (side == 1)) < 1.0 / 255.0);
    }
}

static void a_static_grid_masks_real_values_and_learns_nothing(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .grid = RF_GRID_STATIC };
    const float x[4] = { -1.001f, -1.0f, 2.0f, 2.001f }, g[4] = { 1, 2, 3, 4 },
                expected[4] = { 0, 2, 3, 0 };
    const float min = -1.0f, max = 2.0f;
    float diff_src[4], diff_min = 9.0f, diff_max = 9.0f;
    rf_fakequant_backward(&spec, &(rf_qarray){ 1, 1, 4 }, &min, &max, x, g, diff_src, &diff_min,
                          &diff_max);
    assert_memory_equal(diff_src, expected, sizeof expected);
    assert_true(diff_min == 0.0f && diff_max == 0.0f);
}

static void thirty_two_bits_pass_gradients_through(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 32 };
    const float x[2] = { 1e9f, -1e9f }, g[2] = { 1, 2 }, min = -1.0f, max = 1.0f;
    float diff_src[2], diff_min, diff_max;
    rf_fakequant_backward(&spec, &(rf_qarray){ 1, 1, 2 }, &min, &max, x, g, diff_src, &diff_min,
                          &diff_max);
    assert_memory_equal(diff_src, g, sizeof g);
    assert_true(diff_min == 0.0f && diff_max == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asymmetric_vector),
        cmocka_unit_test(symmetric_vector),
        cmocka_unit_test(gradients_equal_the_straight_through_model_in_every_layout),
        cmocka_unit_test(clamped_values_follow_the_ends_of_the_range),
        cmocka_unit_test(a_static_grid_masks_real_values_and_learns_nothing),
        cmocka_unit_test(thirty_two_bits_pass_gradients_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
