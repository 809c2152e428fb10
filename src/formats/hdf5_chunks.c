/* Chunked arrays of HDF5: a B-tree of pieces, which may be compressed, shuffled and summed. */
#include <zlib.h>

#include "formats/hdf5_parts.h"

enum { LEVEL_LIMIT = 16, FILTER_LIMIT = 4, DEFLATE = 1, SHUFFLE = 2, FLETCHER32 = 3 };

typedef struct chunk_reader {
    rf_h5 *h5;
    const rf_h5_array_plan *plan;
    int64_t chunk[RF_MAX_RANK];
    size_t bytes; /* of a whole chunk */
    int filter_count, filters[FILTER_LIMIT];
    uint8_t *dst, *a, *b; /* a, b: [bytes + 4] each, what the filters work in */
} chunk_reader;

static rf_status fail_chunks(const chunk_reader *r)
{
    return rf_h5_fail(r->h5, r->plan->path, "is damaged: its chunks cannot be read");
}

/* --- filters --- */

/* Identifiers in the order of writing. False where the message is damaged or a filter is not known. */
static bool parse_filters(const rf_h5_message *m, chunk_reader *r)
{
    if (m->size < 2 || m->bytes[0] < 1 || m->bytes[0] > 2 || m->bytes[1] > FILTER_LIMIT)
        return false;
    const bool v1 = m->bytes[0] == 1;
    size_t at = v1 ? 8 : 2;
    r->filter_count = m->bytes[1];
    for (int i = 0; i < r->filter_count; i++) {
        const size_t prefix = v1 ? 8 : 6; /* known filters have no name in version 2 */
        if (m->size < at + prefix)
            return false;
        const uint8_t *p = m->bytes + at;
        r->filters[i] = (int)rf_h5_u(p, 2);
        if (r->filters[i] < DEFLATE || r->filters[i] > FLETCHER32)
            return false;
        const size_t name = v1 ? ((size_t)rf_h5_u(p + 2, 2) + 7) / 8 * 8 : 0;
        const size_t values = (size_t)rf_h5_u(p + prefix - 2, 2);
        at += prefix + name + 4 * values + (v1 && values % 2 ? 4 : 0);
    }
    return true;
}

static void unshuffle(const uint8_t *src, size_t size, size_t element, uint8_t *dst)
{
    const size_t count = size / element;
    for (size_t k = 0; k < element; k++)
        for (size_t i = 0; i < count; i++)
            dst[i * element + k] = src[k * count + i];
    memcpy(dst + count * element, src + count * element, size - count * element);
}

/* Undo the filters of one chunk. The whole chunk, or NULL. */
static const uint8_t *unfilter(const chunk_reader *r, const uint8_t *src, size_t size,
                               uint32_t skipped)
{
    uint8_t *free_now = r->a, *in_use = r->b;
    for (int i = r->filter_count - 1; i >= 0; i--) {
        if (skipped >> i & 1)
            continue;
        if (r->filters[i] == FLETCHER32) {
            if (size < 4)
                return NULL;
            size -= 4;
            continue;
        }
        uLongf length = r->bytes + 4;
        if (r->filters[i] == DEFLATE && uncompress(free_now, &length, src, size) != Z_OK)
            return NULL;
        if (r->filters[i] == SHUFFLE) {
            if (size > length)
                return NULL;
            unshuffle(src, size, r->plan->type.size, free_now);
            length = size;
        }
        src = free_now;
        size = length;
        free_now = in_use;
        in_use = src == r->a ? r->a : r->b;
    }
    return size >= r->bytes ? src : NULL;
}

/* --- placing --- */

/* Copy what of the chunk at `offset` lies inside the array, row by row. */
static void place(const chunk_reader *r, const int64_t *offset, const uint8_t *src)
{
    const rf_shape *shape = &r->plan->shape;
    const int last = shape->rank - 1;
    const size_t element = r->plan->type.size;
    int64_t at[RF_MAX_RANK] = { 0 }, row[RF_MAX_RANK];
    const int64_t left = shape->dims[last] - offset[last];
    const size_t width = (size_t)(left < r->chunk[last] ? left : r->chunk[last]) * element;
    for (;;) {
        int64_t from = 0, to = 0;
        bool inside = true;
        for (int d = 0; d <= last; d++) {
            row[d] = offset[d] + at[d];
            inside &= row[d] < shape->dims[d];
            from = from * r->chunk[d] + at[d];
            to = to * shape->dims[d] + row[d];
        }
        if (inside)
            memcpy(r->dst + (size_t)to * element, src + (size_t)from * element, width);
        int d = last - 1;
        while (d >= 0 && ++at[d] == r->chunk[d])
            at[d--] = 0;
        if (d < 0)
            return;
    }
}

