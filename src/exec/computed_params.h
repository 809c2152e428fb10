/* Parameters that a graph computes from constants alone: Identity chains, reordered or normalized weights. */
#ifndef RF_EXEC_COMPUTED_PARAMS_H
#define RF_EXEC_COMPUTED_PARAMS_H

#include "graph/graph.h"

/*
 * Weights, biases and statistics that nodes make from constants become constants themselves, so that they can be
 * quantized, trained, re-estimated and folded like any other. A constant that only Identity nodes stand behind keeps its
 * name; other results have the name of the tensor that they were. The Transpose of a matrix stays: layers are recognized
 * through it. Parameters that an operator unknown to refold makes stay as they are.
 */
rf_status rf_graph_compute_params(rf_graph *g);

#endif
