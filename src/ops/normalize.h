/*
 * y = (x - mean) * slope * scale + bias, slope = 1 / sqrt(variance + epsilon), with mean and variance
 * of each sample taken over some of its dims: what Instance-, Layer- and GroupNormalization and
 * MeanVarianceNormalization share. Any layout.
 */
#ifndef RF_OPS_NORMALIZE_H
#define RF_OPS_NORMALIZE_H

#include "ops/op_util.h"

/* What a node asks for. */
typedef struct rf_normal {
    int64_t groups;             /* dim 1 is seen as [groups, channels / groups]; 0: as it is */
    bool averaged[RF_MAX_RANK]; /* dims of x, as it is seen, that mean and variance run over */
    rf_view scale, bias;        /* broadcast to x, as it is seen; data NULL: none */
    rf_view diff_scale, diff_bias;
    double epsilon;
    bool on_deviation; /* epsilon is added to the deviation, not to the variance */
} rf_normal;

/* The operator's rule. */
typedef struct rf_normalization {
    void (*describe)(const rf_step *s, rf_normal *out);
} rf_normalization;

/* Inputs 1 and 2 are vectors of `length`, for x of `channels`: names the fault otherwise. */
rf_status rf_normal_check_vectors(const rf_inference *io, int64_t length);
/* A vector along dim 1 as a view that broadcasts: [length, 1...] with `ones` dims of 1. */
rf_view rf_normal_vector(const rf_view *v, int ones);
/* The same of a vector that has an element a channel where channels are seen in groups. */
rf_view rf_normal_grouped_vector(const rf_view *v, int64_t groups, int ones);

rf_status rf_normal_prepare(rf_step *s);
rf_status rf_normal_forward(rf_step *s);
rf_status rf_normal_backward(rf_step *s);

#endif
