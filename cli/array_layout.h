/* Arrays that lie channels last, brought into the model's order, and outputs brought back. */
#ifndef CLI_ARRAY_LAYOUT_H
#define CLI_ARRAY_LAYOUT_H

#include "session.h"

/*
 * Replace [n, spatial..., c] float32 by [n, c, spatial...] where --input-layout says so. Without it the model does: arrays
 * for one from Keras or TensorFlow lie as there, unless their dims fit only the model's own order. Other ranks than 3 and
 * more stay. Gives an exit code; the session remembers for outputs.
 */
int cli_array_to_model(cli_session *session, const rf_port *port, rf_tensor **tensor);
/* What an output has first goes last again where the inputs lay so, and the framework has it so. */
int cli_array_to_user(cli_session *session, const rf_port *port, rf_tensor **tensor);

#endif
