/*
 * Loops over channels-last rows [rows, c]. A narrow row is seen as one of several: with a period
 * of some rows a loop over 16, 24 or 3 channels fills whole vectors.
 */
#ifndef RF_KERNELS_CHANNELS_H
#define RF_KERNELS_CHANNELS_H

#include <stdint.h>

#include "base/compiler.h"

#define RF_PERIOD_MIN 64      /* elements; narrower rows are taken several at a time */
#define RF_PERIOD_MAX 512     /* of narrow rows: (RF_PERIOD_MIN - 1) * 8, rounded up */
#define RF_PARALLEL_MIN 16384 /* elements below which threads cost more than they give */

/* Rows are summed in this many parts whatever the number of threads: sums do not depend on it. */
#define RF_ROW_PARTS 32

/* Elements after which channels repeat and a vector loop has no rest: c times some rows. */
static inline int64_t rf_period(int64_t c)
{
    if (c >= RF_PERIOD_MIN)
        return c;
    const int64_t step = c % 8 ? 8 : 1; /* rows whose elements fill whole vectors of 8 */
    return c * step * ((RF_PERIOD_MIN + c * step - 1) / (c * step));
}

/* Coefficients of a channel, repeated to a period where rows are narrow. */
static inline const float *rf_repeat(const float *values, int64_t c, int64_t period,
                                     float buffer[RF_PERIOD_MAX])
{
    if (period == c)
        return values;
    for (int64_t j = 0; j < period; j++)
        buffer[j] = values[j % c];
    return buffer;
}

/*
 * Elements of the block of at most `block` that starts at element i of a part: whole periods, or a piece of one where a
 * period is longer than a block.
 */
static inline int64_t rf_block_length(int64_t block, int64_t period, int64_t i, int64_t count)
{
    const int64_t whole = period > block ? block : block / period * period;
    const int64_t left = period > block ? period - i % period : whole;
    const int64_t most = left < whole ? left : whole;
    return count - i < most ? count - i : most;
}

/* Part `i` of RF_ROW_PARTS: rows [*begin_out, *end_out). */
static inline void rf_row_part(int64_t rows, int i, int64_t *begin_out, int64_t *end_out)
{
    const int64_t each = (rows + RF_ROW_PARTS - 1) / RF_ROW_PARTS;
    *begin_out = i * each < rows ? i * each : rows;
    *end_out = (i + 1) * each < rows ? (i + 1) * each : rows;
}

#endif
