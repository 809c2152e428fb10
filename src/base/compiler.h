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

/* A function of AVX2's own instructions, and whether this CPU has them: where the loader's choice is not the one wanted. */
#ifdef __x86_64__
#define RF_TARGET_AVX2 __attribute__((target("avx2")))
#define RF_CPU_HAS_AVX2 (__builtin_cpu_supports("avx2") != 0)
/* What stands above stays in front of what stands below, and both vectors in registers. */
#define RF_IN_ORDER(a, b) __asm__ volatile("" : "+x"(a), "+x"(b) : : "memory")
#else
#define RF_CPU_HAS_AVX2 false
#endif

/* A line of the cache that will be written soon; the address need not be valid. */
#define RF_WILL_WRITE(address) __builtin_prefetch((address), /*write=*/1, /*locality=*/3)

#endif
