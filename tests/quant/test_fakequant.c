/* Fake quantization forward: vectors, every layout against one plain loop, codes, NaN and infinities. */
#include "testing.h"

#include "quant/fakequant.h"

#define TOL_FLOAT 1e-6

/* What the header promises, element by element. */
static float reference(const rf_qspec *spec, float x, float scale, int32_t offset)
{
    const float steps = (float)rf_qspec_steps(spec);
    float q = rintf(x / scale) - (float)offset;
    q = q < 0.0f ? 0.0f : q > steps ? steps : q;
    return (q + (float)offset) * scale;
}

/* A deterministic spread of values, some outside any range used here. */
static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 2.0f * sinf((float)i * 0.7f) + 0.001f * (float)(i % 17);
}

static void learned_asymmetric_values_match_the_formulas(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED };
    const rf_qarray a = { 1, 1, 5 };
    const float x[5] = { -1.7f, -0.63f, 0.0f, 0.4444f, 2.5f };
    const double expected[5] = { -1.0, -0.6352941176, 0.0, 0.4470588235, 2.0 };
    float scale, y[5];
    int32_t offset;
    rf_scale_offset(&spec, -1.0f, 2.0f, &scale, &offset);
    rf_fakequant_forward(&spec, &a, &scale, &offset, x, y);
    for (int i = 0; i < 5; i++)
        CHECK_NEAR(y[i], expected[i], TOL_FLOAT);
}

static void learned_symmetric_values_match_the_formulas(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .symmetric = true, .grid = RF_GRID_LEARNED };
    const rf_qarray a = { 1, 1, 5 };
    const float x[5] = { -1.7f, -1.004f, -0.63f, 0.4444f, 2.5f };
    const double expected[5] = { -1.0078740157, -1.0078740157, -0.6299212598, 0.4409448819, 1.0 };
    float scale, y[5];
    int32_t offset;
    rf_scale_offset(&spec, -1.0f, 1.0f, &scale, &offset);
    rf_fakequant_forward(&spec, &a, &scale, &offset, x, y);
    for (int i = 0; i < 5; i++)
        CHECK_NEAR(y[i], expected[i], TOL_FLOAT);
}

static void every_layout_gives_what_the_plain_loop_gives(void **state)
{
    (void)state;
    static const rf_qarray shapes[] = { { 1, 1, 1 },    { 3, 1, 7000 }, { 5, 3, 1 },
                                        { 1, 70, 9 },   { 7, 130, 1 },  { 2, 5, 3000 },
                                        { 9, 5000, 1 }, { 1, 1, 40000 } };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        const rf_qarray a = shapes[k];
        const int64_t n = a.outer * a.channels * a.inner;
        for (int bitwidth = 2; bitwidth <= 16; bitwidth += 7) {
            const rf_qspec spec = { .bitwidth = bitwidth,
                                    .symmetric = k & 1,
                                    .grid = RF_GRID_LEARNED };
            float *x = malloc((size_t)n * sizeof *x), *y = malloc((size_t)n * sizeof *y);
            float *scale = malloc((size_t)a.channels * sizeof *scale);
            int32_t *offset = malloc((size_t)a.channels * sizeof *offset);
            fill(x, n);
            for (int64_t c = 0; c < a.channels; c++)
                rf_scale_offset(&spec, -0.5f - 0.01f * (float)(c % 50),
                                1.0f + 0.02f * (float)(c % 31), &scale[c], &offset[c]);
            rf_fakequant_forward(&spec, &a, scale, offset, x, y);
            for (int64_t i = 0; i < n; i++) {
                const int64_t c = i / a.inner % a.channels;
                assert_true(y[i] == reference(&spec, x[i], scale[c], offset[c]));
            }
            rf_fakequant_forward(&spec, &a, scale, offset, x, x); /* in place */
            assert_memory_equal(x, y, (size_t)n * sizeof *x);
            free(x);
            free(y);
            free(scale);
            free(offset);
        }
    }
}

static void codes_and_back_equal_the_forward_pass(void **state)
{
    (void)state;
    enum { N = 5000 };
    static float x[N], y[N], z[N];
    static uint8_t q8[N];
    static uint16_t q16[N];
    const rf_qarray a = { 1, 1, N };
    rf_qspec spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED };
    float scale;
    int32_t offset;
    fill(x, N);
    rf_scale_offset(&spec, -1.1f, 1.9f, &scale, &offset);
    rf_fakequant_forward(&spec, &a, &scale, &offset, x, y);
    rf_quantize_u8(&spec, &a, &scale, &offset, x, q8);
    rf_dequantize_u8(&a, &scale, &offset, q8, z);
    assert_memory_equal(y, z, sizeof y);

    spec.bitwidth = 16;
    rf_scale_offset(&spec, -1.1f, 1.9f, &scale, &offset);
    rf_fakequant_forward(&spec, &a, &scale, &offset, x, y);
    rf_quantize_u16(&spec, &a, &scale, &offset, x, q16);
    for (int i = 0; i < N; i++)
        assert_true(y[i] == (float)((int32_t)q16[i] + offset) * scale);
}

static void nan_stays_nan_and_its_code_is_that_of_zero(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED };
    const rf_qarray a = { 1, 1, 3 };
    const float x[3] = { NAN, INFINITY, -INFINITY };
    float scale, y[3];
    int32_t offset;
    uint8_t q[3];
    rf_scale_offset(&spec, -1.0f, 2.0f, &scale, &offset);
    rf_fakequant_forward(&spec, &a, &scale, &offset, x, y);
    assert_true(isnan(y[0]));
    CHECK_NEAR(y[1], 2.0, TOL_FLOAT);
    CHECK_NEAR(y[2], -1.0, TOL_FLOAT);
    rf_quantize_u8(&spec, &a, &scale, &offset, x, q);
    assert_int_equal(q[0], 85);
    assert_int_equal(q[1], 255);
    assert_int_equal(q[2], 0);
}

static void a_static_tie_goes_away_from_zero_per_tensor_and_to_even_per_channel(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 4, .grid = RF_GRID_STATIC };
    const float x[2] = { 2.5f, 2.5f }, scale[2] = { 1.0f, 1.0f };
    const int32_t offset[2] = { 0, 0 };
    float y[2];
    rf_fakequant_forward(&spec, &(rf_qarray){ 1, 1, 2 }, scale, offset, x, y);
    assert_true(y[0] == 3.0f && y[1] == 3.0f);
    rf_fakequant_forward(&spec, &(rf_qarray){ 1, 2, 1 }, scale, offset, x, y);
    assert_true(y[0] == 2.0f && y[1] == 2.0f);
}

static void thirty_two_bits_pass_through(void **state)
{
    (void)state;
    const rf_qspec spec = { .bitwidth = 32 };
    const float x[2] = { 0.123f, -7.0f };
    float y[2];
    rf_fakequant_forward(&spec, &(rf_qarray){ 1, 1, 2 }, NULL, NULL, x, y);
    assert_memory_equal(x, y, sizeof x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_asymmetric_values_match_the_formulas),
        cmocka_unit_test(learned_symmetric_values_match_the_formulas),
        cmocka_unit_test(every_layout_gives_what_the_plain_loop_gives),
        cmocka_unit_test(codes_and_back_equal_the_forward_pass),
        cmocka_unit_test(nan_stays_nan_and_its_code_is_that_of_zero),
        cmocka_unit_test(a_static_tie_goes_away_from_zero_per_tensor_and_to_even_per_channel),
        cmocka_unit_test(thirty_two_bits_pass_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
