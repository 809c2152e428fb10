/* One function a command; each lives in its own cmd_*.c and returns the exit code. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"
#include "session.h"

#define CLI_EXIT_FAILED 1
#define CLI_EXIT_USAGE 2
#define CLI_EXIT_MODEL 3
#define CLI_EXIT_DATA 4
#define CLI_EXIT_GATE 5
#define CLI_EXIT_INTERRUPTED 130

int cmd_analyze(cli_session *session);
int cmd_bench(cli_session *session);
int cmd_run(cli_session *session);
int cmd_inspect(cli_session *session);
int cmd_quantize(cli_session *session);
int cmd_train(cli_session *session);
int cmd_report(cli_session *session);
int cmd_reestimate(cli_session *session);
int cmd_fold(cli_session *session);
int cmd_export(cli_session *session);
int cmd_evaluate(cli_session *session);
int cmd_infer(cli_session *session);
int cmd_compare(cli_session *session);
int cmd_encodings(cli_session *session);
int cmd_convert(cli_session *session);
int cmd_doctor(cli_session *session);
int cmd_zoo(cli_session *session);

#endif
