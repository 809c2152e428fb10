/* MODEL of a command: a plain network, or a simulation that lies in one. */
#ifndef CLI_MODEL_INPUT_H
#define CLI_MODEL_INPUT_H

#include "session.h"

typedef struct cli_model {
    rf_graph *graph; /* the float network in the file, under its own names */
    rf_sim *sim;     /* NULL for a plain model */
} cli_model;

/* All give an exit code, with the failure reported. */
int cli_model_load(cli_session *session, cli_model *out); /* of the session's operand */
int cli_model_load_from(cli_session *session, const char *path, cli_model *out);
/* The session's operand as a plain graph, with the options of cli_group_import. */
int cli_graph_import(cli_session *session, rf_graph **out);
int cli_model_load_sim(cli_session *session, cli_model *out); /* a plain model is an error */
int cli_model_save(cli_session *session, const cli_model *model, const char *path, bool force);
const rf_graph *cli_model_graph(const cli_model *model); /* to run; quantizers included */
void cli_model_release(cli_model *model);

#endif
