/* Speed: the steps of a network timed, and what they would take at least. */
#ifndef RF_BENCH_BENCH_H
#define RF_BENCH_BENCH_H

#include "exec/plan.h"

/* Bytes read and written a second by a copy of memory that is larger than every cache. */
rf_status rf_copy_rate(rf_context *ctx, double *bytes_per_s_out);

/* Largest resident memory of the process, in bytes, since the reset (or since it began, where Linux refuses that). */
void rf_peak_memory_reset(void);
int64_t rf_peak_memory(void);

/* Least seconds of a step of this plan, as rf_speed says. */
rf_status rf_bench_limit(const rf_graph *g, rf_plan *plan, bool learns, double bytes_per_s,
                         double *seconds_out);

#endif
