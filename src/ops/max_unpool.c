/*
 * MaxUnpool: values back at the places that MaxPool's indices name, zeros elsewhere. The indices count
 * in the size that the attributes give; where input 2 asks for a larger output, it is filled up at
 * the ends. Opset 9.
 */
#include <string.h>

#include "ops/element.h"
#include "ops/indexing.h"
#include "ops/strided.h"
#include "ops/window.h"

/* Size of each spatial axis before anything is filled up. */
static rf_status pooled_from(rf_context *ctx, const rf_node *n, const rf_shape *x, rf_window *w)
{
    RF_TRY(rf_window_read(ctx, n, x, NULL, w));
    for (int i = 0; i < w->spatial; i++) {
        w->out[i] = (w->in[i] - 1) * w->stride[i] + w->kernel[i] - w->pad_begin[i] - w->pad_end[i];
        if (w->out[i] < 1)
            return rf_node_fail(ctx, n, RF_ESHAPE, "output of %lld on axis %d",
                                (long long)w->out[i], i);
    }
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    rf_window w;
    int64_t asked[2 * RF_MAX_RANK];
    int count;
    rf_shape dst = io->in[0].shape;
    RF_TRY(rf_infer_float_at(io, 0));
    RF_TRY(rf_infer_index_type(io, 1));
    if (!rf_shape_equal(&io->in[0].shape, &io->in[1].shape))
        return rf_infer_fail(io, RF_ESHAPE, "values and indices have different shapes");
    RF_TRY(pooled_from(io->ctx, io->node, &io->in[0].shape, &w));
    RF_TRY(rf_infer_ints(io, NULL, 2, asked, &count));
    if (count >= 0 && count != dst.rank)
        return rf_infer_fail(io, RF_EMODEL, "output_shape has %d dims, expected %d", count,
                             dst.rank);
    for (int i = 0; i < w.spatial; i++) {
        dst.dims[2 + i] = count < 0 ? w.out[i] : asked[2 + i];
        if (dst.dims[2 + i] < w.out[i])
            return rf_infer_fail(io, RF_ESHAPE,
                                 "output_shape has %lld on axis %d, expected at least %lld",
                                 (long long)dst.dims[2 + i], i, (long long)w.out[i]);
    }
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

static rf_status prepare(rf_step *s)
{
    const rf_shape x = rf_view_shape(&s->in[0]);
    void *memory;
    RF_TRY(rf_step_new_state(s, sizeof(rf_window), &memory));
    return pooled_from(s->ctx, s->node, &x, memory);
}

/* Element of the output to which value i goes. */
static rf_status place(const rf_step *s, int64_t i, int64_t *out)
{
    const rf_window *w = s->state;
    int64_t rest = 0, at = 0, step = 1, total = s->in[0].dims[0] * s->in[0].dims[1];
    for (int d = 0; d < w->spatial; d++)
        total *= w->out[d];
    RF_TRY(rf_step_index(s, rf_element_i64(s->in[1].dtype, s->in[1].data, i), total, &rest));
    for (int d = w->spatial - 1; d >= 0; d--) {
        at += rest % w->out[d] * step;
        rest /= w->out[d];
        step *= s->out[0].dims[2 + d];
    }
    *out = at + rest * step;
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    rf_view_zero(&s->out[0]);
    for (int64_t i = 0; i < rf_view_count(&s->in[0]); i++) {
        int64_t at = 0;
        RF_TRY(place(s, i, &at));
        rf_view_f32(&s->out[0])[at] = rf_view_f32(&s->in[0])[i];
    }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    for (int64_t i = 0; i < rf_view_count(&s->in[0]); i++) {
        int64_t at = 0;
        RF_TRY(place(s, i, &at));
        rf_view_f32(&s->diff_in[0])[i] = rf_view_f32(&s->diff_out[0])[at];
    }
    return RF_OK;
}

const rf_op rf_op_max_unpool = {
    .onnx_name = "MaxUnpool",
    .since_opset = 9,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = RF_NEEDS_IN(1),
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
