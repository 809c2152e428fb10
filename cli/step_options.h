/* The steps' option structs, filled from the command line: single commands and `run` share them. */
#ifndef CLI_STEP_OPTIONS_H
#define CLI_STEP_OPTIONS_H

#include <refold/refold.h>

#include "json_writer.h"
#include "session.h"

rf_sim_options cli_sim_options(const cli_options *options);
rf_calibrate_options cli_calibrate_options(const cli_options *options);
rf_train_options cli_train_options(const cli_options *options, const rf_dataset *validation);
rf_reestimate_options cli_reestimate_options(const cli_options *options);
rf_export_options cli_export_options(const cli_options *options);

/* What no single option can say: gives an exit code. */
int cli_train_check(cli_session *session);
int cli_sim_check(cli_session *session);

/* Sizes and rates as several commands print them. */
void cli_json_accuracy(cli_json *json, const char *key, const rf_accuracy *accuracy);
void cli_json_fold(cli_json *json, const rf_fold_report *report);
/* 5 and a message when --min-top1 is missed. */
int cli_check_gate(cli_session *session, double top1);
/* Largest code difference over all folded layers. */
int64_t cli_fold_difference(const rf_fold_report *report);

#endif
