/* What a group's functions mean for one process alone, and the way to those of several. */
#include "base/group.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

int rf_distributed_rank(const rf_context *ctx)
{
    const rf_group *group = rf_context_group(ctx);
    return group ? group->rank : 0;
}

int rf_distributed_size(const rf_context *ctx)
{
    const rf_group *group = rf_context_group(ctx);
    return group ? group->size : 1;
}

rf_group_traffic rf_group_traffic_so_far(const rf_context *ctx)
{
    const rf_group *group = rf_context_group(ctx);
    return group ? group->traffic : (rf_group_traffic){ 0 };
}

rf_status rf_group_gather(rf_context *ctx, const void *mine, size_t bytes, void *all)
{
    rf_group *group = rf_context_group(ctx);
    if (group)
        return group->ops->gather(group, mine, bytes, all);
    memcpy(all, mine, bytes);
    return RF_OK;
}

rf_status rf_group_share(rf_context *ctx, void *data, size_t bytes)
{
    rf_group *group = rf_context_group(ctx);
    return group ? group->ops->share(group, data, bytes) : RF_OK;
}

rf_status rf_group_sum(rf_context *ctx, double *values, int64_t count)
{
    rf_group *group = rf_context_group(ctx);
    return group ? group->ops->sum(group, values, count) : RF_OK;
}

/* How one rank fared. */
typedef struct outcome {
    rf_status status;
    char message[900];
} outcome;

rf_status rf_group_agree(rf_context *ctx, rf_status mine)
{
    const int size = rf_distributed_size(ctx);
    outcome here = { .status = mine };
    if (size == 1)
        return mine;
    snprintf(here.message, sizeof here.message, "%s", mine ? rf_context_message(ctx) : "");
    outcome *all = rf_calloc(ctx, (size_t)size, sizeof *all);
    if (!all)
        return RF_ENOMEM;
    rf_status st = rf_group_gather(ctx, &here, sizeof here, all);
    for (int r = 0; !st && r < size; r++)
        if (all[r].status)
            st = rf_fail(ctx, all[r].status, "rank %d: %s", r, all[r].message);
    rf_free(ctx, all);
    return st;
}

rf_status rf_group_check_interrupt(rf_context *ctx)
{
    double asked = rf_interrupted(ctx) ? 1.0 : 0.0;
    RF_TRY(rf_group_sum(ctx, &asked, 1));
    if (asked > 0.0)
        rf_context_interrupt(ctx);
    return rf_check_interrupt(ctx);
}

rf_status rf_group_begin_sum(rf_context *ctx, float *values, int64_t count)
{
    rf_group *group = rf_context_group(ctx);
    return group ? group->ops->begin_sum(group, values, count) : RF_OK;
}

void rf_group_progress(rf_context *ctx)
{
    rf_group *group = rf_context_group(ctx);
    if (group)
        group->ops->progress(group);
}

rf_status rf_group_end_sums(rf_context *ctx)
{
    rf_group *group = rf_context_group(ctx);
    return group ? group->ops->end_sums(group) : RF_OK;
}
