/* Views: strided windows on memory, and copies between layouts. */
#include "tensor/view.h"

#include <string.h>

#include "tensor/tensor.h"

/* Strides of a dense layout. Channels last of rank < 3 is plain. */
static void layout_strides(int rank, const int64_t *dims, rf_layout layout, int64_t *strides)
{
    int64_t step = 1;
    const bool last = layout == RF_LAYOUT_CHANNELS_LAST && rank >= 3;
    if (last) {
        strides[1] = step;
        step *= dims[1];
    }
    for (int i = rank - 1; i >= 0; i--) {
        if (last && i == 1)
            continue;
        strides[i] = step;
        step *= dims[i];
    }
}

void rf_view_init(rf_view *view, rf_dtype dtype, const rf_shape *shape, rf_layout layout)
{
    *view = (rf_view){ .dtype = dtype, .rank = shape->rank };
    memcpy(view->dims, shape->dims, sizeof view->dims);
    layout_strides(view->rank, view->dims, layout, view->strides);
}

int64_t rf_view_count(const rf_view *view)
{
    int64_t count = 1;
    for (int i = 0; i < view->rank; i++)
        count *= view->dims[i];
    return count;
}

rf_shape rf_view_shape(const rf_view *view)
{
    return rf_shape_of(view->rank, view->dims);
}

bool rf_view_is(const rf_view *view, rf_layout layout)
{
    int64_t dense[RF_MAX_RANK];
    layout_strides(view->rank, view->dims, layout, dense);
    for (int i = 0; i < view->rank; i++)
        if (view->dims[i] > 1 && view->strides[i] != dense[i])
            return false;
    return true;
}

bool rf_view_is_dense(const rf_view *view)
{
    return rf_view_is(view, RF_LAYOUT_PLAIN) || rf_view_is(view, RF_LAYOUT_CHANNELS_LAST);
}

bool rf_view_same_order(const rf_view *a, const rf_view *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i] || (a->dims[i] > 1 && a->strides[i] != b->strides[i]))
            return false;
    return true;
}

static inline void copy_row(const char *src, char *dst, int64_t n, int64_t src_step,
                            int64_t dst_step, size_t bytes)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(dst + i * dst_step * (int64_t)bytes, src + i * src_step * (int64_t)bytes, bytes);
}

void rf_view_copy(const rf_view *src, const rf_view *dst)
{
    const size_t bytes = rf_dtype_bytes(src->dtype);
    const int64_t count = rf_view_count(src);
    if (count == 0)
        return;
    if (rf_view_same_order(src, dst) && rf_view_is_dense(src)) {
        memmove(dst->data, src->data, (size_t)count * bytes);
        return;
    }
    const int last = src->rank - 1;
    const int64_t row = last >= 0 ? src->dims[last] : 1;
    int64_t index[RF_MAX_RANK] = { 0 };
    for (int64_t done = 0; done < count; done += row) {
        int64_t from = 0, to = 0;
        for (int i = 0; i < last; i++) {
            from += index[i] * src->strides[i];
            to += index[i] * dst->strides[i];
        }
        const char *s = (const char *)src->data + from * (int64_t)bytes;
        char *d = (char *)dst->data + to * (int64_t)bytes;
        if (bytes == 4) /* a constant size lets the compiler drop memcpy */
            copy_row(s, d, row, last >= 0 ? src->strides[last] : 0,
                     last >= 0 ? dst->strides[last] : 0, 4);
        else
            copy_row(s, d, row, last >= 0 ? src->strides[last] : 0,
                     last >= 0 ? dst->strides[last] : 0, bytes);
        for (int i = last - 1; i >= 0 && ++index[i] == src->dims[i]; i--)
            index[i] = 0;
    }
}

void rf_view_split(const rf_view *view, int axis, int64_t *outer_out, int64_t *inner_out)
{
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < axis; i++)
        outer *= view->dims[i];
    for (int i = axis + 1; i < view->rank; i++)
        inner *= view->dims[i];
    *outer_out = outer;
    *inner_out = inner;
}
