/*
 * Ranges and grids: min/max <-> scale/offset, for every generation of AIMET's arithmetic. Number work, no graph.
 * Convention: real = scale * (q + offset), q in [0, steps], offset <= 0. Source: AIMET, quantization_utils.cpp and
 * v1 LearnedGridTensorQuantizer; docs/NUMERICS.md.
 */
#ifndef RF_QUANT_QPARAMS_H
#define RF_QUANT_QPARAMS_H

#include "base/status.h"

/* How a quantizer rounds and what its gradient is. */
typedef enum rf_grid {
    RF_GRID_LEARNED, /* v1 range learning: half to even on x/scale, then minus offset */
    RF_GRID_STATIC, /* v1 post-training (C++): clamp, then half away from zero on x/scale - offset */
    RF_GRID_V2      /* AIMET v2: two independent ends, symmetric scale (max-min)/steps */
} rf_grid;

/* What a quantizer is, apart from its range. */
typedef struct rf_qspec {
    int bitwidth; /* 2..16; 32: passes through */
    bool symmetric, strict, is_unsigned;
    rf_grid grid;
} rf_qspec;

/* A range on its integer grid. */
typedef struct rf_encoding {
    double min, max, scale;
    int64_t offset;
} rf_encoding;

#define RF_GATE_EPSILON 1e-5f /* smallest range that gating leaves */
#define RF_MIN_RANGE 0.01     /* smallest range an analyzer reports */

int64_t rf_qspec_steps(const rf_qspec *spec); /* 2^bw - 1, one less where symmetric and strict */
/* Computed encodings of an observed range (semantics: getComputedEncodings). */
rf_encoding rf_encoding_of_range(const rf_qspec *spec, double min, double max);
/* Gate in place: min <= 0, max >= 0, max >= min + 1e-5. */
void rf_gate(float *min, float *max);
/* Scale and offset the quantizer runs with, from its stored ends, in float32 as AIMET computes them. */
void rf_scale_offset(const rf_qspec *spec, float min, float max, float *scale_out,
                     int32_t *offset_out);
/* What is exported: v1 learned symmetric has min = stored min - scale; asymmetric ends are snapped to the grid. */
rf_encoding rf_effective_encoding(const rf_qspec *spec, float min, float max);

#endif
