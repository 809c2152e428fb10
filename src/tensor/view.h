/*
 * A view: how a tensor of the running network lies in memory. Dims are always logical (ONNX order, channels
 * first); strides say where the elements are. Two layouts are dense: PLAIN (row-major) and CHANNELS_LAST
 * (n, spatial..., c), the engine's layout for convolutional tensors.
 */
#ifndef RF_TENSOR_VIEW_H
#define RF_TENSOR_VIEW_H

#include "tensor/shape.h"

typedef enum rf_layout { RF_LAYOUT_PLAIN, RF_LAYOUT_CHANNELS_LAST } rf_layout;

/*
 * Integers instead of real numbers, set at run time by the step that makes them:
 *     U8   an activation's codes      real = (code + offset) * scale
 *     I8   a layer's weights          real = code * scales[output channel]
 *     I32  a layer's sums of both     real = code * scales[channel] + shifts[channel]
 */
typedef struct rf_codes {
    float scale;         /* real units a code, > 0 */
    int32_t offset;      /* codes, <= 0: AIMET's convention; the ONNX zero point is -offset */
    const float *scales; /* [channels] */
    const float *shifts; /* [channels]; NULL: none */
    int64_t
        channels; /* of sums: the elements that follow each other in memory; of weights also 1 */
} rf_codes;

typedef struct rf_view {
    rf_dtype dtype; /* F32; U8, I8, I32 where codes != NULL; I64, ... for shape arithmetic */
    int rank;
    int64_t dims[RF_MAX_RANK];
    int64_t strides[RF_MAX_RANK]; /* in elements; >= 0; 0 repeats (broadcast) */
    void *data;                   /* NULL: absent optional tensor, or a gradient nobody wants */
    const rf_codes *codes;        /* NULL: real numbers */
} rf_view;

void rf_view_init(rf_view *view, rf_dtype dtype, const rf_shape *shape, rf_layout layout);
int64_t rf_view_count(const rf_view *view);
rf_shape rf_view_shape(const rf_view *view);
/* Elements lie densely in this layout (both may hold, e.g. [n, c] or [n, c, 1, 1]). */
bool rf_view_is(const rf_view *view, rf_layout layout);
bool rf_view_is_dense(const rf_view *view);                  /* in either layout */
bool rf_view_same_order(const rf_view *a, const rf_view *b); /* same dims and strides */
static inline float *rf_view_f32(const rf_view *v)
{
    return (float *)v->data;
}
static inline int64_t *rf_view_i64(const rf_view *v)
{
    return (int64_t *)v->data;
}
/* Copy elements of the same dims and dtype between any two strided layouts. */
void rf_view_copy(const rf_view *src, const rf_view *dst);
/* Size of the leading/trailing blocks as (outer, channels, inner) around `axis` for a PLAIN view. */
void rf_view_split(const rf_view *view, int axis, int64_t *outer_out, int64_t *inner_out);

#endif
