/* --input [NAME=]X.npy: arrays for a model's inputs. */
#ifndef CLI_ARRAY_INPUT_H
#define CLI_ARRAY_INPUT_H

#include "session.h"

typedef rf_status (*cli_port_at)(const rf_graph *graph, int index, rf_port *out);

/* Split "NAME=FILE" where NAME is one of the graph's `count` ports; else the port is -1 and all of it is the file. */
const char *cli_split_port(const rf_graph *graph, int count, cli_port_at at, const char *text,
                           int *port_out);
/* One array for each input of `graph`, by name or, where there is one input, without; gives an exit code. Filled ones
 * are the caller's, also on failure. inputs: [rf_graph_input_count], NULL before. */
int cli_arrays_load(cli_session *session, const rf_graph *graph, rf_tensor **inputs);

#endif
