/* --data and --val, prepared for a model's input. */
#ifndef CLI_DATA_INPUT_H
#define CLI_DATA_INPUT_H

#include "session.h"

/* A model that fixes its batch takes no other: an error where --batch asks for one. Gives an exit code. */
int cli_check_batch(cli_session *session, const rf_graph *graph);
/* The batch that every input of `graph` fixes; 0: any. */
int64_t cli_fixed_batch(const rf_graph *graph);
/* Open `spec` with the session's preprocessing, in the size that `graph` takes. Gives an exit code. */
int cli_data_open(cli_session *session, const char *spec, const rf_graph *graph, rf_dataset **out);
#endif
