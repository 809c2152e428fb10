/* The values of a command's options as JSON, for summary.json. */
#ifndef CLI_OPTION_JSON_H
#define CLI_OPTION_JSON_H

#include "json_writer.h"
#include "options.h"

/* Every option in force, given or by default, but for those that only concern the run itself. */
void cli_json_options(cli_json *json, const char *key, const cli_command *command,
                      const cli_options *options);

#endif
