/* DepthToSpace and SpaceToDepth: six-dimensional views of the same elements. */
#include "ops/pixel_blocks.h"

static void set_dim(rf_view *v, int d, int64_t dim, int64_t stride)
{
    v->dims[d] = dim;
    v->strides[d] = stride;
}

void rf_pixel_blocks(const rf_view *deep, const rf_view *wide, bool columns_first,
                     rf_view *deep_out, rf_view *wide_out)
{
    const int64_t c = wide->dims[1], h = deep->dims[2], w = deep->dims[3];
    const int64_t b = h ? wide->dims[2] / h : 1, channel = deep->strides[1];
    *deep_out = *deep;
    *wide_out = *wide;
    deep_out->rank = wide_out->rank = 6;
    set_dim(deep_out, 0, deep->dims[0], deep->strides[0]);
    set_dim(deep_out, 1, c, columns_first ? channel : b * b * channel);
    set_dim(deep_out, 2, h, deep->strides[2]);
    set_dim(deep_out, 3, b, columns_first ? b * c * channel : b * channel);
    set_dim(deep_out, 4, w, deep->strides[3]);
    set_dim(deep_out, 5, b, columns_first ? c * channel : channel);
    set_dim(wide_out, 0, wide->dims[0], wide->strides[0]);
    set_dim(wide_out, 1, c, wide->strides[1]);
    set_dim(wide_out, 2, h, b * wide->strides[2]);
    set_dim(wide_out, 3, b, wide->strides[2]);
    set_dim(wide_out, 4, w, b * wide->strides[3]);
    set_dim(wide_out, 5, b, wide->strides[3]);
}
