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
/* Whether all ranks end with this code, or there is one process only. */
bool cli_processes_share(const cli_session *session, int code);
/* Whether this rank is to tell of a failure. One that all have is rank 0's to tell, which ends the job meanwhile. */
bool cli_processes_may_report(const cli_session *session, int code);

#endif
