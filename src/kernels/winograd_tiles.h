/*
 * What both gradients of kernels/winograd.h are made of: transformed tiles, and products of matrices. The files that
 * include this are compiled once for each instruction set, with RF_LANES floats in a register: vectors of the compiler,
 * so that the sets differ in nothing else, and multiply-adds are contracted alike in all of them.
 */
#ifndef RF_KERNELS_WINOGRAD_TILES_H
#define RF_KERNELS_WINOGRAD_TILES_H

#include <string.h>

#include "kernels/winograd_loops.h"

#ifndef RF_LANES
#define RF_LANES 4 /* for who compiles this header alone, without an instruction set */
#endif

enum {
    TILE = RF_WINOGRAD_TILE,
    REACH = RF_WINOGRAD_REACH,
    CELLS = RF_WINOGRAD_CELLS,
    PANEL = RF_WINOGRAD_PANEL,
    KERNEL = 3,
    REGISTERS = PANEL / RF_LANES,  /* that hold a panel's row */
    ROWS = RF_LANES == 16 ? 12 : 6 /* of a product computed together: accumulators in registers */
};

#define SQRT2 1.41421356237309505f
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 12")

typedef float vec __attribute__((vector_size(RF_LANES * 4), aligned(4), may_alias));

ALWAYS_INLINE vec load(const float *p)
{
    return *(const vec *)p;
}

ALWAYS_INLINE void store(float *p, vec v)
{
    *(vec *)p = v;
}

/* ---------------------------------------------------------------- transforms along one axis --- */

/* Sources: B^T d. */
ALWAYS_INLINE void transform_src(const vec d[REACH], vec out[REACH])
{
    const vec even1 = d[4] - 2.0f * d[2], odd1 = (SQRT2 / 2) * (d[3] - 2.0f * d[1]);
    const vec even2 = d[4] - 0.5f * d[2], odd2 = SQRT2 * (d[3] - 0.5f * d[1]);
    out[0] = d[0] - 2.5f * d[2] + d[4];
    out[5] = d[1] - 2.5f * d[3] + d[5];
    out[1] = even1 + odd1;
    out[2] = even1 - odd1;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
}

/* Results: A^T m. */
ALWAYS_INLINE void transform_dst(const vec m[REACH], vec out[TILE])
{
    const vec sum1 = m[1] + m[2], diff1 = m[1] - m[2], sum2 = m[3] + m[4], diff2 = m[3] - m[4];
    out[0] = m[0] + sum1 + sum2;
    out[1] = (SQRT2 / 2) * diff1 + SQRT2 * diff2;
    out[2] = 0.5f * sum1 + 2.0f * sum2;
    out[3] = (SQRT2 / 4) * diff1 + (2 * SQRT2) * diff2 + m[5];
}

/* Gradients of results: A y. */
ALWAYS_INLINE void transform_diff_dst(const vec y[TILE], vec out[REACH])
{
    const vec even1 = y[0] + 0.5f * y[2], odd1 = (SQRT2 / 2) * (y[1] + 0.5f * y[3]);
    const vec even2 = y[0] + 2.0f * y[2], odd2 = SQRT2 * (y[1] + 2.0f * y[3]);
    out[0] = y[0];
    out[5] = y[3];
    out[1] = even1 + odd1;
    out[2] = even1 - odd1;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
}

/* Weights: G g. */
ALWAYS_INLINE void transform_weights(const vec g[KERNEL], vec out[REACH])
{
    const vec even1 = g[0] + 0.5f * g[2], odd1 = (SQRT2 / 2) * g[1];
    const vec even2 = g[0] + 2.0f * g[2], odd2 = SQRT2 * g[1];
    out[0] = g[0];
    out[5] = g[2];
    out[1] = (-2.0f / 3) * (even1 + odd1);
    out[2] = (-2.0f / 3) * (even1 - odd1);
    out[3] = (1.0f / 6) * (even2 + odd2);
    out[4] = (1.0f / 6) * (even2 - odd2);
}

/* Gradients of weights: G^T u. */
ALWAYS_INLINE void transform_diff_weights(const vec u[REACH], vec out[KERNEL])
{
    const vec sum1 = (-2.0f / 3) * (u[1] + u[2]), diff1 = (-2.0f / 3) * (u[1] - u[2]);
    const vec sum2 = (1.0f / 6) * (u[3] + u[4]), diff2 = (1.0f / 6) * (u[3] - u[4]);
    out[0] = u[0] + sum1 + sum2;
    out[1] = (SQRT2 / 2) * diff1 + SQRT2 * diff2;
    out[2] = 0.5f * sum1 + 2.0f * sum2 + u[5];
}

