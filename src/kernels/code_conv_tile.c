/* The inner loop of convolutions on codes: one tile of pixels by one block of output channels. */
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "kernels/code_conv_parts.h"

static void add_run(const uint8_t *pixel, const int8_t *weights, const int32_t *at, int32_t steps,
                    int32_t *sums)
{
    for (int j = 0; j < BLOCK; j++)
        for (int32_t i = 0; i < steps; i++)
            for (int k = 0; k < STEP_CODES; k++)
                sums[j] += pixel[at[i] + k] * weights[(int64_t)i * STEP_BYTES + j * STEP_CODES + k];
}

void rf_code_tile_plain(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                        int64_t stride)
{
    for (int p = 0; p < TILE_PIXELS; p++) {
        int64_t first = 0;
        int32_t sums[BLOCK] = { 0 };
        for (const int32_t *run = b->runs; *run; first += abs(*run++))
            add_run(pixels[p], b->weights + first * STEP_BYTES, b->at + first, abs(*run), sums);
        for (int j = 0; j < BLOCK; j++)
            dst[p * stride + j] = b->start[j] + sums[j];
    }
}

#ifdef RF_TARGET_AVX2
#include <immintrin.h>

RF_TARGET_AVX2 static inline __m256i four_codes(const uint8_t *at)
{
    int32_t codes;
    memcpy(&codes, at, sizeof codes);
    return _mm256_set1_epi32(codes);
}

/* Lanes of 16 bits, two a channel, added to sums of 32. */
RF_TARGET_AVX2 static inline void widen(__m256i lanes, const int32_t *before, int32_t *after)
{
    const __m256i sums = _mm256_madd_epi16(lanes, _mm256_set1_epi16(1));
    const __m256i old = _mm256_loadu_si256((const __m256i *)before);
    _mm256_storeu_si256((__m256i *)after, _mm256_add_epi32(old, sums));
}

/* Two instructions for 32 products: one that multiplies and adds pairs, one that adds lanes. */
RF_TARGET_AVX2 static void tile_in_runs(const uint8_t *const *pixels, const rf_code_block *b,
                                        int32_t *dst, int64_t stride)
{
    const __m256i *w = (const __m256i *)b->weights;
    const int32_t *at = b->at;
    const uint8_t *from[TILE_PIXELS];
#pragma GCC unroll 6
    for (int p = 0; p < TILE_PIXELS; p++)
        from[p] = pixels[p];
    for (const int32_t *run = b->runs; *run; run++) {
        __m256i lanes[TILE_PIXELS][2];
#pragma GCC unroll 6
        for (int p = 0; p < TILE_PIXELS; p++)
            lanes[p][0] = lanes[p][1] = _mm256_setzero_si256();
        for (const int32_t *end = at + *run; at < end; at++, w += 2) {
            const int64_t offset = *at;
            const __m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
#pragma GCC unroll 6
            for (int p = 0; p < TILE_PIXELS; p++) {
                const __m256i codes = four_codes(from[p] + offset);
                lanes[p][0] = _mm256_add_epi16(lanes[p][0], _mm256_maddubs_epi16(codes, w0));
                lanes[p][1] = _mm256_add_epi16(lanes[p][1], _mm256_maddubs_epi16(codes, w1));
                RF_IN_ORDER(lanes[p][0], lanes[p][1]);
            }
        }
#pragma GCC unroll 6
        for (int p = 0; p < TILE_PIXELS; p++) {
            int32_t *row = dst + p * stride;
            const int32_t *before = run == b->runs ? b->start : row;
            widen(lanes[p][0], before, row);
            widen(lanes[p][1], before + BLOCK / 2, row + BLOCK / 2);
        }
    }
}

RF_TARGET_AVX2 static inline __m256i add_products(__m256i sums, __m256i codes, __m256i weights)
{
    const __m256i lanes = _mm256_maddubs_epi16(codes, weights);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(lanes, _mm256_set1_epi16(1)));
}

/* Three instructions, where runs would be short. */
RF_TARGET_AVX2 static void tile_step_by_step(const uint8_t *const *pixels, const rf_code_block *b,
                                             int32_t *dst, int64_t stride)
{
    const __m256i *w = (const __m256i *)b->weights, *start = (const __m256i *)b->start;
    const uint8_t *from[TILE_PIXELS];
    __m256i sums[TILE_PIXELS][2];
#pragma GCC unroll 6
    for (int p = 0; p < TILE_PIXELS; p++) {
        from[p] = pixels[p];
        sums[p][0] = _mm256_load_si256(start);
        sums[p][1] = _mm256_load_si256(start + 1);
    }
    for (const int32_t *at = b->at, *end = at - b->runs[0]; at < end; at++, w += 2) {
        const int64_t offset = *at;
#pragma GCC unroll 6
        for (int p = 0; p < TILE_PIXELS; p++) {
            const __m256i codes = four_codes(from[p] + offset);
            sums[p][0] = add_products(sums[p][0], codes, _mm256_load_si256(w));
            sums[p][1] = add_products(sums[p][1], codes, _mm256_load_si256(w + 1));
            RF_IN_ORDER(sums[p][0], sums[p][1]);
        }
    }
#pragma GCC unroll 6
    for (int p = 0; p < TILE_PIXELS; p++) {
        __m256i *row = (__m256i *)(dst + p * stride);
        _mm256_storeu_si256(row, sums[p][0]);
        _mm256_storeu_si256(row + 1, sums[p][1]);
    }
}

void rf_code_tile_avx2(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                       int64_t stride)
{
    /* Results larger than the cache wait for their lines, if those are not asked for a tile before. */
    for (int p = TILE_PIXELS; p < 2 * TILE_PIXELS; p++)
        RF_WILL_WRITE(dst + p * stride);
    if (b->runs[0] < 0)
        tile_step_by_step(pixels, b, dst, stride);
    else
        tile_in_runs(pixels, b, dst, stride);
}
#else
void rf_code_tile_avx2(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                       int64_t stride)
{
    rf_code_tile_plain(pixels, b, dst, stride);
}
#endif
