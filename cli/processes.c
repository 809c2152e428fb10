/* Joining and leaving an MPI job, and who speaks in it. */
#include "processes.h"

#include <time.h>

#include "commands.h"

static int rank_of(const cli_session *s)
{
    return s && s->ctx ? rf_distributed_rank(s->ctx) : 0;
}

bool cli_speaks(const cli_session *s)
{
    return rank_of(s) == 0;
}

/* All have these codes: the gate is the same number everywhere, and interruption is agreed on. */
static bool is_common(int code)
{
    return code == 0 || code == CLI_EXIT_GATE || code == CLI_EXIT_INTERRUPTED;
}

bool cli_processes_share(const cli_session *s, int code)
{
    return is_common(code) || !s->ctx || rf_distributed_size(s->ctx) == 1;
}

bool cli_processes_may_report(const cli_session *s, int code)
{
    const struct timespec while_rank_0_does = { .tv_nsec = 500 * 1000 * 1000 };
    if (cli_speaks(s))
        return true;
    if (!is_common(code))
        nanosleep(&while_rank_0_does, NULL);
    return !is_common(code);
}

int cli_processes_join(cli_session *s)
{
    const rf_status st = rf_distributed_init(s->ctx, s->options->mpi_timeout);
    if (st)
        return cli_fail(s, st);
    if (!cli_speaks(s) && !freopen("/dev/null", "we", stdout))
        return cli_error(s, CLI_EXIT_FAILED, "/dev/null cannot be opened");
    return 0;
}

bool cli_processes_takes_part(const cli_session *s)
{
    bool together = false;
    for (const cli_group *const *g = s->command->groups; *g; g++)
        together = together || *g == &cli_group_processes;
    return together || cli_speaks(s);
}

int cli_processes_leave(cli_session *s, int code)
{
    if (!s->ctx) /* refused before there was a context */
        return code;
    if (!is_common(code)) {
        fflush(NULL);
        rf_distributed_abort(s->ctx, code);
        return code;
    }
    const rf_status st = rf_distributed_finalize(s->ctx);
    if (!st)
        return code;
    const int failed = cli_fail(s, st);
    rf_distributed_abort(s->ctx, failed);
    return failed;
}
