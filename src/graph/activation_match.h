/*
 * Activations that exporters spell out: SiLU as x Sigmoid(x), hard-swish, Mish, Gelu. They are one
 * function of one tensor: one operator runs them, and nothing in them is quantized.
 */
#ifndef RF_GRAPH_ACTIVATION_MATCH_H
#define RF_GRAPH_ACTIVATION_MATCH_H

#include "graph/graph.h"

#define RF_ACTIVATION_NODES 8

typedef struct rf_activation {
    const char *op_type; /* ONNX's operator that computes the same of `input` alone */
    rf_value *input;
    rf_node *inner[RF_ACTIVATION_NODES]; /* the nodes before the last; nobody else reads them */
    int inner_count;
} rf_activation;

/* Whether `last` ends such an activation. */
bool rf_activation_match(const rf_node *last, rf_activation *out);
/* Whether n is part of one, but not its last node. */
bool rf_activation_has_inner(const rf_node *n);

#endif
