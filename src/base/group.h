/*
 * The processes of one job as the rooms see them: who of how many, and what all of them do together. A context that
 * works alone has no group, and every function here then does what is right for one. Collective: all ranks call the
 * same functions in the same order. Implemented by train/distributed.c, the only file that knows MPI.
 */
#ifndef RF_BASE_GROUP_H
#define RF_BASE_GROUP_H

#include "base/context.h"

typedef struct rf_group rf_group;

/* What has been exchanged so far. */
typedef struct rf_group_traffic {
    int64_t bytes;  /* handed by this rank to sums and gathers */
    double seconds; /* waited in them */
} rf_group_traffic;

typedef struct rf_group_ops {
    rf_status (*gather)(rf_group *group, const void *mine, size_t bytes, void *all);
    rf_status (*share)(rf_group *group, void *data, size_t bytes);
    rf_status (*sum)(rf_group *group, double *values, int64_t count);
    rf_status (*begin_sum)(rf_group *group, float *values, int64_t count);
    void (*progress)(rf_group *group);
    rf_status (*end_sums)(rf_group *group);
} rf_group_ops;

struct rf_group {
    const rf_group_ops *ops;
    rf_context *ctx;
    int rank, size;
    rf_group_traffic traffic;
};

/* base/context.c. NULL: this process works alone. The group is not owned by the context. */
rf_group *rf_context_group(const rf_context *ctx);
void rf_context_set_group(rf_context *ctx, rf_group *group);

rf_group_traffic rf_group_traffic_so_far(const rf_context *ctx);

/* The `bytes` of every rank, in rank order: all [size * bytes]. */
rf_status rf_group_gather(rf_context *ctx, const void *mine, size_t bytes, void *all);
/* What rank 0 has, to everybody. */
rf_status rf_group_share(rf_context *ctx, void *data, size_t bytes);
/* Sums over ranks, in place, the same bits on every rank. */
rf_status rf_group_sum(rf_context *ctx, double *values, int64_t count);
/*
 * Whether all came through: RF_OK, or the status and the message of the first rank that did not, with its number in front.
 */
rf_status rf_group_agree(rf_context *ctx, rf_status mine);
/* rf_check_interrupt for all: as soon as one was asked to stop, every rank is. */
rf_status rf_group_check_interrupt(rf_context *ctx);
/*
 * Sums in the background: `values` belong to the group until rf_group_end_sums, which waits for all that were
 * begun. rf_group_progress, called now and then in between, moves them on.
 */
rf_status rf_group_begin_sum(rf_context *ctx, float *values, int64_t count);
void rf_group_progress(rf_context *ctx);
rf_status rf_group_end_sums(rf_context *ctx);

#endif
