/* The loops of kernels/winograd.c, compiled for each instruction set that has some (kernels/meson.build). */
#ifndef RF_KERNELS_WINOGRAD_LOOPS_H
#define RF_KERNELS_WINOGRAD_LOOPS_H

#include "kernels/winograd.h"

enum {
    RF_WINOGRAD_TILE = 4,   /* results along an axis */
    RF_WINOGRAD_REACH = 6,  /* sources along it */
    RF_WINOGRAD_CELLS = 36, /* of a transformed tile: as many matrix products */
    RF_WINOGRAD_PANEL = 16, /* channels side by side; channel counts are multiples */
    RF_WINOGRAD_TILES = 48, /* that are transformed before they are multiplied */
    RF_WINOGRAD_GAP = 16    /* floats between matrices, whose rows else share cache sets */
};

/* Floats from one of the 36 matrices of `tiles` rows to the next. */
static inline int64_t rf_winograd_matrix(int64_t tiles, int64_t c)
{
    return tiles * c + RF_WINOGRAD_GAP;
}

/* Tiles of images h x w. */
static inline int64_t rf_winograd_tiles(int64_t n, int64_t h, int64_t w)
{
    enum { TILE = RF_WINOGRAD_TILE };
    return n * ((h + TILE - 1) / TILE) * ((w + TILE - 1) / TILE);
}

/* Sets of sums that tiles are divided among, whatever the number of threads; 1: threads share the products instead. */
static inline int rf_winograd_parts(const rf_winograd *w)
{
    const int64_t blocks = rf_winograd_tiles(w->n, w->out_h, w->out_w) / RF_WINOGRAD_TILES;
    const int most = w->ic * w->oc <= 32 * 32 ? 16 : w->ic * w->oc <= 64 * 64 ? 8 : 1;
    return blocks >= most ? most : blocks > 1 ? (int)blocks : 1;
}

/* winograd_data.c and winograd_weights.c of one instruction set. */
typedef struct rf_winograd_loops {
    void (*backward_data)(const rf_winograd *w, const float *diff_dst, const float *weights,
                          float *diff_src, float *scratch);
    void (*backward_weights)(const rf_winograd *w, const float *src, const float *diff_dst,
                             float *diff_weights, float *scratch);
} rf_winograd_loops;

#define RF_WINOGRAD_DECLARE(isa)                                                                   \
    void rf_winograd_data_##isa(const rf_winograd *w, const float *diff_dst, const float *weights, \
                                float *diff_src, float *scratch);                                  \
    void rf_winograd_weights_##isa(const rf_winograd *w, const float *src, const float *diff_dst,  \
                                   float *diff_weights, float *scratch);
RF_WINOGRAD_DECLARE(avx2)
RF_WINOGRAD_DECLARE(avx512)

/* Those that this CPU has, the fastest first, and how many. */
int rf_winograd_find_loops(rf_winograd_loops found[2]);

#endif
