/* Copies of graphs. */
#ifndef RF_GRAPH_COPY_H
#define RF_GRAPH_COPY_H

#include "graph/graph.h"

/* A deep copy that shares nothing but the reader's origin. */
rf_status rf_graph_clone(const rf_graph *g, rf_graph **out);
/* A copy to look at and to edit, on the constants of `g`, which must outlive it and which nobody writes through it. */
rf_status rf_graph_outline(const rf_graph *g, rf_graph **out);
/* Take out nodes of `op_type` in `domain` that stand between one input 0 and one output 0, joining input to consumers. */
rf_status rf_graph_strip(rf_graph *g, const char *op_type, const char *domain);

#endif