/* ----------------------------------------------------------------------------------- tiles --- */

/* An array [n, h, w, c], and its tiles of results: rows x columns an image. */
typedef struct image {
    float *data;
    int64_t h, w, c;
} image;

typedef struct grid {
    int64_t rows, columns, count;
} grid;

typedef struct pixel {
    int64_t image, y, x;
} pixel;

static inline grid grid_of(int64_t n, const image *results)
{
    const int64_t rows = (results->h + TILE - 1) / TILE, columns = (results->w + TILE - 1) / TILE;
    return (grid){ rows, columns, n * rows * columns };
}

static inline pixel first_pixel(const grid *g, int64_t tile)
{
    const int64_t row = tile / g->columns;
    return (pixel){ row / g->rows, row % g->rows * TILE, tile % g->columns * TILE };
}

static inline float *at(const image *m, pixel p)
{
    return m->data + ((p.image * m->h + p.y) * m->w + p.x) * m->c;
}

/* Where pixels [from, from + side) are cut by [0, size). */
typedef struct span {
    int64_t begin, end;
} span;

static inline span cut(int64_t from, int64_t side, int64_t size)
{
    const int64_t begin = from < 0 ? -from : 0, end = from + side > size ? size - from : side;
    return (span){ begin < side ? begin : side, end > begin ? end : begin };
}

static inline bool is_inside(const image *m, pixel p, int side)
{
    return p.y >= 0 && p.x >= 0 && p.y + side <= m->h && p.x + side <= m->w;
}

/* side x side pixels from p on; beyond the border, `zeros`. */
static inline void list_pixels(const image *m, pixel p, int side, const float *zeros,
                               const float **pixels)
{
    const span ys = cut(p.y, side, m->h), xs = cut(p.x, side, m->w);
    for (int64_t y = 0; y < side; y++) {
        const bool outside = y < ys.begin || y >= ys.end || xs.begin >= xs.end;
        const float *row = outside ? NULL : at(m, (pixel){ p.image, p.y + y, p.x + xs.begin });
        for (int64_t x = 0; x < side; x++)
            *pixels++ =
                outside || x < xs.begin || x >= xs.end ? zeros : row + (x - xs.begin) * m->c;
    }
}

/* Where a tile is read: pixels in rows, or each from a place of its own. */
typedef struct window {
    const float *first, **pixels; /* one of them is NULL */
    int64_t row_step, c;
} window;

ALWAYS_INLINE vec load_pixel(const window *w, int side, int y, int x, int64_t k)
{
    return load((w->pixels ? w->pixels[y * side + x] : w->first + y * w->row_step + x * w->c) + k);
}

/* 6x6 pixels to row 0 of the 36 matrices at `out`. */
ALWAYS_INLINE void transform_src_window(const window *w, float *out, int64_t matrix)
{
    for (int64_t k = 0; k < w->c; k += RF_LANES) {
        vec rows[REACH][REACH];
        UNROLL for (int y = 0; y < REACH; y++)
        {
            vec d[REACH];
            UNROLL for (int x = 0; x < REACH; x++) d[x] = load_pixel(w, REACH, y, x, k);
            transform_src(d, rows[y]);
        }
        UNROLL for (int x = 0; x < REACH; x++)
        {
            vec d[REACH], t[REACH];
            UNROLL for (int y = 0; y < REACH; y++) d[y] = rows[y][x];
            transform_src(d, t);
            UNROLL for (int y = 0; y < REACH; y++) store(out + (y * REACH + x) * matrix + k, t[y]);
        }
    }
}

/* 4x4 pixels of a result's gradient, likewise. */
ALWAYS_INLINE void transform_diff_dst_window(const window *w, float *out, int64_t matrix)
{
    for (int64_t k = 0; k < w->c; k += RF_LANES) {
        vec rows[TILE][REACH];
        UNROLL for (int y = 0; y < TILE; y++)
        {
            vec d[TILE];
            UNROLL for (int x = 0; x < TILE; x++) d[x] = load_pixel(w, TILE, y, x, k);
            transform_diff_dst(d, rows[y]);
        }
        UNROLL for (int x = 0; x < REACH; x++)
        {
            vec d[TILE], t[REACH];
            UNROLL for (int y = 0; y < TILE; y++) d[y] = rows[y][x];
            transform_diff_dst(d, t);
            UNROLL for (int y = 0; y < REACH; y++) store(out + (y * REACH + x) * matrix + k, t[y]);
        }
    }
}

