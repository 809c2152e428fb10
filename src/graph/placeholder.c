typedef int rf_placeholder_graph;
