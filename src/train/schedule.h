/* The learning rate over a run. */
#ifndef RF_TRAIN_SCHEDULE_H
#define RF_TRAIN_SCHEDULE_H

#include "base/status.h"

#define RF_SCHEDULE_DROPS 32

typedef enum rf_schedule_kind {
    RF_SCHEDULE_CONSTANT,
    RF_SCHEDULE_COSINE,
    RF_SCHEDULE_STEP
} rf_schedule_kind;

typedef struct rf_schedule {
    rf_schedule_kind kind;
    int drop_count;
    int64_t drops[RF_SCHEDULE_DROPS]; /* epochs, rising; the rate is a tenth from each on */
    double warmup;                    /* epochs of linear rise from 1/(warm-up steps) */
} rf_schedule;

/* "constant" (or NULL), "cosine", "step:30,60". RF_EARG. */
rf_status rf_schedule_parse(rf_context *ctx, const char *text, double warmup, rf_schedule *out);
/* Factor of the learning rate in step `step` (from 0) of `total`, with `per_epoch` steps an epoch. */
double rf_schedule_factor(const rf_schedule *s, int64_t step, int64_t per_epoch, int64_t total);

#endif
