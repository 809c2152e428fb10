/* CHECKPOINT.curves: every step and epoch of a training as a line, for the run that resumes it. */
#ifndef CLI_CURVE_FILE_H
#define CLI_CURVE_FILE_H

#include <stdio.h>

#include <refold/refold.h>

/* Owned; NULL: out of memory. */
char *cli_curve_path(const char *checkpoint);
/* Calls `each` in the order of the file, as far as it is whole; no file is no event. */
void cli_curve_read(const char *path, void (*each)(void *user, const rf_train_event *event),
                    void *user);
/* A new file with two lists of earlier events, to be added to; NULL: it could not be written. */
FILE *cli_curve_begin(const char *path, const rf_train_event *const *lists, const int64_t *counts);
bool cli_curve_add(FILE *file, const rf_train_event *event);

#endif
