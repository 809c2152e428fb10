/* What a training tells while it runs: kept as curves, and passed on to --tensorboard and --log. */
#ifndef CLI_TRAINING_RECORD_H
#define CLI_TRAINING_RECORD_H

#include "json_writer.h"
#include "session.h"

/* Start from { 0 }. */
typedef struct cli_record {
    cli_session *s;
    rf_train_event *steps, *epochs; /* owned */
    int64_t step_count, epoch_count, step_room, epoch_room;
    rf_event_file *events; /* --tensorboard, or NULL */
    char *curve_path;      /* owned; NULL: nothing is kept for a resumed run */
    FILE *curve;           /* open from the first event on */
    bool begun;
} cli_record;

/* Begin the event file, if one is wanted. Gives an exit code. */
int cli_record_open(cli_session *session, cli_record *out);
/*
 * Keep what comes beside `checkpoint`, and begin with what an interrupted run kept there where this one resumes it. What
 * cannot be written is missing from the curves of a resumed run, and nothing else.
 */
void cli_record_keep(cli_record *record, const char *checkpoint);
void cli_record_attach(cli_record *record, rf_train_options *options);
/* The training is over: what was kept is on its way to the disk. */
void cli_record_end(cli_record *record);
/* "training": curves of at most some hundred points, and every epoch; null where nothing was trained. */
void cli_json_training(cli_json *json, const char *key, const cli_record *record);
void cli_record_close(cli_record *record); /* accepts { 0 } */

#endif
