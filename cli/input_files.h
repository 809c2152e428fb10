/* The files that a command reads. */
#ifndef CLI_INPUT_FILES_H
#define CLI_INPUT_FILES_H

#include "session.h"

/* `path` is MODEL, or one of the files named by --data, --val, --input or --config, whatever links lead to it. */
bool cli_is_input(const cli_session *session, const char *path);

#endif
