/* Winograd's gradients: where they gain, and which instruction set computes them. */
#include "kernels/winograd.h"

#include "kernels/winograd_loops.h"

int rf_winograd_find_loops(rf_winograd_loops found[2])
{
    int count = 0;
#ifdef RF_HAS_WINOGRAD_LOOPS
    if (__builtin_cpu_supports("avx512f"))
        found[count++] = (rf_winograd_loops){ rf_winograd_data_avx512, rf_winograd_weights_avx512 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found[count++] = (rf_winograd_loops){ rf_winograd_data_avx2, rf_winograd_weights_avx2 };
#else
    (void)found;
#endif
    return count;
}

/* Tiles that reach far over the border compute more than they save; few tiles do not repay the transformed weights. */
static bool are_worth_it(int64_t n, int64_t h, int64_t w)
{
    enum { CELLS = RF_WINOGRAD_TILE * RF_WINOGRAD_TILE, LEAST = 16 };
    const int64_t tiles = rf_winograd_tiles(n, h, w);
    return tiles >= LEAST && tiles * CELLS * 2 <= n * h * w * 3;
}

bool rf_winograd_gains(const rf_winograd *w)
{
    rf_winograd_loops loops[2];
    return rf_winograd_find_loops(loops) > 0 && w->ic % RF_WINOGRAD_PANEL == 0 &&
           w->oc % RF_WINOGRAD_PANEL == 0 && w->pad_h >= 0 && w->pad_h <= 2 && w->pad_w >= 0 &&
           w->pad_w <= 2 && are_worth_it(w->n, w->in_h, w->in_w) &&
           are_worth_it(w->n, w->out_h, w->out_w);
}

/* Sets of weights, and for each thread matrices of sources and of results and a pixel of zeros. */
size_t rf_winograd_scratch(const rf_winograd *w)
{
    const int64_t weights = rf_winograd_parts(w) * RF_WINOGRAD_CELLS * w->ic * w->oc;
    const int64_t matrices =
        rf_winograd_matrix(RF_WINOGRAD_TILES, w->ic) + rf_winograd_matrix(RF_WINOGRAD_TILES, w->oc);
    const int64_t zeros = w->ic > w->oc ? w->ic : w->oc;
    const int64_t own = RF_WINOGRAD_CELLS * matrices + zeros;
    return (size_t)(weights + w->threads * own) * sizeof(float);
}

void rf_winograd_backward_data(const rf_winograd *w, const float *diff_dst, const float *weights,
                               float *diff_src, float *scratch)
{
    rf_winograd_loops loops[2];
    if (rf_winograd_find_loops(loops))
        loops[0].backward_data(w, diff_dst, weights, diff_src, scratch);
}

void rf_winograd_backward_weights(const rf_winograd *w, const float *src, const float *diff_dst,
                                  float *diff_weights, float *scratch)
{
    rf_winograd_loops loops[2];
    if (rf_winograd_find_loops(loops))
        loops[0].backward_weights(w, src, diff_dst, diff_weights, scratch);
}
