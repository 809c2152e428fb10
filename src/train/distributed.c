/*
 * The processes of an MPI job: the only file that calls MPI. Every wait has a deadline, behind which it is found out who
 * did not come, so that a rank that hangs ends the job with its name.
 */
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/group.h"
#include "base/status.h"
#include "base/vec.h"

#define HERE_TAG 77           /* "I am here", sent when a deadline has passed */
#define ROLL_CALL_SECONDS 3.0 /* that others have to answer it */
#define MAX_COUNT (1 << 30)   /* elements of one call: MPI counts in int */

typedef struct mpi_group {
    rf_group group;
    MPI_Comm comm, roll_call;
    double timeout;
    RF_VEC(MPI_Request) sums;
} mpi_group;

static mpi_group *mpi(rf_group *group)
{
    return (mpi_group *)group;
}

static rf_status check(rf_group *g, int code, const char *what)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (code == MPI_SUCCESS)
        return RF_OK;
    MPI_Error_string(code, text, &length);
    return rf_fail(g->ctx, RF_EIO, "MPI: %s failed: %s", what, text);
}

/* ---- deadlines ---- */

/* Ask who is there; the missing ones are those that neither compute their way to here nor answer. */
static void call_the_roll(mpi_group *m, char *text, size_t size)
{
    const int ranks = m->group.size;
    const double end = rf_clock_seconds() + ROLL_CALL_SECONDS;
    bool *here = rf_calloc(m->group.ctx, (size_t)ranks, sizeof *here);
    size_t used = 0;
    text[0] = 0;
    if (!here)
        return;
    here[m->group.rank] = true;
    for (int r = 0; r < ranks; r++) {
        MPI_Request ignored;
        if (r != m->group.rank &&
            MPI_Isend(NULL, 0, MPI_BYTE, r, HERE_TAG, m->roll_call, &ignored) == MPI_SUCCESS)
            MPI_Request_free(&ignored);
    }
    while (rf_clock_seconds() < end) {
        int found = 0;
        MPI_Status status;
        if (MPI_Iprobe(MPI_ANY_SOURCE, HERE_TAG, m->roll_call, &found, &status) == MPI_SUCCESS &&
            found) {
            MPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, HERE_TAG, m->roll_call,
                     MPI_STATUS_IGNORE);
            here[status.MPI_SOURCE] = true;
        }
        sched_yield();
    }
    for (int r = 0; r < ranks && used + 16 < size; r++)
        if (!here[r])
            used += (size_t)snprintf(text + used, size - used, "%s%d", used ? ", " : "", r);
    rf_free(m->group.ctx, here);
}

static rf_status fail_late(mpi_group *m)
{
    char missing[256];
    call_the_roll(m, missing, sizeof missing);
    return rf_fail(m->group.ctx, RF_EIO,
                   "rank %s of %d has not answered for %g s: the job ends here (--mpi-timeout sets "
                   "the time); checkpoints stay as they are",
                   missing[0] ? missing : "?", m->group.size, m->timeout);
}

/* Spins shortly, then lets others have the core: ranks may be more than cores. */
static rf_status await(mpi_group *m, MPI_Request *request)
{
    const double start = rf_clock_seconds();
    int done = 0;
    rf_status st = RF_OK;
    for (int64_t turn = 0; !st; turn++) {
        st = check(&m->group, MPI_Test(request, &done, MPI_STATUS_IGNORE), "waiting");
        if (st || done)
            break;
        if (turn < 100)
            continue;
        sched_yield();
        if (rf_clock_seconds() - start > m->timeout)
            st = fail_late(m);
    }
    m->group.traffic.seconds += rf_clock_seconds() - start;
    return st;
}

/* ---- what a group does ---- */

static rf_status gather(rf_group *g, const void *mine, size_t bytes, void *all)
{
    mpi_group *m = mpi(g);
    MPI_Request request;
    if (bytes > MAX_COUNT)
        return rf_fail(g->ctx, RF_EARG, "%zu bytes are too many to gather at once", bytes);
    RF_TRY(check(
        g, MPI_Iallgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, m->comm, &request),
        "gathering"));
    g->traffic.bytes += (int64_t)bytes;
    return await(m, &request);
}

static rf_status share(rf_group *g, void *data, size_t bytes)
{
    mpi_group *m = mpi(g);
    unsigned char *at = data;
    while (bytes > 0) {
        const size_t part = bytes < MAX_COUNT ? bytes : MAX_COUNT;
        MPI_Request request;
        RF_TRY(check(g, MPI_Ibcast(at, (int)part, MPI_BYTE, 0, m->comm, &request), "sharing"));
        RF_TRY(await(m, &request));
        at += part;
        bytes -= part;
    }
    return RF_OK;
}

