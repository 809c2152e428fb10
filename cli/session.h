/* What a command has at hand: context, messages, progress, interruption. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stdio.h>

#include <refold/refold.h>

#include "options.h"

#define CLI_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))

struct cli_json;

typedef struct cli_session {
    const cli_command *command;
    const cli_options *options;
    bool channels_last; /* arrays of inputs lay so; outputs go back the same way */
    rf_context *ctx;
    FILE *log;     /* --log, or NULL */
    int log_error; /* errno of the first line that it lost, or 0 */
    double start;  /* seconds of the monotonic clock */
    bool terminal; /* standard error is one that can redraw a line */
    bool colour;
    bool bar_shown;   /* a progress bar stands on the current line */
    double last_line; /* when progress was last printed without a terminal */
    const char *step; /* "2/6 train" in front of progress, or NULL */
} cli_session;

int cli_session_open(cli_session *session, const cli_command *command, const cli_options *options);
/* Gives the exit code: `code`, or that of a log that could not be written. */
int cli_session_close(cli_session *session, int code);

/* Report the context's message and give the exit code that belongs to `status`. */
int cli_fail(cli_session *session, rf_status status);
/* Report a failure of the program itself. */
int cli_error(cli_session *session, int exit_code, const char *format, ...) CLI_PRINTF(3, 4);
/* Wrong usage, also before there is a session; command may be NULL. Gives 2. */
int cli_usage_error(const cli_command *command, const char *format, ...) CLI_PRINTF(2, 3);
/* A line on standard error; not with --quiet. */
void cli_note(cli_session *session, const char *format, ...) CLI_PRINTF(2, 3);
void cli_warn(cli_session *session, const char *format, ...) CLI_PRINTF(2, 3);

/* A line of --log: false, and nothing begun, without one. Fields may follow until the end. */
bool cli_log_begin(cli_session *session, struct cli_json *line, const char *event);
void cli_log_end(cli_session *session, struct cli_json *line);

bool cli_interrupted(void);
double cli_seconds(void);

/* Progress as the library reports it: a bar on a terminal, a line every few seconds elsewhere. */
void cli_progress_show(cli_session *session, const rf_progress *progress);
void cli_progress_clear(cli_session *session);

#endif
