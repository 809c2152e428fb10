/* Winograd's gradient of the source. */
#include <omp.h>

#include "kernels/winograd_tiles.h"

/*
 * The gradient of the source is a convolution of the result's with the kernels turned round: channels oc to ic. Panel p of
 * matrix x of `out` is out[((x * panels + p) * oc + o) * PANEL], 16 channels of ic.
 */
static void transform_turned_weights(const float *weights, int64_t oc, int64_t ic, float *out)
{
    const int64_t panels = ic / PANEL;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < oc * panels; item++) {
        const int64_t o = item / panels, p = item % panels;
        const float *from = weights + (o * ic + p * PANEL) * KERNEL * KERNEL;
        float turned[KERNEL * KERNEL][PANEL];
        for (int i = 0; i < PANEL; i++)
            for (int k = 0; k < KERNEL * KERNEL; k++)
                turned[KERNEL * KERNEL - 1 - k][i] = from[i * KERNEL * KERNEL + k];
        for (int k = 0; k < PANEL; k += RF_LANES) {
            vec rows[KERNEL][REACH];
            for (int y = 0; y < KERNEL; y++) {
                vec g[KERNEL];
                for (int x = 0; x < KERNEL; x++)
                    g[x] = load(&turned[y * KERNEL + x][k]);
                transform_weights(g, rows[y]);
            }
            for (int x = 0; x < REACH; x++) {
                const vec g[KERNEL] = { rows[0][x], rows[1][x], rows[2][x] };
                vec t[REACH];
                transform_weights(g, t);
                for (int y = 0; y < REACH; y++)
                    store(out + (((y * REACH + x) * panels + p) * oc + o) * PANEL + k, t[y]);
            }
        }
    }
}

/* One thread's work on tiles [first, first + count). */
typedef struct data_block {
    const image *diff_dst, *diff_src;
    const grid *tiles;
    int64_t pad_h, pad_w; /* of the turned convolution */
    const float *weights; /* transformed */
    float *src, *dst;
    const float *zeros; /* [oc] */
} data_block;

static void compute_data_block(const data_block *b, int64_t first, int64_t count)
{
    const int64_t oc = b->diff_dst->c, ic = b->diff_src->c;
    const int64_t src_matrix = rf_winograd_matrix(RF_WINOGRAD_TILES, oc);
    const int64_t dst_matrix = rf_winograd_matrix(RF_WINOGRAD_TILES, ic);
    for (int64_t i = 0; i < count; i++) {
        pixel p = first_pixel(b->tiles, first + i);
        p.y -= b->pad_h;
        p.x -= b->pad_w;
        transform_src_tile(b->diff_dst, p, b->zeros, b->src + i * oc, src_matrix);
    }
    for (int64_t x = 0; x < CELLS; x++)
        for (int64_t k = 0; k < ic; k += PANEL) {
            const product p = { .a = b->src + x * src_matrix,
                                .b = b->weights + (x * ic + k) * oc,
                                .c = b->dst + x * dst_matrix + k,
                                .k = oc,
                                .a_row = oc,
                                .a_column = 1,
                                .b_row = PANEL,
                                .c_row = ic };
            multiply(&p, count);
        }
    for (int64_t i = 0; i < count; i++)
        transform_dst_tile(b->dst + i * ic, dst_matrix, b->diff_src,
                           first_pixel(b->tiles, first + i));
}

void RF_WINOGRAD_DATA(const rf_winograd *w, const float *diff_dst, const float *weights,
                      float *diff_src, float *scratch)
{
    enum { MOST = RF_WINOGRAD_TILES };
    const image from = { (float *)(uintptr_t)diff_dst, w->out_h, w->out_w, w->oc };
    const image to = { diff_src, w->in_h, w->in_w, w->ic };
    const grid tiles = grid_of(w->n, &to);
    const int64_t src = CELLS * rf_winograd_matrix(MOST, w->oc);
    const int64_t dst = CELLS * rf_winograd_matrix(MOST, w->ic);
    float *blocks = scratch + CELLS * w->ic * w->oc;
#pragma omp parallel num_threads(w->threads)
    {
        float *own = blocks + omp_get_thread_num() * (src + dst + w->oc);
        const data_block b = { .diff_dst = &from,
                               .diff_src = &to,
                               .tiles = &tiles,
                               .pad_h = KERNEL - 1 - w->pad_h,
                               .pad_w = KERNEL - 1 - w->pad_w,
                               .weights = scratch,
                               .src = own,
                               .dst = own + src,
                               .zeros = memset(own + src + dst, 0, (size_t)w->oc * sizeof *own) };
        transform_turned_weights(weights, w->oc, w->ic, scratch);
        const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
        const int64_t end = (thread + 1) * tiles.count / threads;
        for (int64_t first = thread * tiles.count / threads; first < end; first += MOST)
            compute_data_block(&b, first, at_most(end - first, MOST));
    }
}
