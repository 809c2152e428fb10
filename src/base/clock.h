/* Monotonic seconds, and a progress meter on top of them. */
#ifndef RF_BASE_CLOCK_H
#define RF_BASE_CLOCK_H

#include "base/context.h"

double rf_clock_seconds(void);

/* Fills rate and time left, and calls the user's progress function at most five times a second and at the end. */
typedef struct rf_meter {
    rf_context *ctx;
    rf_progress progress;
    double start, last_shown;
    int64_t images;
} rf_meter;

void rf_meter_start(rf_meter *meter, rf_context *ctx, const char *task, const char *unit,
                    int64_t total);
/* `done` units and `images` images since the start; set meter->progress.loss, top1, epoch yourself before. */
void rf_meter_update(rf_meter *meter, int64_t done, int64_t images);
double rf_meter_seconds(const rf_meter *meter);

#endif
