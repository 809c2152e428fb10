/* Winograd's gradients: where they gain, and which instruction set computes them. */
#include "kernels/winograd.h"

#include "kernels/winograd_loops.h"

static const rf_winograd_loops *find_loops(void)
{
#ifdef RF_HAS_WINOGRAD_LOOPS
    if (__builtin_cpu_supports("avx512f"))
        return &rf_winograd_loops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &rf_winograd_loops_avx2;
#endif
    return NULL;
}

static int64_t tiles_of(int64_t n, int64_t h, int64_t w)
{
    enum { TILE = RF_WINOGRAD_TILE };
    return n * ((h + TILE - 1) / TILE) * ((w + TILE - 1) / TILE);
}

/* Tiles that reach far over the border compute more than they save; few tiles do not repay the transformed weights. */
static bool are_worth_it(int64_t n, int64_t h, int64_t w)
{
    enum { CELLS = RF_WINOGRAD_TILE * RF_WINOGRAD_TILE, LEAST = 16 };
    const int64_t tiles = tiles_of(n, h, w);
    return tiles >= LEAST && tiles * CELLS * 2 <= n * h * w * 3;
}

bool rf_winograd_gains(const rf_winograd *w)
{
    return find_loops() && w->ic % RF_WINOGRAD_PANEL == 0 && w->oc % RF_WINOGRAD_PANEL == 0 &&
           w->pad_h >= 0 && w->pad_h <= 2 && w->pad_w >= 0 && w->pad_w <= 2 &&
           are_worth_it(w->n, w->in_h, w->in_w) && are_worth_it(w->n, w->out_h, w->out_w);
}

size_t rf_winograd_scratch(const rf_winograd *w)
{
    const int64_t channels = w->ic + w->oc, most = w->ic > w->oc ? w->ic : w->oc;
    const int64_t weights = RF_WINOGRAD_CELLS * w->ic * w->oc, patches = RF_WINOGRAD_PATCH * most;
    const int64_t gaps = 2 * RF_WINOGRAD_GAP;
    const int64_t data = RF_WINOGRAD_CELLS * (RF_WINOGRAD_DATA_TILES * channels + gaps);
    const int64_t both = RF_WINOGRAD_CELLS * (RF_WINOGRAD_WEIGHTS_TILES * channels + gaps);
    const int64_t of_threads = w->threads * data;
    const int64_t tiles = of_threads > both ? of_threads : both;
    return (size_t)(weights + w->threads * patches + tiles) * sizeof(float);
}

void rf_winograd_backward_data(const rf_winograd *w, const float *diff_dst, const float *weights,
                               float *diff_src, float *scratch)
{
    find_loops()->backward_data(w, diff_dst, weights, diff_src, scratch);
}

void rf_winograd_backward_weights(const rf_winograd *w, const float *src, const float *diff_dst,
                                  float *diff_weights, float *scratch)
{
    find_loops()->backward_weights(w, src, diff_dst, diff_weights, scratch);
}
