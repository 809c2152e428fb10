/* How fast this machine copies memory that no cache holds, with the context's threads. */
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"

enum { COPIES = 5, PIECES = 256 };
static const size_t copied = (size_t)96 << 20;

static double copy_seconds(char *dst, const char *src)
{
    const double start = rf_clock_seconds();
    const size_t piece = copied / PIECES;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < PIECES; i++)
        memcpy(dst + (size_t)i * piece, src + (size_t)i * piece, piece);
    return rf_clock_seconds() - start;
}

rf_status rf_copy_rate(rf_context *ctx, double *bytes_per_s_out)
{
    char *memory = rf_alloc(ctx, 2 * copied);
    if (!memory)
        return RF_ENOMEM;
    rf_use_threads(ctx);
    memset(memory, 1, 2 * copied);
    double best = copy_seconds(memory, memory + copied);
    for (int i = 1; i < COPIES; i++) {
        const double seconds = copy_seconds(memory, memory + copied);
        best = seconds < best ? seconds : best;
    }
    rf_free(ctx, memory);
    *bytes_per_s_out = 2.0 * (double)copied / best;
    return RF_OK;
}
