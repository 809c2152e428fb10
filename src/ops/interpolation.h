/* Resampling by nearest neighbours, linear or cubic interpolation, and the gradient. */
#ifndef RF_OPS_INTERPOLATION_H
#define RF_OPS_INTERPOLATION_H

#include "ops/sampling.h"

/*
 * The three functions of Resize and Upsample, for input 0 and output 0. The state (freed by
 * rf_step_free_state) has a map of indices for mode nearest, weights for the others.
 */
rf_status rf_sampling_prepare(rf_step *s, const rf_sampling *sampling);
rf_status rf_sampling_forward(rf_step *s);
rf_status rf_sampling_backward(rf_step *s);

#endif
