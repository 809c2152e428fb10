/* --data and --val, prepared for a model's input. */
#ifndef CLI_DATA_INPUT_H
#define CLI_DATA_INPUT_H

#include "session.h"

/* Open `spec` with the session's preprocessing, in the size that `graph` takes. Gives an exit code. */
int cli_data_open(cli_session *session, const char *spec, const rf_graph *graph, rf_dataset **out);
/* Whether --augment asks for something; the preset's own is not known here. */
bool cli_data_augments(const cli_options *options);
/* Whether `spec` names arrays, which are taken as they are. */
bool cli_data_is_arrays(const char *spec);

#endif
