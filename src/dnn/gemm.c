/* Matrix product with oneDNN's sgemm, and the version of the library. */
#include "dnn/dnn.h"

#include <oneapi/dnnl/dnnl.h>

#include "base/profile.h"

rf_status rf_dnn_gemm(rf_context *ctx, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                      int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m < 1 || n < 1)
        return RF_OK;
    rf_use_threads(ctx);
    const rf_step_part before = rf_profile_enter(ctx, RF_PART_MATRIX_PRODUCTS);
    const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n,
                                            k, alpha, a, lda, b, ldb, beta, c, ldc);
    rf_profile_enter(ctx, before);
    if (status == dnnl_out_of_memory)
        return rf_fail(ctx, RF_ENOMEM, "out of memory in a matrix product of %lld x %lld x %lld",
                       (long long)m, (long long)n, (long long)k);
    if (status != dnnl_success)
        return rf_fail(ctx, RF_EINTERNAL, "oneDNN refuses a matrix product of %lld x %lld x %lld",
                       (long long)m, (long long)n, (long long)k);
    return RF_OK;
}

/* The headers' version: the soname pins the major and minor number of what is linked. */
#define TEXT(x) #x
#define JOIN(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *rf_dnn_version(void)
{
    return JOIN(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
}
