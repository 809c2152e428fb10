/* Row-major matrix products, in all four orientations, with leading dimensions, alpha and beta. */
#include "testing.h"

#include "../ref/layout_ref.h"
#include "dnn/dnn.h"

enum { M = 5, N = 7, K = 9, LD = 11 };

static void check_orientation(rf_context *ctx, bool ta, bool tb, float alpha, float beta)
{
    float *a = ref_random(LD * LD, 1), *b = ref_random(LD * LD, 2);
    float *c = ref_random(LD * LD, 3), *before = ref_random(LD * LD, 3);
    CHECK_OK(ctx, rf_dnn_gemm(ctx, ta, tb, M, N, K, alpha, a, LD, b, LD, beta, c, LD));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0.0;
            for (int k = 0; k < K; k++)
                sum += (double)(ta ? a[k * LD + i] : a[i * LD + k]) *
                       (double)(tb ? b[j * LD + k] : b[k * LD + j]);
            CHECK_NEAR(c[i * LD + j], (double)alpha * sum + (double)(beta * before[i * LD + j]),
                       1e-5);
        }
    for (int i = 0; i < M; i++) /* what lies between the rows is left alone */
        assert_memory_equal(c + i * LD + N, before + i * LD + N, (LD - N) * sizeof *c);
    free(a);
    free(b);
    free(c);
    free(before);
}

static void all_orientations_match_the_sum(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    for (int i = 0; i < 4; i++) {
        check_orientation(ctx, i & 1, i & 2, 1.0f, 0.0f);
        check_orientation(ctx, i & 1, i & 2, 0.5f, 2.0f);
    }
    rf_context_free(ctx);
}

static void the_version_is_known(void **state)
{
    (void)state;
    int major = 0;
    assert_int_equal(sscanf(rf_dnn_version(), "%d.", &major), 1);
    assert_true(major >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_orientations_match_the_sum),
        cmocka_unit_test(the_version_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
