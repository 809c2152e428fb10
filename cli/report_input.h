/* A folder that `run` wrote, or a single simulation, as what the report is made from. */
#ifndef CLI_REPORT_INPUT_H
#define CLI_REPORT_INPUT_H

#include "session.h"

typedef struct cli_report_source {
    const char *path;    /* the folder, or the file of a simulation */
    const char *summary; /* JSON of the run; NULL: summary.json of the folder, if it is there */
    const rf_dataset *dataset; /* to measure on, or NULL */
} cli_report_source;

/* Gives an exit code. */
int cli_report_make(cli_session *session, const cli_report_source *source, rf_report **out);
bool cli_is_folder(const char *path);
/* The simulation that the report is about: the furthest of a folder, or the file itself. Owned; NULL: there is none. */
char *cli_report_subject(const char *path);

#endif
