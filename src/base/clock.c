/* Monotonic clock and the progress meter. */
#include "base/clock.h"

#include <math.h>
#include <time.h>

#define SHOW_EVERY 0.2 /* seconds between two calls of the user's function */

double rf_clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void rf_meter_start(rf_meter *meter, rf_context *ctx, const char *task, const char *unit,
                    int64_t total)
{
    *meter = (rf_meter){
        .ctx = ctx,
        .progress = { .task = task, .unit = unit, .total = total, .loss = NAN, .top1 = NAN },
        .start = rf_clock_seconds(),
    };
}

void rf_meter_update(rf_meter *meter, int64_t done, int64_t images)
{
    const double now = rf_clock_seconds();
    const double elapsed = now - meter->start;
    rf_progress *p = &meter->progress;
    p->done = done;
    meter->images = images;
    p->img_per_s = elapsed > 0 ? (double)images / elapsed : NAN;
    p->seconds_left =
        done > 0 && p->total > 0 ? elapsed * (double)(p->total - done) / (double)done : NAN;
    if (now - meter->last_shown < SHOW_EVERY && done != p->total)
        return;
    meter->last_shown = now;
    rf_report_progress(meter->ctx, p);
}

double rf_meter_seconds(const rf_meter *meter)
{
    return rf_clock_seconds() - meter->start;
}
