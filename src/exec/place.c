/* Placement: one block of memory for all buffers; those alive at the same moment do not overlap. */
#include "exec/plan_impl.h"

#include <stdlib.h>

static size_t round_up(size_t bytes)
{
    return (bytes + RF_ALIGN - 1) / RF_ALIGN * RF_ALIGN;
}

/* Large buffers first: small ones fill the gaps. The index breaks ties, so that placement repeats. */
static int larger_first(const void *a, const void *b)
{
    const rf_buffer *x = *(rf_buffer *const *)a, *y = *(rf_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

static bool alive_together(const rf_buffer *a, const rf_buffer *b)
{
    return a->birth <= b->death && b->birth <= a->death;
}

/* Lowest offset where `b` fits among those placed, which are kept in order of their offsets. */
static size_t lowest_offset(rf_buffer *const *placed, size_t count, const rf_buffer *b)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (!alive_together(placed[i], b))
            continue;
        if (offset + round_up(b->bytes) <= placed[i]->offset)
            break;
        const size_t end = placed[i]->offset + round_up(placed[i]->bytes);
        offset = offset > end ? offset : end;
    }
    return offset;
}

static void insert_by_offset(rf_buffer **placed, size_t count, rf_buffer *b)
{
    size_t i = count;
    for (; i > 0 && placed[i - 1]->offset > b->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = b;
}

rf_status rf_plan_place(rf_context *ctx, rf_buffer *buffers, size_t count, size_t *bytes_out)
{
    rf_buffer **order = NULL, **placed = NULL;
    RF_NEW_ARRAY(ctx, order, 2 * count + 1);
    placed = order + count;
    for (size_t i = 0; i < count; i++)
        order[i] = &buffers[i];
    qsort(order, count, sizeof *order, larger_first);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        rf_buffer *b = order[i];
        b->offset = lowest_offset(placed, i, b);
        insert_by_offset(placed, i, b);
        if (b->offset + round_up(b->bytes) > bytes)
            bytes = b->offset + round_up(b->bytes);
    }
    rf_free(ctx, order);
    *bytes_out = bytes;
    return RF_OK;
}