static rf_status sum(rf_group *g, double *values, int64_t count)
{
    mpi_group *m = mpi(g);
    MPI_Request request;
    RF_TRY(check(
        g, MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE, MPI_SUM, m->comm, &request),
        "summing"));
    g->traffic.bytes += count * (int64_t)sizeof(double);
    return await(m, &request);
}

static rf_status begin_sum(rf_group *g, float *values, int64_t count)
{
    mpi_group *m = mpi(g);
    while (count > 0) {
        const int64_t part = count < MAX_COUNT ? count : MAX_COUNT;
        MPI_Request request;
        RF_TRY(check(
            g,
            MPI_Iallreduce(MPI_IN_PLACE, values, (int)part, MPI_FLOAT, MPI_SUM, m->comm, &request),
            "summing"));
        RF_TRY(RF_VEC_PUSH(g->ctx, &m->sums, request));
        g->traffic.bytes += part * (int64_t)sizeof(float);
        values += part;
        count -= part;
    }
    return RF_OK;
}

static void progress(rf_group *g)
{
    mpi_group *m = mpi(g);
    int done = 0;
    if (m->sums.count > 0)
        MPI_Testall((int)m->sums.count, m->sums.items, &done, MPI_STATUSES_IGNORE);
}

static rf_status end_sums(rf_group *g)
{
    mpi_group *m = mpi(g);
    for (size_t i = 0; i < m->sums.count; i++)
        RF_TRY(await(m, &m->sums.items[i]));
    m->sums.count = 0;
    return RF_OK;
}

static const rf_group_ops ops = { .gather = gather,
                                  .share = share,
                                  .sum = sum,
                                  .begin_sum = begin_sum,
                                  .progress = progress,
                                  .end_sums = end_sums };

/* ---- joining and leaving ---- */

/* A launcher says in the environment that it started this process; without one MPI is not even initialised. */
static bool launched(void)
{
    static const char *const signs[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (getenv(signs[i]))
            return true;
    return false;
}

static rf_status join(mpi_group *m)
{
    int given = 0;
    RF_TRY(check(&m->group, MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given), "MPI_Init"));
    RF_TRY(check(&m->group, MPI_Comm_dup(MPI_COMM_WORLD, &m->comm), "MPI_Comm_dup"));
    RF_TRY(check(&m->group, MPI_Comm_dup(MPI_COMM_WORLD, &m->roll_call), "MPI_Comm_dup"));
    MPI_Comm_set_errhandler(m->comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(m->roll_call, MPI_ERRORS_RETURN);
    MPI_Comm_rank(m->comm, &m->group.rank);
    MPI_Comm_size(m->comm, &m->group.size);
    return RF_OK;
}

rf_status rf_distributed_init(rf_context *ctx, double timeout)
{
    int running = 0;
    if (!launched())
        return RF_OK;
    if (!(timeout > 0.0))
        return rf_fail(ctx, RF_EARG, "a timeout of %g s: expected more than 0", timeout);
    MPI_Initialized(&running);
    if (running)
        return rf_fail(ctx, RF_ESTATE, "this process is part of an MPI job already");
    mpi_group *m = rf_calloc(ctx, 1, sizeof *m);
    if (!m)
        return RF_ENOMEM;
    m->group = (rf_group){ .ops = &ops, .ctx = ctx, .size = 1 };
    m->timeout = timeout;
    const rf_status st = join(m);
    if (st)
        rf_free(ctx, m);
    else
        rf_context_set_group(ctx, &m->group);
    return st;
}

rf_status rf_distributed_finalize(rf_context *ctx)
{
    mpi_group *m = (mpi_group *)rf_context_group(ctx);
    MPI_Request request;
    if (!m)
        return RF_OK;
    rf_status st = check(&m->group, MPI_Ibarrier(m->comm, &request), "leaving");
    if (!st)
        st = await(m, &request);
    if (st)
        return st;
    rf_context_set_group(ctx, NULL);
    MPI_Comm_free(&m->comm);
    MPI_Comm_free(&m->roll_call);
    MPI_Finalize();
    RF_VEC_RELEASE(ctx, &m->sums);
    rf_free(ctx, m);
    return RF_OK;
}

void rf_distributed_abort(rf_context *ctx, int exit_code)
{
    const mpi_group *m = (const mpi_group *)rf_context_group(ctx);
    if (m)
        MPI_Abort(m->comm, exit_code);
}

bool rf_distributed_available(void)
{
    return true;
}
