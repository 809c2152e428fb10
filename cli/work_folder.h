/* Where `run` works: OUT.partial beside OUT, which becomes OUT when all is done and keeps the training when it is cut short. */
#ifndef CLI_WORK_FOLDER_H
#define CLI_WORK_FOLDER_H

#include "session.h"

/* Start from { 0 }. */
typedef struct cli_work_folder {
    char *path;       /* the folder, owned */
    char *checkpoint; /* of the training, owned: --checkpoint, or a file in the folder */
    int lock; /* descriptor of the folder, locked; -1: a process that nobody keeps the files of */
} cli_work_folder;

/*
 * Make it, locked against another run. One that a run left behind is continued with --resume, thrown away with --force or
 * where it holds no checkpoint, and otherwise an error; --resume with other options is one too.
 */
int cli_work_begin(cli_session *session, cli_work_folder *out);
/* Give it the output's name, or move its files into the folder that stands there; the checkpoint has done its work. */
int cli_work_commit(cli_session *session, cli_work_folder *work);
/* What is not committed goes, unless a checkpoint is there to continue from: then say so. Accepts { 0 }. */
void cli_work_end(cli_session *session, cli_work_folder *work);

#endif
