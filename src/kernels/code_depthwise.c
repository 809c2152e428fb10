/*
 * Depthwise convolutions on codes: pairs of cells of 16 channels, as products of 16 bits added in 32. They wait for memory more
 * than for multiplications, so nothing shorter is worth its limits.
 */
#include <string.h>

#include "base/compiler.h"
#include "kernels/code_conv_parts.h"

enum { HALF = BLOCK / 2, TOGETHER = 3 };

/* Where unpacking the low (0) and high (1) halves of two vectors leaves channel `lane`. */
static int channel_of(int half, int lane)
{
    return lane / 4 * HALF + half * 4 + lane % 4;
}

static void place_pair(const int8_t *weights, int64_t area, int64_t channels, int64_t cell,
                       int16_t *to)
{
    for (int half = 0; half < 2; half++)
        for (int lane = 0; lane < HALF; lane++)
            for (int i = 0; i < 2; i++) {
                const int channel = channel_of(half, lane);
                *to++ =
                    channel < channels && cell + i < area ? weights[channel * area + cell + i] : 0;
            }
}

void rf_code_pack_depthwise(const rf_code_conv *c, const rf_code_walk *w, const int8_t *weights,
                            int32_t zero_point, int64_t index, rf_code_block *block)
{
    const int64_t area = c->kernel[0] * c->kernel[1], channels = c->oc - index * BLOCK;
    const int8_t *first = weights + index * BLOCK * area;
    for (int64_t s = 0; s < w->steps; s++)
        place_pair(first, area, channels, 2 * s, (int16_t *)(block->weights + s * STEP_BYTES));
    for (int64_t i = 0; i < 2 * w->steps; i++) { /* an odd last cell has a partner of weights 0 */
        const int64_t cell = i < area ? i : 0, y = cell / c->kernel[1], x = cell % c->kernel[1];
        block->at[i] = (int32_t)(y * c->dilation[0] * w->row_bytes + x * c->dilation[1] * c->ic +
                                 index * BLOCK);
    }
    for (int j = 0; j < BLOCK; j++) {
        int32_t sum = 0;
        for (int64_t cell = 0; cell < area && j < channels; cell++)
            sum += first[j * area + cell];
        block->start[j] = (int32_t)(0u - (uint32_t)zero_point * (uint32_t)sum);
    }
    block->runs[0] = (int32_t)w->steps;
    block->runs[1] = 0;
}

static void pixel_plain(const uint8_t *pixel, const rf_code_block *b, int32_t *dst)
{
    memcpy(dst, b->start, BLOCK * sizeof *dst);
    for (int32_t s = 0; s < b->runs[0]; s++) {
        const int16_t *w = (const int16_t *)(b->weights + (int64_t)s * STEP_BYTES);
        for (int i = 0; i < 2 * BLOCK; i++) {
            const int channel = channel_of(i / BLOCK, i % BLOCK / 2);
            dst[channel] += pixel[b->at[2 * s + i % 2] + channel] * w[i];
        }
    }
}

void rf_code_depthwise_plain(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                             int64_t stride)
{
    for (int p = 0; p < TILE_PIXELS; p++)
        pixel_plain(pixels[p], b, dst + p * stride);
}

#ifdef RF_TARGET_AVX2
#include <immintrin.h>

RF_TARGET_AVX2 static inline __m256i sixteen_codes(const uint8_t *at)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)at));
}

/* Three pixels share what is loaded for each pair of cells. */
RF_TARGET_AVX2 static inline void three_pixels(const uint8_t *const *pixels, const rf_code_block *b,
                                               int32_t *dst, int64_t stride)
{
    const __m256i *w = (const __m256i *)b->weights, *start = (const __m256i *)b->start;
    const uint8_t *from[TOGETHER] = { pixels[0], pixels[1], pixels[2] };
    __m256i low[TOGETHER], high[TOGETHER];
#pragma GCC unroll 3
    for (int p = 0; p < TOGETHER; p++)
        low[p] = high[p] = _mm256_setzero_si256();
    for (const int32_t *at = b->at, *end = at + 2 * (int64_t)b->runs[0]; at < end;
         at += 2, w += 2) {
        const int64_t first = at[0], second = at[1];
#pragma GCC unroll 3
        for (int p = 0; p < TOGETHER; p++) {
            const __m256i one = sixteen_codes(from[p] + first);
            const __m256i two = sixteen_codes(from[p] + second);
            const __m256i below = _mm256_unpacklo_epi16(one, two);
            const __m256i above = _mm256_unpackhi_epi16(one, two);
            low[p] = _mm256_add_epi32(low[p], _mm256_madd_epi16(below, w[0]));
            high[p] = _mm256_add_epi32(high[p], _mm256_madd_epi16(above, w[1]));
        }
    }
#pragma GCC unroll 3
    for (int p = 0; p < TOGETHER; p++) {
        const __m256i first = _mm256_permute2x128_si256(low[p], high[p], 0x20);
        const __m256i second = _mm256_permute2x128_si256(low[p], high[p], 0x31);
        __m256i *to = (__m256i *)(dst + p * stride);
        _mm256_storeu_si256(to, _mm256_add_epi32(first, start[0]));
        _mm256_storeu_si256(to + 1, _mm256_add_epi32(second, start[1]));
    }
}

RF_TARGET_AVX2 void rf_code_depthwise_avx2(const uint8_t *const *pixels, const rf_code_block *b,
                                           int32_t *dst, int64_t stride)
{
    for (int p = 0; p < TILE_PIXELS; p++)
        RF_WILL_WRITE(dst + (p + TILE_PIXELS) * stride);
    for (int p = 0; p < TILE_PIXELS; p += TOGETHER)
        three_pixels(pixels + p, b, dst + p * stride, stride);
}
#else
void rf_code_depthwise_avx2(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                            int64_t stride)
{
    rf_code_depthwise_plain(pixels, b, dst, stride);
}
#endif
