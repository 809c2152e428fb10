/* What MaxPool and AveragePool share: from attributes to a pool's shape. */
#include "ops/pool.h"

static rf_status describe(rf_context *ctx, const rf_node *n, const rf_shape *x, rf_window *out)
{
    RF_TRY(rf_window_read(ctx, n, x, NULL, out));
    RF_TRY(rf_window_slide(ctx, n, out));
    for (int i = 0; i < out->spatial; i++) {
        const int64_t reach = rf_window_reach(out, i);
        if (out->pad_begin[i] >= reach || out->pad_end[i] >= reach)
            return rf_node_fail(
                ctx, n, RF_EUNSUPPORTED,
                "pads of %lld and %lld on axis %d reach over the whole kernel of %lld: windows "
                "without input",
                (long long)out->pad_begin[i], (long long)out->pad_end[i], i, (long long)reach);
    }
    return RF_OK;
}

rf_status rf_pool_infer(rf_inference *io)
{
    rf_window w;
    RF_TRY(rf_infer_float(io));
    RF_TRY(describe(io->ctx, io->node, &io->in[0].shape, &w));
    rf_shape out = io->in[0].shape;
    for (int i = 0; i < w.spatial; i++)
        out.dims[2 + i] = w.out[i];
    return rf_infer_set(io, 0, RF_DTYPE_F32, &out);
}

rf_status rf_pool_prepare(rf_step *s)
{
    const rf_shape x = rf_view_shape(&s->in[0]);
    rf_window w;
    void *memory;
    RF_TRY(describe(s->ctx, s->node, &x, &w));
    RF_TRY(rf_step_new_state(s, sizeof(rf_pool_shape), &memory));
    rf_pool_shape *p = memory;
    p->n = x.dims[0];
    p->c = x.dims[1];
    p->count_padding = rf_attr_int(s->node, "count_include_pad", 0) != 0;
    for (int i = 0; i < 3; i++) {
        const int from = i - (3 - w.spatial);
        p->in[i] = from < 0 ? 1 : w.in[from];
        p->out[i] = from < 0 ? 1 : w.out[from];
        p->kernel[i] = from < 0 ? 1 : w.kernel[from];
        p->stride[i] = from < 0 ? 1 : w.stride[from];
        p->dilation[i] = from < 0 ? 1 : w.dilation[from];
        p->pad_begin[i] = from < 0 ? 0 : w.pad_begin[from];
        p->pad_end[i] = from < 0 ? 0 : w.pad_end[from];
    }
    return RF_OK;
}
