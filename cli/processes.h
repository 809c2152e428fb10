/* The ranks of a job that mpirun started: all compute, rank 0 speaks and writes. */
#ifndef CLI_PROCESSES_H
#define CLI_PROCESSES_H

#include "session.h"

/* Join the job, if there is one. Gives an exit code. */
int cli_processes_join(cli_session *session);
/* Whether this rank has a part in the command: those that do not compute together are rank 0's alone. */
bool cli_processes_takes_part(const cli_session *session);
/* Leave with the command's exit code: together where all came through, else the job ends at once. Gives the code. */
int cli_processes_leave(cli_session *session, int code);
/* Whether this process speaks, and writes what all have computed. True for one alone. */
bool cli_speaks(const cli_session *session);
/* Before a rank tells of a fault of its own: if all have the same one, rank 0 tells it and ends the job meanwhile. */
void cli_processes_let_rank_0_speak(const cli_session *session);

#endif
