/*
 * Where the time of a step goes. One clock is handed from part to part on the thread that called the library, so that
 * every moment belongs to exactly one of them; where nobody measures, handing it on is a test of a pointer.
 */
#ifndef RF_BASE_PROFILE_H
#define RF_BASE_PROFILE_H

#include "base/context.h"

typedef struct rf_profile {
    double (*steps)[RF_PART_COUNT]; /* [capacity] seconds of each step by part; the caller's */
    int64_t capacity, started;      /* steps begun; those beyond the capacity are not kept */
    rf_step_part part;              /* that the clock runs for */
    double since;
} rf_profile;

/* Begin (end with NULL) to measure; the profile is the caller's and starts with steps and capacity alone. */
void rf_context_set_profile(rf_context *ctx, rf_profile *profile);
rf_profile *rf_context_profile(const rf_context *ctx); /* NULL: nobody measures */

/* A step begins, and the one before it ends. */
void rf_profile_begin_step(rf_context *ctx);
/* The clock runs for `part` from here on. Returns the part before, to be handed back the same way. */
rf_step_part rf_profile_enter(rf_context *ctx, rf_step_part part);

#endif
