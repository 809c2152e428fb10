/* Sums of 8-bit codes: where they are exact, and matrix products of them. */
#include <oneapi/dnnl/dnnl.h>

#include "base/context.h"
#include "dnn/dnn.h"

/*
 * The instructions that add four products in 32 bits. AVX2's own VNNI is not counted: oneDNN 2.6 uses it in some of its
 * kernels only.
 */
static bool has_vnni(void)
{
    const int vnni = dnnl_cpu_isa_avx512_core_vnni;
    return ((int)dnnl_get_effective_cpu_isa() & vnni) == vnni;
}

bool rf_dnn_int8_fits(int64_t terms, int64_t src_most, int64_t weight_most)
{
    const int64_t product = src_most * weight_most;
    return product == 0 || terms <= INT32_MAX / product;
}

bool rf_dnn_int8_is_exact(int64_t terms, int64_t src_most, int64_t weight_most)
{
    return rf_dnn_int8_fits(terms, src_most, weight_most) &&
           (has_vnni() || 2 * src_most * weight_most <= INT16_MAX);
}

const char *rf_dnn_isa_name(void)
{
    static const struct {
        int isa;
        const char *name;
    } names[] = {
        { dnnl_cpu_isa_avx512_core_amx, "AVX-512 with AMX" },
        { dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with VNNI and bfloat16" },
        { dnnl_cpu_isa_avx512_core_vnni, "AVX-512 with VNNI" },
        { dnnl_cpu_isa_avx512_core, "AVX-512" },
        { dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI" },
        { dnnl_cpu_isa_avx2, "AVX2" },
        { dnnl_cpu_isa_avx, "AVX" },
        { dnnl_cpu_isa_sse41, "SSE4.1" },
    };
    const int isa = (int)dnnl_get_effective_cpu_isa();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((isa & names[i].isa) == names[i].isa)
            return names[i].name;
    return "baseline";
}

rf_status rf_dnn_gemm_int8(rf_context *ctx, bool transpose_b, int64_t m, int64_t n, int64_t k,
                           const uint8_t *a, const int8_t *b, const int32_t *start, int32_t *c)
{
    if (m < 1 || n < 1)
        return RF_OK;
    rf_use_threads(ctx);
    const dnnl_status_t status =
        dnnl_gemm_u8s8s32('N', transpose_b ? 'T' : 'N', 'R', m, n, k, 1.0f, a, k, 0, b,
                          transpose_b ? k : n, 0, 0.0f, c, n, start);
    if (status == dnnl_out_of_memory)
        return rf_fail(ctx, RF_ENOMEM, "out of memory in a matrix product of %lld x %lld x %lld",
                       (long long)m, (long long)n, (long long)k);
    if (status != dnnl_success)
        return rf_fail(ctx, RF_EINTERNAL, "oneDNN refuses a matrix product of %lld x %lld x %lld",
                       (long long)m, (long long)n, (long long)k);
    return RF_OK;
}
