/*
 * Convolutions on codes: bands of output rows, each by whichever thread is free. Rows of the source are copied where there are
 * pads to be put around them, and read where they lie otherwise.
 */
#include "kernels/code_conv.h"

#include <omp.h>
#include <string.h>

#include "base/compiler.h"
#include "kernels/code_conv_parts.h"

/*
 * A band has BAND_PIXELS where rows are short: for as many, weights are loaded once. Its copied rows take BAND_BYTES at most where
 * a row is not longer, a part of a second-level cache. READ_BEHIND: a last step reads up to so many codes too many, for weights of 0.
 */
enum { BAND_PIXELS = 192, BAND_BYTES = 192 * 1024, READ_BEHIND = BLOCK };
enum { NEAR_BYTES = 16 * 1024 }; /* half a first-level cache */

/* How the work is divided, and what a thread needs for a band. */
typedef struct work {
    rf_code_walk walk;
    int64_t blocks, bands, band_rows;
    bool copies;
    rf_code_tile_fn tile;
    bool together;              /* all blocks of a tile, one after the other */
    int64_t reach[2];           /* cells that the kernel spans */
    int64_t columns, most_rows; /* of copied rows */
    size_t pixels_bytes, thread_bytes, packed_bytes, sums_bytes;
} work;

/* One call. */
typedef struct call {
    const uint8_t *src;
    int32_t *dst;
    void *packed;
    int32_t *cell_sums;
    uint8_t pad;
    int32_t excess; /* of the pad over the zero point */
} call;

/* ------------------------------------------------------------------------------ division --- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static size_t aligned(int64_t bytes)
{
    return (size_t)divide_up(bytes, RF_ALIGN) * RF_ALIGN;
}

static bool has_pads(const rf_code_conv *c, const int64_t *reach)
{
    for (int i = 0; i < 2; i++)
        if (c->pad[i] || (c->out[i] - 1) * c->stride[i] + reach[i] > c->in[i])
            return true;
    return false;
}

static rf_code_walk depthwise_walk(const rf_code_conv *c)
{
    rf_code_walk w = { .pieces = c->kernel[0] * c->kernel[1], .piece_codes = c->ic };
    w.steps = divide_up(w.pieces, 2);
    w.most_steps = 2 * w.steps;
    return w;
}

static rf_code_walk walk_of(const rf_code_conv *c)
{
    if (c->depthwise)
        return depthwise_walk(c);
    const bool in_rows = c->dilation[1] == 1;
    rf_code_walk w = { .pieces = c->kernel[0] * (in_rows ? 1 : c->kernel[1]),
                       .piece_codes = c->ic * (in_rows ? c->kernel[1] : 1) };
    w.piece_steps = divide_up(w.piece_codes, STEP_CODES);
    w.steps = w.pieces * w.piece_steps;
    w.most_steps = 2 * w.steps;
    return w;
}

/* Rows of the source for so many rows of the output, which may be of several images. */
static int64_t copied_rows(const rf_code_conv *c, const work *k, int64_t rows)
{
    const int64_t images = (rows - 1) / c->out[0] + 2;
    return rows * c->stride[0] + images * most(0, k->reach[0] - c->stride[0]);
}

static void divide_rows(const rf_code_conv *c, work *k)
{
    const int64_t rows = c->n * c->out[0];
    int64_t each = most(1, least(rows, BAND_PIXELS / c->out[1]));
    while (k->copies && each > 1 && copied_rows(c, k, each) * k->walk.row_bytes > BAND_BYTES)
        each--;
    k->bands = least(rows, divide_up(divide_up(rows, each), c->threads) * c->threads);
    k->band_rows = divide_up(rows, k->bands);
}

