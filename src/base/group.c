/* What a group's functions mean for one process alone, and the way to those of several. */
#include "base/group.h"

#include <string.h>

int rf_group_rank(const rf_context *ctx)
{
    const rf_group *group = rf_context_group(ctx);
    return group ? group->rank : 0;
}

int rf_group_size(const rf_context *ctx)
{
    const rf_group *group = rf_context_group(ctx);
    return group ? group->size : 1;
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
