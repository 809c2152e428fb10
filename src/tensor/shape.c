/* Shapes: rank and dims, overflow-checked. */
#include "tensor/shape.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MAX_COUNT ((int64_t)1 << 62)

rf_shape rf_shape_of(int rank, const int64_t *dims)
{
    rf_shape s = { .rank = rank };
    if (rank > 0)
        memcpy(s.dims, dims, (size_t)rank * sizeof *dims);
    return s;
}

/* False on a negative dim or overflow. */
static bool multiply(const rf_shape *shape, int64_t *out)
{
    int64_t count = 1;
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        const int64_t d = shape->dims[i];
        empty |= d == 0;
        if (d < 0 || (d > 0 && count > MAX_COUNT / d))
            return false;
        count *= d ? d : 1;
    }
    *out = empty ? 0 : count;
    return true;
}

rf_status rf_shape_count(rf_context *ctx, const rf_shape *shape, int64_t *out)
{
    char text[RF_SHAPE_TEXT];
    if (shape->rank < 0 || !multiply(shape, out))
        return rf_fail(ctx, RF_ESHAPE, "shape %s has no usable number of elements",
                       rf_shape_text(shape, text));
    return RF_OK;
}

int64_t rf_shape_product(const rf_shape *shape)
{
    int64_t count = 0;
    const bool fine = multiply(shape, &count);
    assert(fine);
    (void)fine;
    return count;
}

bool rf_shape_equal(const rf_shape *a, const rf_shape *b)
{
    return a->rank == b->rank &&
           (a->rank <= 0 || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0);
}

bool rf_shape_known(const rf_shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 0)
            return false;
    return shape->rank >= 0;
}

const char *rf_shape_text(const rf_shape *shape, char buffer[RF_SHAPE_TEXT])
{
    if (shape->rank < 0) {
        snprintf(buffer, RF_SHAPE_TEXT, "unknown");
        return buffer;
    }
    size_t used = (size_t)snprintf(buffer, RF_SHAPE_TEXT, "[");
    for (int i = 0; i < shape->rank && used < RF_SHAPE_TEXT; i++) {
        const char *comma = i ? ", " : "";
        const int n = shape->dims[i] < 0
                          ? snprintf(buffer + used, RF_SHAPE_TEXT - used, "%s?", comma)
                          : snprintf(buffer + used, RF_SHAPE_TEXT - used, "%s%lld", comma,
                                     (long long)shape->dims[i]);
        used += (size_t)n;
    }
    if (used < RF_SHAPE_TEXT)
        snprintf(buffer + used, RF_SHAPE_TEXT - used, "]");
    return buffer;
}

rf_status rf_shape_broadcast(rf_context *ctx, const rf_shape *a, const rf_shape *b, rf_shape *out)
{
    rf_shape result = { .rank = a->rank > b->rank ? a->rank : b->rank };
    for (int i = 0; i < result.rank; i++) {
        const int ia = i - (result.rank - a->rank), ib = i - (result.rank - b->rank);
        const int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1) {
            char text_a[RF_SHAPE_TEXT], text_b[RF_SHAPE_TEXT];
            return rf_fail(ctx, RF_ESHAPE, "shapes %s and %s do not broadcast",
                           rf_shape_text(a, text_a), rf_shape_text(b, text_b));
        }
        result.dims[i] = da == 1 ? db : da;
    }
    *out = result;
    return RF_OK;
}
