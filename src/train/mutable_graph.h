/* Running a graph that the caller holds as const. */
#ifndef RF_TRAIN_MUTABLE_GRAPH_H
#define RF_TRAIN_MUTABLE_GRAPH_H

#include "graph/graph.h"

/*
 * Plans take a graph they may change, because training does. RF_MODE_INFER changes nothing but the ranges of
 * enabled quantizers, which AIMET v1 gates in place (min <= 0 <= max) at every forward call: a fixed point after the
 * first. So inference casts const away, here and nowhere else.
 */
static inline rf_graph *rf_graph_for_inference(const rf_graph *graph)
{
    return (rf_graph *)(uintptr_t)graph;
}

#endif
