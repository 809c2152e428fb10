/* A layer and its BN on the way to becoming one layer: what both folds read, check and edit. */
#ifndef RF_BN_BN_LAYER_H
#define RF_BN_BN_LAYER_H

#include "base/arena.h"
#include "graph/bn_pairs.h"

/* BN as y = scale (x - mean) + beta, float32 as AIMET computes it. */
typedef struct rf_bn_affine {
    int64_t channels;
    float *scale; /* gamma / sqrt(var + epsilon) */
    float *mean, *beta;
} rf_bn_affine;

/*
 * *reason_out (in the arena) says why the numbers cannot be had: a parameter that is no constant, a variance that is
 * not positive; NULL when they can. Quantizers on gamma and beta that are enabled are applied.
 */
rf_status rf_bn_affine_get(rf_arena *arena, const rf_node *bn, rf_bn_affine *out,
                           const char **reason_out);

/* Why the weights cannot take a factor for each of the BN's channels; NULL when they can. In the arena or static. */
const char *rf_layer_refusal(rf_arena *arena, const rf_layer *layer, int64_t channels);

/* The layer's bias as [channels] floats, zeros where there is none. *reason_out as above. */
rf_status rf_layer_get_bias(rf_arena *arena, const rf_layer *layer, int64_t channels, float **out,
                            const char **reason_out);

/* Multiply channel c of the weights by scale[c]. */
void rf_layer_scale_weights(const rf_layer *layer, const float *scale);
/* Index of element i's channel in a dense tensor: (i / inner) % channels. */
int64_t rf_layer_channel_inner(const rf_layer *layer);

/*
 * Let the layer add bias [channels]. A bias that is the layer's alone is overwritten; else a new constant
 * "<weight without .weight>.bias" is made, and for a MatMul without Add an Add node behind `after` (the BN node).
 * *adder_out is the node whose output is the biased result.
 */
rf_status rf_layer_set_bias(rf_graph *g, const rf_layer *layer, int64_t channels, const float *bias,
                            rf_node **adder_out);
/*
 * Take out the BN and the (disabled) quantizers between it and the layer; `adder` then makes the BN's former output,
 * so that names and quantizers behind the BN stay as they are. `keep_name`: what read the BN's output reads the layer's,
 * under the layer's name, as in a file that AIMET exports; where the layer makes it and it is no output of the graph.
 */
rf_status rf_layer_replace_bn(rf_graph *g, const rf_layer *layer, rf_node *bn, rf_node *adder,
                              bool keep_name);

/* Let input `index` of n be `count` floats: in place where n is the only user, else as a new constant. */
rf_status rf_node_set_floats(rf_graph *g, rf_node *n, int index, const char *base,
                             const float *values, int64_t count);

#endif
