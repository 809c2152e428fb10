/* The only place for compiler extensions. */
#ifndef RF_BASE_COMPILER_H
#define RF_BASE_COMPILER_H

#define RF_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define RF_UNUSED __attribute__((unused))
#define RF_ALIGN 64 /* bytes; a cache line and an AVX-512 register */

/*
 * Compile a hot loop for several instruction sets; the loader picks one (ifunc). By feature, not by CPU model: "arch=haswell"
 * would leave AVX2 machines of other makers with the baseline. ISO C mode keeps the compiler from contracting a * b + c, so
 * all versions give the same bits. Sanitizers and ifunc do not mix.
 */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&      \
    !defined(__clang__)
#define RF_MULTIARCH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RF_MULTIARCH
#endif

#endif
