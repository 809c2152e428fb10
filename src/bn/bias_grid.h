/* Biases as an integer target adds them: whole multiples of input scale x weight scale. */
#ifndef RF_BN_BIAS_GRID_H
#define RF_BN_BIAS_GRID_H

#include "sim/sim.h"

/* The node hands on numbers of input 0 as they are, so that its outputs lie on the same grid. */
bool rf_node_moves_data(const rf_node *n);
/* The nearest code; false where the unit vanishes or the code leaves no room in int32 for the sum of products. */
bool rf_bias_code(float bias, float unit, int32_t *out);
/*
 * Round the bias of each Conv, ConvTranspose and Gemm whose input and weights have running quantizers to this grid;
 * one that does not fit stays. An integer target has no other biases. Left to the export, the errors of half a unit tip
 * sums over to the next code, and twenty layers of 4-bit weights then give another class for 8 of 1,000 images.
 */
rf_status rf_sim_snap_biases(rf_sim *sim);

#endif
