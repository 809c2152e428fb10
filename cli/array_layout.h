/* Arrays that lie channels last, brought into the model's order. */
#ifndef CLI_ARRAY_LAYOUT_H
#define CLI_ARRAY_LAYOUT_H

#include "session.h"

/* Replace [n, spatial..., c] float32 by [n, c, spatial...]; other ranks than 3 and more stay. Gives an exit code. */
int cli_channels_first(cli_session *session, rf_tensor **tensor);

#endif
