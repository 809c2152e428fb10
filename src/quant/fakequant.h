/*
 * Fake quantization on plain arrays, with the gradients of range learning. An array is (outer, channels, inner):
 * channels == 1 for per-tensor. `scale`, `offset`, `min`, `max` have one element a channel.
 * Forward:  r = rhe(x/scale) - offset;  q = clamp(r, 0, steps);  y = (q + offset) * scale;  mask = 0 <= r <= steps.
 * Source: AIMET v1 quantsim_straight_through_grad.py; docs/NUMERICS.md.
 */
#ifndef RF_QUANT_FAKEQUANT_H
#define RF_QUANT_FAKEQUANT_H

#include "quant/qparams.h"

typedef struct rf_qarray {
    int64_t outer, channels, inner; /* element (o, c, i) lies at (o * channels + c) * inner + i */
} rf_qarray;

/* dst may be src. NaN stays NaN. */
void rf_fakequant_forward(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                          const int32_t *offset, const float *src, float *dst);
/* Codes q as unsigned integers; bitwidth <= 8 (u8) or <= 16 (u16). NaN becomes code -offset (real 0). */
void rf_quantize_u8(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                    const int32_t *offset, const float *src, uint8_t *dst);
void rf_quantize_u16(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                     const int32_t *offset, const float *src, uint16_t *dst);
/* Codes as signed integers q + offset, of a grid whose codes fit: symmetric, or less than 8 bits. Sets has_nan[channel]
 * where a NaN became 0, and leaves it alone elsewhere. */
void rf_quantize_s8(const rf_qspec *spec, const rf_qarray *a, const float *scale,
                    const int32_t *offset, const float *src, int8_t *dst, bool *has_nan);
/* Real numbers from codes of rf_quantize_s8. */
void rf_dequantize_s8(const rf_qarray *a, const float *scale, const int8_t *src, float *dst);
/* Real numbers from sums whose last axis is the channels: dst = src * scale[c] + shift[c]; shift may be NULL. */
void rf_dequantize_sums(int64_t rows, int64_t channels, const float *scale, const float *shift,
                        const int32_t *src, float *dst);
void rf_dequantize_u8(const rf_qarray *a, const float *scale, const int32_t *offset,
                      const uint8_t *src, float *dst);

/*
 * diff_src = diff_dst * mask; diff_min and diff_max are overwritten with the gradients of the stored ends.
 * diff_src may be diff_dst or NULL; diff_min, diff_max may both be NULL. Sums run in double in a fixed order.
 */
void rf_fakequant_backward(const rf_qspec *spec, const rf_qarray *a, const float *min,
                           const float *max, const float *src, const float *diff_dst,
                           float *diff_src, float *diff_min, float *diff_max);

/*
 * The same of a per-tensor array piece by piece: gradients of pieces and their sums, which the caller adds up in an order
 * of its own, and the gradients of the ends from the total. Not for bitwidth 32.
 */
typedef struct rf_range_sums {
    double scale;   /* sum of g * d dst / d scale with the offset held */
    double outside; /* sum of g over clamped elements; times scale: d dst / d offset */
} rf_range_sums;
rf_range_sums rf_fakequant_backward_piece(const rf_qspec *spec, float min, float max,
                                          const float *src, const float *diff_dst, float *diff_src,
                                          int64_t count);
void rf_fakequant_range_gradient(const rf_qspec *spec, float min, float max,
                                 const rf_range_sums *total, float *diff_min, float *diff_max);

#endif
