/* The clock that is handed from part to part of a step. */
#include "base/profile.h"

#include "base/clock.h"

static const struct {
    const char *key, *text;
} names[RF_PART_COUNT] = {
#define PART_NAME(name, value, key, text) [value] = { key, text },
    RF_PART_MAP(PART_NAME)
#undef PART_NAME
};

const char *rf_part_key(rf_step_part part)
{
    return (unsigned)part < RF_PART_COUNT ? names[part].key : "unknown";
}

const char *rf_part_text(rf_step_part part)
{
    return (unsigned)part < RF_PART_COUNT ? names[part].text : "unknown part";
}

/* Give the time since the last call to the part that the clock ran for. */
static void charge(rf_profile *p)
{
    const double now = rf_clock_seconds();
    if (p->started > 0 && p->started <= p->capacity)
        p->steps[p->started - 1][p->part] += now - p->since;
    p->since = now;
}

void rf_profile_begin_step(rf_context *ctx)
{
    rf_profile *p = rf_context_profile(ctx);
    if (!p)
        return;
    charge(p);
    p->started++;
}

rf_step_part rf_profile_enter(rf_context *ctx, rf_step_part part)
{
    rf_profile *p = rf_context_profile(ctx);
    if (!p)
        return part;
    const rf_step_part before = p->part;
    charge(p);
    p->part = part;
    return before;
}
