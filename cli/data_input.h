/* --data and --val, prepared for a model's input. */
#ifndef CLI_DATA_INPUT_H
#define CLI_DATA_INPUT_H

#include "session.h"

/* Open `spec` with the session's preprocessing, in the size that `graph` takes. Gives an exit code. */
int cli_data_open(cli_session *session, const char *spec, const rf_graph *graph, rf_dataset **out);
#endif
