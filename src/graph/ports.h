/* What goes in and out of a graph. */
#ifndef RF_GRAPH_PORTS_H
#define RF_GRAPH_PORTS_H

#include "graph/graph.h"

/* Shape of one sample of an input: declared dims without the batch, -1 and rank -1 where they are open; RF_EARG for a scalar. */
rf_status rf_graph_sample_shape(const rf_graph *g, int input, rf_shape *out);
/* RF_ESTATE where QuantizeLinear or DequantizeLinear stand: an exported QDQ model runs, but has nothing to learn with. */
rf_status rf_graph_need_float(const rf_graph *g, const char *purpose);
/* RF_EMODEL where there are no inputs, RF_EUNSUPPORTED where one is not float32, which is all that data sets and arrays feed. */
rf_status rf_graph_need_float_inputs(const rf_graph *g);
/* The framework that the model came from has the channels of this input or output last; stands in the metadata, so that
 * every later step knows. rf_port.channels_last tells it. */
rf_status rf_graph_set_channels_last(rf_graph *g, const char *port);
/* inputs [inputs of g]: float32 [n, ...] of one n >= 1, as the graph declares them. RF_EDATA names the input. */
rf_status rf_graph_check_inputs(const rf_graph *g, const rf_tensor *const *inputs);
int64_t rf_graph_fixed_batch(const rf_graph *g); /* dim 0 where every input declares it; 0: free */

#endif