static work divide(const rf_code_conv *c)
{
    work k = { .walk = walk_of(c), .blocks = divide_up(c->oc, BLOCK) };
    for (int i = 0; i < 2; i++)
        k.reach[i] = (c->kernel[i] - 1) * c->dilation[i] + 1;
    k.copies = has_pads(c, k.reach) || k.walk.piece_codes % (c->depthwise ? BLOCK : STEP_CODES);
    k.columns = k.copies ? (c->out[1] - 1) * c->stride[1] + k.reach[1] : c->in[1];
    k.walk.row_bytes = k.columns * c->ic;
    divide_rows(c, &k);
    k.most_rows = k.copies ? copied_rows(c, &k, k.band_rows) : 0;
    k.pixels_bytes = aligned((k.band_rows * c->out[1] + TILE_PIXELS) * (int64_t)sizeof(uint8_t *));
    k.thread_bytes = k.pixels_bytes + aligned(k.most_rows * k.walk.row_bytes + READ_BEHIND) +
                     aligned(k.walk.steps * STEP_CODES);
    k.packed_bytes = (size_t)k.blocks * rf_code_block_bytes(&k.walk);
    k.sums_bytes = aligned(c->kernel[0] * c->kernel[1] * c->oc * (int64_t)sizeof(int32_t));
    k.together = c->depthwise || k.blocks * k.walk.steps * STEP_BYTES <= NEAR_BYTES;
    if (c->depthwise)
        k.tile = c->vectors ? rf_code_depthwise_avx2 : rf_code_depthwise_plain;
    else
        k.tile = c->vectors ? rf_code_tile_avx2 : rf_code_tile_plain;
    return k;
}

bool rf_code_conv_has_vectors(void)
{
    return RF_CPU_HAS_AVX2;
}

bool rf_code_conv_fits(const rf_code_conv *c)
{
    const work k = divide(c);
    return k.reach[0] <= INT32_MAX / k.walk.row_bytes && k.walk.most_steps <= INT32_MAX;
}

size_t rf_code_conv_scratch(const rf_code_conv *c)
{
    const work k = divide(c);
    return k.packed_bytes + k.sums_bytes + (size_t)c->threads * k.thread_bytes;
}

/* --------------------------------------------------------------------------------- a band --- */

/* What one thread works with. */
typedef struct desk {
    const uint8_t **pixels; /* where the codes of each output pixel start */
    uint8_t *rows;
    int8_t *weights; /* of one output channel */
} desk;

static desk desk_at(const work *k, char *scratch, int thread)
{
    char *first = scratch + k->packed_bytes + k->sums_bytes + (size_t)thread * k->thread_bytes;
    char *rows = first + k->pixels_bytes;
    char *weights = first + k->thread_bytes - aligned(k->walk.steps * STEP_CODES);
    return (desk){ .pixels = (const uint8_t **)first,
                   .rows = (uint8_t *)rows,
                   .weights = (int8_t *)weights };
}

/* Row y of an image with its pads, from column -pad on. */
static void copy_row(const rf_code_conv *c, const work *k, const uint8_t *image, int64_t y,
                     uint8_t pad, uint8_t *to)
{
    const int64_t before = least(c->pad[1], k->columns);
    const int64_t inside = y < 0 || y >= c->in[0] ? 0 : least(c->in[1], k->columns - before);
    memset(to, pad, (size_t)(k->columns * c->ic));
    if (inside > 0)
        memcpy(to + before * c->ic, image + y * c->in[1] * c->ic, (size_t)(inside * c->ic));
}

/* The first row that output rows [from, to) of an image read: where it lies, or where it is copied to; `used` rows then. */
static const uint8_t *rows_of_image(const rf_code_conv *c, const work *k, const uint8_t *image,
                                    int64_t from, int64_t to, uint8_t pad, uint8_t *rows,
                                    int64_t *used)
{
    const int64_t first = from * c->stride[0] - c->pad[0], bytes = k->walk.row_bytes;
    if (!k->copies)
        return image + first * bytes;
    const int64_t count = (to - from - 1) * c->stride[0] + k->reach[0];
    uint8_t *begin = rows + *used * bytes;
    for (int64_t i = 0; i < count; i++)
        copy_row(c, k, image, first + i, pad, begin + i * bytes);
    *used += count;
    memset(rows + *used * bytes, 0, READ_BEHIND);
    return begin;
}

