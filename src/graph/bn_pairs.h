/*
 * Which BatchNormalization belongs to which layer: the pair search of the fold, used by the placement of
 * quantizers, the negative-gamma rewrite, inspect and the folds. FakeQuant nodes (domain "refold") between a
 * layer and its BN or on its weights are looked through, so that it works on float graphs and simulations alike.
 * Source: AIMET batch_norm_fold.py, find_all_batch_norms_to_fold.
 */
#ifndef RF_GRAPH_BN_PAIRS_H
#define RF_GRAPH_BN_PAIRS_H

#include "graph/graph.h"

typedef enum rf_bn_kind {
    RF_BN_BACKWARD, /* layer -> BN: folds into the layer before it */
    RF_BN_FORWARD, /* BN -> layer: reported; folded only to weight and only where exact (no padding) */
    RF_BN_STANDALONE /* neither; stays as a multiply-add */
} rf_bn_kind;

typedef struct rf_bn_pair {
    rf_node *bn;
    rf_node *layer; /* NULL for stand-alone */
    rf_bn_kind kind;
    const char *
        reason; /* why not RF_BN_BACKWARD; static or in the graph's arena; NULL for backward pairs */
    int channel_axis; /* axis of the layer's weight that holds the BN's channels; Conv 0, ConvTranspose 1, Gemm transB 0 else 1, MatMul 1 (last) */
} rf_bn_pair;

typedef RF_VEC(rf_bn_pair) rf_bn_pairs;

/* One entry for each BN node, in graph order. Release with RF_VEC_RELEASE. */
rf_status rf_bn_pairs_find(rf_graph *g, rf_bn_pairs *out);
/* Why this BN cannot go into the scale of the layer before it, NULL where it can: beside `reason`, a ConvTranspose with
 * groups, no axis of whose weight holds a range for each output channel. */
const char *rf_bn_pair_stays(const rf_bn_pair *pair);

/*
 * A linear layer as exporters write it: Conv, ConvTranspose, Gemm, MatMul with a constant right side, or
 * MatMul -> Add(constant vector). Describes where weight and bias are. RF_OK with *is_layer_out = false otherwise.
 */
typedef struct rf_layer {
    rf_node *node;      /* Conv, ConvTranspose, Gemm or MatMul */
    rf_node *bias_node; /* the Add behind a MatMul; NULL: bias is input 2 of node */
    rf_value *weight;   /* the constant itself, behind FakeQuant and constant Transpose nodes */
    rf_node *
        transpose; /* Transpose between weight and node (PyTorch's bias-less Linear); NULL mostly */
    rf_value *bias;   /* constant or NULL */
    rf_value *output; /* of bias_node or node */
    int channel_axis; /* output channels, in `weight` as stored */
    int64_t groups;
} rf_layer;
bool rf_layer_match(rf_node *n, rf_layer *out);
/* v itself, or what a chain of FakeQuant nodes in front of it reads. */
rf_value *rf_skip_fakequant(rf_value *v);

#endif