static rf_status read_chunk(chunk_reader *r, const uint8_t *key, uint64_t address)
{
    const rf_shape *shape = &r->plan->shape;
    const size_t size = (size_t)rf_h5_u(key, 4);
    int64_t offset[RF_MAX_RANK];
    for (int d = 0; d < shape->rank; d++) {
        const uint64_t v = rf_h5_u(key + 8 + 8 * (size_t)d, 8);
        if (v >= (uint64_t)shape->dims[d] || v % (uint64_t)r->chunk[d])
            return fail_chunks(r);
        offset[d] = (int64_t)v;
    }
    const uint8_t *src = rf_h5_at(r->h5, address, size);
    if (!src || !rf_h5_work(r->h5, (int64_t)r->bytes + 64))
        return fail_chunks(r);
    src = unfilter(r, src, size, (uint32_t)rf_h5_u(key + 4, 4));
    if (!src)
        return fail_chunks(r);
    place(r, offset, src);
    return RF_OK;
}

static rf_status read_tree(chunk_reader *r, uint64_t address, int level)
{
    const size_t key = 8 + 8 * ((size_t)r->plan->shape.rank + 1), entry = key + 8;
    const uint8_t *p = rf_h5_at(r->h5, address, 24);
    if (!p || memcmp(p, "TREE", 4) != 0 || p[4] != 1 || p[5] > LEVEL_LIMIT ||
        (level >= 0 && p[5] != level))
        return fail_chunks(r);
    const size_t count = (size_t)rf_h5_u(p + 6, 2);
    const uint8_t *entries = rf_h5_at(r->h5, address + 24, count * entry);
    if (!entries || !rf_h5_work(r->h5, (int64_t)(count * entry) + 64))
        return fail_chunks(r);
    for (size_t i = 0; i < count; i++) {
        const uint64_t child = rf_h5_u(entries + i * entry + key, 8);
        RF_TRY(p[5] ? read_tree(r, child, p[5] - 1) : read_chunk(r, entries + i * entry, child));
    }
    return RF_OK;
}

/* Layout version 3: class 2, rank + 1, the tree, chunk dims, size of an element. */
static rf_status parse_layout(chunk_reader *r, uint64_t *tree)
{
    const rf_h5_message *m = r->plan->layout;
    const int rank = r->plan->shape.rank;
    int64_t bytes = (int64_t)r->plan->type.size;
    if (m->bytes[0] != 3)
        return rf_h5_fail(r->h5, r->plan->path,
                          "has chunks in the newest form of HDF5; write the file again without "
                          "libver='latest'");
    if (rank < 1 || m->size < 11 + 4 * ((size_t)rank + 1) || m->bytes[2] != rank + 1)
        return fail_chunks(r);
    *tree = rf_h5_u(m->bytes + 3, 8);
    for (int d = 0; d < rank; d++) {
        r->chunk[d] = (int64_t)rf_h5_u(m->bytes + 11 + 4 * (size_t)d, 4);
        if (r->chunk[d] < 1 || r->chunk[d] > r->h5->expanded / bytes)
            return rf_h5_fail(r->h5, r->plan->path, "has chunks larger than the file can hold");
        bytes *= r->chunk[d];
    }
    r->bytes = (size_t)bytes;
    return RF_OK;
}

rf_status rf_h5_read_chunks(rf_h5 *h5, const rf_h5_array_plan *plan, uint8_t *dst)
{
    chunk_reader r = { .h5 = h5, .plan = plan, .dst = dst };
    uint64_t tree = RF_H5_NOWHERE;
    RF_TRY(parse_layout(&r, &tree));
    if (plan->filters && !parse_filters(plan->filters, &r))
        return rf_h5_fail(h5, plan->path,
                          "is compressed by a filter other than gzip; write the file without it");
    if (tree == RF_H5_NOWHERE) /* nothing was ever written: zeros */
        return RF_OK;
    r.a = rf_alloc(h5->ctx, r.bytes + 4);
    r.b = rf_alloc(h5->ctx, r.bytes + 4);
    const rf_status st = r.a && r.b ? read_tree(&r, tree, -1) : RF_ENOMEM;
    rf_free(h5->ctx, r.a);
    rf_free(h5->ctx, r.b);
    return st;
}