/* Output rows [begin, end) of all images together; returns the number of pixels. */
static int64_t find_pixels(const rf_code_conv *c, const work *k, const uint8_t *src, int64_t begin,
                           int64_t end, uint8_t pad, const desk *d)
{
    int64_t used = 0, count = 0;
    for (int64_t row = begin, next; row < end; row = next) {
        const int64_t n = row / c->out[0], from = row % c->out[0];
        const int64_t to = least(c->out[0], from + end - row);
        const uint8_t *image = src + n * c->in[0] * c->in[1] * c->ic;
        const uint8_t *first = rows_of_image(c, k, image, from, to, pad, d->rows, &used);
        for (int64_t y = 0; y < to - from; y++)
            for (int64_t x = 0; x < c->out[1]; x++)
                d->pixels[count++] =
                    first + y * c->stride[0] * k->walk.row_bytes + x * c->stride[1] * c->ic;
        next = row + to - from;
    }
    for (int i = 0; i < TILE_PIXELS; i++) /* the last tile is a whole one */
        d->pixels[count + i] = d->pixels[count - 1];
    return count;
}

/* One tile; `rows` pixels and `channels` of it are wanted. */
static void multiply(const rf_code_conv *c, const work *k, const rf_code_block *b,
                     const uint8_t *const *pixels, int64_t rows, int64_t channels, int32_t *dst)
{
    const bool whole = rows >= TILE_PIXELS && channels >= BLOCK;
    int32_t part[TILE_PIXELS * BLOCK];
    k->tile(pixels, b, whole ? dst : part, whole ? c->oc : BLOCK);
    for (int64_t i = 0; !whole && i < least(rows, TILE_PIXELS); i++)
        memcpy(dst + i * c->oc, part + i * BLOCK, (size_t)least(channels, BLOCK) * sizeof *dst);
}

/* Where the weights of all blocks fit the first-level cache, the result is written in its own order. */
static void run_band(const rf_code_conv *c, const work *k, const call *a, const desk *d,
                     int64_t band)
{
    const int64_t rows = c->n * c->out[0];
    const int64_t begin = rows * band / k->bands, end = rows * (band + 1) / k->bands;
    const int64_t count = find_pixels(c, k, a->src, begin, end, a->pad, d);
    const int64_t each = k->together ? TILE_PIXELS : count;
    int32_t *to = a->dst + begin * c->out[1] * c->oc;
    for (int64_t p = 0; p < count; p += each)
        for (int64_t i = 0; i < k->blocks; i++) {
            const rf_code_block b = rf_code_block_at(&k->walk, a->packed, i);
            for (int64_t q = p; q < least(count, p + each); q += TILE_PIXELS)
                multiply(c, k, &b, d->pixels + q, count - q, c->oc - i * BLOCK,
                         to + q * c->oc + i * BLOCK);
        }
    if (a->excess)
        rf_code_empty_pads(c, a->cell_sums, a->excess, begin, end, a->dst);
}

/* ----------------------------------------------------------------------------- all of it --- */

static call call_of(const work *k, const uint8_t *src, int32_t zero_point, int32_t *dst,
                    void *scratch)
{
    const int32_t pad = zero_point < 0 ? 0 : zero_point > UINT8_MAX ? UINT8_MAX : zero_point;
    return (call){ .src = src,
                   .dst = dst,
                   .packed = scratch,
                   .cell_sums = (int32_t *)((char *)scratch + k->packed_bytes),
                   .pad = (uint8_t)pad,
                   .excess = pad - zero_point };
}

void rf_code_conv_forward(const rf_code_conv *c, const uint8_t *src, int32_t zero_point,
                          const int8_t *weights, int32_t *dst, void *scratch)
{
    const work k = divide(c);
    const call a = call_of(&k, src, zero_point, dst, scratch);
#pragma omp parallel num_threads(c->threads)
    {
        const desk d = desk_at(&k, scratch, omp_get_thread_num());
#pragma omp for schedule(static)
        for (int64_t i = 0; i < k.blocks; i++) {
            rf_code_block b = rf_code_block_at(&k.walk, scratch, i);
            if (c->depthwise)
                rf_code_pack_depthwise(c, &k.walk, weights, zero_point, i, &b);
            else
                rf_code_pack(c, &k.walk, weights, zero_point, i, d.weights, &b);
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < (a.excess ? c->oc : 0); i++)
            rf_code_cell_sums(c, weights, i, a.cell_sums);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < k.bands; i++)
            run_band(c, &k, &a, &d, i);
    }
}
