/* Gather: slices of `data` along `axis`, picked by an integer tensor of any shape. Opset 1. */
#include <string.h>

#include "ops/element.h"
#include "ops/indexing.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    const rf_shape *data = &io->in[0].shape, *indices = &io->in[1].shape;
    rf_shape dst = { 0 };
    int axis;
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 0), data->rank, &axis));
    RF_TRY(rf_infer_index_type(io, 1));
    if (data->rank - 1 + indices->rank > RF_MAX_RANK)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "the output would have more than %d dims",
                             RF_MAX_RANK);
    for (int d = 0; d < axis; d++)
        dst.dims[dst.rank++] = data->dims[d];
    for (int d = 0; d < indices->rank; d++)
        dst.dims[dst.rank++] = indices->dims[d];
    for (int d = axis + 1; d < data->rank; d++)
        dst.dims[dst.rank++] = data->dims[d];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

/* Sizes of the plain arrays: data [outer][length][inner], output [outer][picks][inner]. */
typedef struct sizes {
    int64_t outer, length, inner, picks;
} sizes;

static sizes sizes_of(const rf_step *s)
{
    const int axis = rf_axis_wrap(rf_attr_int(s->node, "axis", 0), s->in[0].rank);
    sizes z = { .length = s->in[0].dims[axis], .picks = rf_view_count(&s->in[1]) };
    rf_view_split(&s->in[0], axis, &z.outer, &z.inner);
    return z;
}

static rf_status pick(const rf_step *s, const sizes *z, int64_t i, int64_t *out)
{
    return rf_step_index(s, rf_element_i64(s->in[1].dtype, s->in[1].data, i), z->length, out);
}

static rf_status forward(rf_step *s)
{
    const sizes z = sizes_of(s);
    const size_t bytes = (size_t)z.inner * rf_dtype_bytes(s->in[0].dtype);
    const char *src = s->in[0].data;
    char *dst = s->out[0].data;
    for (int64_t k = 0; k < z.picks; k++) {
        int64_t index = 0;
        RF_TRY(pick(s, &z, k, &index));
        for (int64_t o = 0; o < z.outer; o++)
            memcpy(dst + (size_t)(o * z.picks + k) * bytes,
                   src + (size_t)(o * z.length + index) * bytes, bytes);
    }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const sizes z = sizes_of(s);
    float *diff_data = rf_view_f32(&s->diff_in[0]);
    const float *diff_dst = rf_view_f32(&s->diff_out[0]);
    if (!diff_data)
        return RF_OK;
    rf_view_zero(&s->diff_in[0]);
    for (int64_t k = 0; k < z.picks && diff_dst; k++) {
        int64_t index = 0;
        RF_TRY(pick(s, &z, k, &index));
        for (int64_t o = 0; o < z.outer; o++)
            for (int64_t i = 0; i < z.inner; i++)
                diff_data[(o * z.length + index) * z.inner + i] +=
                    diff_dst[(o * z.picks + k) * z.inner + i];
    }
    return RF_OK;
}

const rf_op rf_op_gather = {
    .onnx_name = "Gather",
    .since_opset = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = RF_NEEDS_IN(1),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