/* The tile whose first pixel is p; zeros[c] stands for what lies beyond the border. */
static inline void transform_src_tile(const image *m, pixel p, const float *zeros, float *out,
                                      int64_t matrix)
{
    if (is_inside(m, p, REACH)) {
        const window rows = { .first = at(m, p), .row_step = m->w * m->c, .c = m->c };
        transform_src_window(&rows, out, matrix);
    } else {
        const float *pixels[REACH * REACH];
        list_pixels(m, p, REACH, zeros, pixels);
        const window border = { .pixels = pixels, .c = m->c };
        transform_src_window(&border, out, matrix);
    }
}

static inline void transform_diff_dst_tile(const image *m, pixel p, const float *zeros, float *out,
                                           int64_t matrix)
{
    if (is_inside(m, p, TILE)) {
        const window rows = { .first = at(m, p), .row_step = m->w * m->c, .c = m->c };
        transform_diff_dst_window(&rows, out, matrix);
    } else {
        const float *pixels[TILE * TILE];
        list_pixels(m, p, TILE, zeros, pixels);
        const window border = { .pixels = pixels, .c = m->c };
        transform_diff_dst_window(&border, out, matrix);
    }
}

/* Row 0 of 36 matrices back to 4x4 pixels from p on, as far as the image reaches. */
static inline void transform_dst_tile(const float *m, int64_t matrix, const image *out, pixel p)
{
    const int64_t c = out->c;
    const int64_t height = cut(p.y, TILE, out->h).end, width = cut(p.x, TILE, out->w).end;
    for (int64_t k = 0; k < c; k += RF_LANES) {
        vec columns[REACH][TILE];
        UNROLL for (int x = 0; x < REACH; x++)
        {
            vec d[REACH];
            UNROLL for (int y = 0; y < REACH; y++) d[y] = load(m + (y * REACH + x) * matrix + k);
            transform_dst(d, columns[x]);
        }
        for (int64_t y = 0; y < height; y++) {
            float *row = at(out, (pixel){ p.image, p.y + y, p.x }) + k;
            vec d[REACH], t[TILE];
            UNROLL for (int x = 0; x < REACH; x++) d[x] = columns[x][y];
            transform_dst(d, t);
            for (int64_t x = 0; x < width; x++)
                store(row + x * c, t[x]);
        }
    }
}

/* ------------------------------------------------------------------------- matrix products --- */

/* c[m, PANEL] = a[m, k] b[k, PANEL], added to c where `adds`; element (i, j) of a is a[i * a_row + j * a_column]. */
typedef struct product {
    const float *a, *b;
    float *c;
    int64_t k, a_row, a_column, b_row, c_row;
    bool adds;
} product;

ALWAYS_INLINE void multiply_rows(const product *p, int64_t first, int rows)
{
    const int64_t k = p->k, a_row = p->a_row, a_column = p->a_column, b_row = p->b_row;
    const float *a = p->a + first * a_row, *b = p->b;
    float *c = p->c + first * p->c_row;
    vec sums[ROWS][REGISTERS];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int r = 0; r < REGISTERS; r++) sums[i][r] =
        p->adds ? load(c + i * p->c_row + r * RF_LANES) : (vec){ 0 };
    for (int64_t j = 0; j < k; j++, a += a_column, b += b_row) {
        vec row[REGISTERS];
        UNROLL for (int r = 0; r < REGISTERS; r++) row[r] = load(b + r * RF_LANES);
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int r = 0; r < REGISTERS; r++)
            sums[i][r] += row[r] * a[i * a_row];
    }
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int r = 0; r < REGISTERS; r++)
        store(c + i * p->c_row + r * RF_LANES, sums[i][r]);
}

static inline void multiply(const product *p, int64_t m)
{
    int64_t i = 0;
    for (; i + ROWS <= m; i += ROWS)
        multiply_rows(p, i, ROWS);
    for (; i + 4 <= m; i += 4)
        multiply_rows(p, i, 4);
    for (; i + 2 <= m; i += 2)
        multiply_rows(p, i, 2);
    for (; i < m; i++)
        multiply_rows(p, i, 1);
}

static inline int64_t at_most(int64_t count, int64_t most)
{
    return count < most ? count : most;
}

#endif
