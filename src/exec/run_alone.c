/* One node on tensors that are all known, whatever its operator: at planning, and where shapes depend on the data. */
#include "exec/plan_impl.h"

/* `view` stands for a row-major tensor: the same in the layout that convolutions take, in memory of its own. */
static rf_status to_channels_last(rf_context *ctx, rf_view *view, bool copy)
{
    const rf_view plain = *view;
    const rf_shape shape = rf_view_shape(view);
    rf_view_init(view, plain.dtype, &shape, RF_LAYOUT_CHANNELS_LAST);
    view->data = rf_calloc(ctx, (size_t)rf_view_count(view) + 1, rf_dtype_bytes(view->dtype));
    if (!view->data)
        return RF_ENOMEM;
    if (copy)
        rf_view_copy(&plain, view);
    return RF_OK;
}

static bool is_moved(const rf_step *s, int i)
{
    const bool parameter = i < 5 && s->op->roles[i] != RF_ROLE_NONE;
    return s->in[i].data && s->in[i].rank >= 3 && !parameter;
}

/* Scratch of its own, not the plan's. */
static rf_status run(rf_step *s)
{
    void *scratch = NULL, *saved = NULL;
    s->scratch_bytes = s->saved_bytes = 0;
    rf_status st = s->op->prepare ? s->op->prepare(s) : RF_OK;
    if (st == RF_OK && s->scratch_bytes && !(scratch = rf_alloc(s->ctx, s->scratch_bytes)))
        st = RF_ENOMEM;
    if (st == RF_OK && s->saved_bytes && !(saved = rf_alloc(s->ctx, s->saved_bytes)))
        st = RF_ENOMEM;
    s->scratch = scratch;
    s->saved = saved;
    if (st == RF_OK)
        st = s->op->forward(s);
    rf_free(s->ctx, scratch);
    rf_free(s->ctx, saved);
    if (s->op->release)
        s->op->release(s);
    return st;
}

/* The step on copies of its tensors in the other layout. */
static rf_status run_moved(rf_step *s)
{
    rf_view in[RF_OP_MAX_IO], out[RF_OP_MAX_IO];
    rf_step moved = *s;
    rf_status st = RF_OK;
    moved.in = in;
    moved.out = out;
    for (int i = 0; i < s->in_count; i++)
        in[i] = s->in[i];
    for (int i = 0; i < s->out_count; i++)
        out[i] = s->out[i];
    for (int i = 0; i < s->in_count && !st; i++)
        st = is_moved(s, i) ? to_channels_last(s->ctx, &in[i], /*copy=*/true) : RF_OK;
    for (int i = 0; i < s->out_count && !st; i++)
        st = s->out[i].data ? to_channels_last(s->ctx, &out[i], /*copy=*/false) : RF_OK;
    if (!st)
        st = run(&moved);
    for (int i = 0; i < s->out_count; i++) {
        if (!st && s->out[i].data)
            rf_view_copy(&out[i], &s->out[i]);
        if (out[i].data != s->out[i].data)
            rf_free(s->ctx, out[i].data);
    }
    for (int i = 0; i < s->in_count; i++)
        if (in[i].data != s->in[i].data)
            rf_free(s->ctx, in[i].data);
    return st;
}

rf_status rf_plan_evaluate(rf_step *s)
{
    return s->op->layout == RF_LAYOUT_NEED_CHANNELS_LAST ? run_moved(s) : run(s);
}
