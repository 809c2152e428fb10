/* Winograd's gradient of the weights. */
#include <omp.h>

#include "kernels/winograd_tiles.h"

/* The sum over parts of sums[parts][36][ic][oc], back to [oc, ic, 3, 3]. */
static void transform_weights_back(const float *sums, int parts, int64_t oc, int64_t ic,
                                   float *diff_weights)
{
    const int64_t panels = oc / PANEL, size = CELLS * ic * oc;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < ic * panels; item++) {
        const int64_t i = item / panels, first = item % panels * PANEL;
        for (int64_t k = first; k < first + PANEL; k += RF_LANES) {
            vec columns[REACH][KERNEL];
            for (int x = 0; x < REACH; x++) {
                vec u[REACH];
                for (int y = 0; y < REACH; y++) {
                    const float *from = sums + ((y * REACH + x) * ic + i) * oc + k;
                    u[y] = load(from);
                    for (int part = 1; part < parts; part++)
                        u[y] += load(from + part * size);
                }
                transform_diff_weights(u, columns[x]);
            }
            for (int y = 0; y < KERNEL; y++) {
                vec u[REACH], t[KERNEL];
                for (int x = 0; x < REACH; x++)
                    u[x] = columns[x][y];
                transform_diff_weights(u, t);
                for (int x = 0; x < KERNEL; x++)
                    for (int lane = 0; lane < RF_LANES; lane++)
                        diff_weights[((k + lane) * ic + i) * KERNEL * KERNEL + y * KERNEL + x] =
                            t[x][lane];
            }
        }
    }
}

/* Up to RF_WINOGRAD_TILES transformed tiles, of one thread or of all together, and the sums that their products go to. */
typedef struct weights_block {
    const image *src, *diff_dst;
    const grid *tiles;
    int64_t pad_h, pad_w;
    float *srcs, *diffs, *sums;
    const float *zeros; /* of the larger number of channels */
} weights_block;

static void transform_tile(const weights_block *b, int64_t tile, int64_t row)
{
    enum { MOST = RF_WINOGRAD_TILES };
    const int64_t ic = b->src->c, oc = b->diff_dst->c;
    pixel p = first_pixel(b->tiles, tile);
    transform_diff_dst_tile(b->diff_dst, p, b->zeros, b->diffs + row * oc,
                            rf_winograd_matrix(MOST, oc));
    p.y -= b->pad_h;
    p.x -= b->pad_w;
    transform_src_tile(b->src, p, b->zeros, b->srcs + row * ic, rf_winograd_matrix(MOST, ic));
}

/* Of the matrix products, the one of `item`: a panel of one of the 36. */
static void add_product(const weights_block *b, int64_t item, int64_t tiles, bool adds)
{
    enum { MOST = RF_WINOGRAD_TILES };
    const int64_t ic = b->src->c, oc = b->diff_dst->c, panels = oc / PANEL;
    const int64_t x = item / panels, k = item % panels * PANEL;
    const product p = { .a = b->srcs + x * rf_winograd_matrix(MOST, ic),
                        .b = b->diffs + x * rf_winograd_matrix(MOST, oc) + k,
                        .c = b->sums + x * ic * oc + k,
                        .k = tiles,
                        .a_row = 1,
                        .a_column = ic,
                        .b_row = oc,
                        .c_row = oc,
                        .adds = adds };
    multiply(&p, ic);
}

/* One thread, tiles [begin, end). */
static void sum_alone(const weights_block *b, int64_t begin, int64_t end)
{
    const int64_t items = CELLS * (b->diff_dst->c / PANEL);
    for (int64_t first = begin; first < end; first += RF_WINOGRAD_TILES) {
        const int64_t count = at_most(end - first, RF_WINOGRAD_TILES);
        for (int64_t i = 0; i < count; i++)
            transform_tile(b, first + i, i);
        for (int64_t item = 0; item < items; item++)
            add_product(b, item, count, first > begin);
    }
}

/* All threads, all tiles: for sums so large that there is room for one set of them. */
static void sum_together(const weights_block *b)
{
    const int64_t items = CELLS * (b->diff_dst->c / PANEL), end = b->tiles->count;
    for (int64_t first = 0; first < end; first += RF_WINOGRAD_TILES) {
        const int64_t count = at_most(end - first, RF_WINOGRAD_TILES);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < count; i++)
            transform_tile(b, first + i, i);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < items; item++)
            add_product(b, item, count, first > 0);
    }
}

void RF_WINOGRAD_WEIGHTS(const rf_winograd *w, const float *src, const float *diff_dst,
                         float *diff_weights, float *scratch)
{
    const image from = { (float *)(uintptr_t)src, w->in_h, w->in_w, w->ic };
    const image diff = { (float *)(uintptr_t)diff_dst, w->out_h, w->out_w, w->oc };
    const grid tiles = grid_of(w->n, &diff);
    const int parts = rf_winograd_parts(w);
    const int64_t srcs = CELLS * rf_winograd_matrix(RF_WINOGRAD_TILES, w->ic);
    const int64_t diffs = CELLS * rf_winograd_matrix(RF_WINOGRAD_TILES, w->oc);
    const int64_t zeros = w->ic > w->oc ? w->ic : w->oc;
    float *buffers = scratch + parts * CELLS * w->ic * w->oc;
#pragma omp parallel num_threads(w->threads)
    {
        float *own = buffers + omp_get_thread_num() * (srcs + diffs + zeros);
        weights_block b = { .src = &from,
                            .diff_dst = &diff,
                            .tiles = &tiles,
                            .pad_h = w->pad_h,
                            .pad_w = w->pad_w,
                            .srcs = parts > 1 ? own : buffers,
                            .sums = scratch,
                            .zeros = memset(own + srcs + diffs, 0, (size_t)zeros * sizeof *own) };
        b.diffs = b.srcs + srcs;
        if (parts == 1)
            sum_together(&b);
#pragma omp for schedule(static)
        for (int part = 0; part < (parts > 1 ? parts : 0); part++) {
            b.sums = scratch + part * CELLS * w->ic * w->oc;
            sum_alone(&b, part * tiles.count / parts, (part + 1) * tiles.count / parts);
        }
        transform_weights_back(scratch, parts, w->oc, w->ic, diff_weights);
    }
}
