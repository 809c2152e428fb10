/* Running tensors through a graph, batch by batch. */
#include <string.h>

#include "exec/plan.h"
#include "graph/ports.h"
#include "tensor/tensor.h"
#include "train/mutable_graph.h"

/* One call of rf_infer. */
typedef struct run {
    rf_context *ctx;
    rf_graph *g;
    const rf_tensor *const *inputs;
    int input_count, output_count;
    int64_t samples;
    rf_tensor **outputs; /* [output_count], made with the first batch */
} run;

static rf_status new_plan(const run *r, int64_t batch, rf_plan **out)
{
    rf_plan_options options = { .batch = batch, .mode = RF_MODE_INFER };
    rf_shape *shapes = rf_calloc(r->ctx, (size_t)r->input_count, sizeof *shapes);

    if (!shapes)
        return RF_ENOMEM;
    for (int i = 0; i < r->input_count; i++) {
        shapes[i] = r->inputs[i]->shape;
        shapes[i].dims[0] = batch;
    }
    options.input_shapes = shapes;
    const rf_status st = rf_plan_new(r->g, &options, out);
    rf_free(r->ctx, shapes);
    return st;
}

/* Samples [first, first + count) of each input; the rest of a fixed batch is zeros. */
static rf_status fill_inputs(const run *r, rf_plan *plan, int64_t batch, int64_t first,
                             int64_t count)
{
    for (int i = 0; i < r->input_count; i++) {
        const rf_tensor *t = r->inputs[i];
        const int64_t sample = t->count / r->samples;
        const float *from = rf_tensor_f32(t) + first * sample;
        if (count == batch) {
            rf_plan_set_input(plan, i, from);
            continue;
        }
        float *padded = rf_calloc(r->ctx, (size_t)(batch * sample), sizeof *padded);
        if (!padded)
            return RF_ENOMEM;
        memcpy(padded, from, (size_t)(count * sample) * sizeof *padded);
        rf_plan_set_input(plan, i, padded);
        rf_free(r->ctx, padded);
    }
    return RF_OK;
}

static rf_status fail_output(const run *r, int index, const rf_view *view, int64_t batch)
{
    const rf_shape shape = rf_view_shape(view);
    char text[RF_SHAPE_TEXT];
    return rf_fail(
        r->ctx, RF_ESHAPE,
        "output '%s' is %s for a batch of %lld: its first dimension is not the batch; run "
        "one sample at a time, or all %lld as one batch",
        r->g->outputs.items[index]->name, rf_shape_text(&shape, text), (long long)batch,
        (long long)r->samples);
}

/* Where all samples are one batch, an output may have any shape: a list of detections, say. */
static rf_status new_output(run *r, int index, const rf_view *view, int64_t batch)
{
    rf_shape shape = rf_view_shape(view);
    if (r->samples != batch) {
        if (shape.rank < 1 || shape.dims[0] != batch)
            return fail_output(r, index, view, batch);
        shape.dims[0] = r->samples;
    }
    return rf_tensor_new_shape(r->ctx, view->dtype, &shape, &r->outputs[index]);
}

/* `count` samples of the batch's output into their place in the whole. */
static rf_status take_output(run *r, int index, const rf_view *view, int64_t batch, int64_t first,
                             int64_t count)
{
    rf_tensor *t = r->outputs[index];
    rf_view src = *view, dst;
    rf_shape part = t->shape;
    if (r->samples != batch) {
        if (src.rank != part.rank || src.dims[0] != batch)
            return fail_output(r, index, view, batch);
        part.dims[0] = src.dims[0] = count;
    }
    const rf_shape found = rf_view_shape(&src);
    if (!rf_shape_equal(&found, &part))
        return fail_output(r, index, view, batch);
    rf_view_init(&dst, t->dtype, &part, RF_LAYOUT_PLAIN);
    const size_t bytes = (size_t)(t->count / r->samples * first) * rf_dtype_bytes(t->dtype);
    dst.data = (char *)t->data + bytes;
    rf_view_copy(&src, &dst);
    return RF_OK;
}

static rf_status take_outputs(run *r, const rf_plan *plan, int64_t batch, int64_t first,
                              int64_t count)
{
    for (int i = 0; i < r->output_count; i++) {
        const rf_view *view = rf_plan_output(plan, i);
        if (!r->outputs[i])
            RF_TRY(new_output(r, i, view, batch));
        RF_TRY(take_output(r, i, view, batch, first, count));
    }
    return RF_OK;
}

static rf_status run_batch(run *r, rf_plan *plan, int64_t batch, int64_t first, int64_t count)
{
    RF_TRY(rf_check_interrupt(r->ctx));
    RF_TRY(fill_inputs(r, plan, batch, first, count));
    RF_TRY(rf_plan_forward(plan));
    return take_outputs(r, plan, batch, first, count);
}

/* Full batches first; then what is left, on a plan of its own size unless the graph fixes the batch. */
static rf_status run_batches(run *r, int64_t batch, bool fixed)
{
    const int64_t whole = r->samples / batch * batch, rest = r->samples - whole;
    rf_plan *plan = NULL;
    rf_status st = RF_OK;

    if (whole > 0 || fixed)
        st = new_plan(r, batch, &plan);
    for (int64_t first = 0; !st && first < whole; first += batch)
        st = run_batch(r, plan, batch, first, batch);
    if (!st && rest > 0 && !fixed) {
        rf_plan_free(plan);
        plan = NULL;
        batch = rest;
        st = new_plan(r, batch, &plan);
    }
    if (!st && rest > 0)
        st = run_batch(r, plan, batch, whole, rest);
    rf_plan_free(plan);
    return st;
}

rf_status rf_infer(const rf_graph *graph, const rf_tensor *const *inputs, int64_t batch,
                   rf_tensor **outputs)
{
    run r = { .ctx = graph->ctx,
              .g = rf_graph_for_inference(graph),
              .inputs = inputs,
              .input_count = rf_graph_input_count(graph),
              .output_count = rf_graph_output_count(graph) };
    const int64_t fixed = rf_graph_fixed_batch(graph);
    rf_status st;

    if (batch < 1)
        return rf_fail(r.ctx, RF_EARG, "batch %lld: expected 1 or more", (long long)batch);
    if (fixed > 0 && batch != fixed)
        return rf_fail(r.ctx, RF_EARG, "the graph takes batches of %lld samples only, not %lld",
                       (long long)fixed, (long long)batch);
    RF_TRY(rf_graph_need_float_inputs(graph));
    RF_TRY(rf_graph_check_inputs(graph, inputs));
    r.samples = inputs[0]->shape.dims[0];
    rf_use_threads(r.ctx);
    RF_NEW_ARRAY(r.ctx, r.outputs, r.output_count ? r.output_count : 1);
    st = run_batches(&r, batch, fixed > 0);
    for (int i = 0; i < r.output_count; i++) {
        if (st)
            rf_tensor_free(r.outputs[i]);
        else
            outputs[i] = r.outputs[i];
    }
    rf_free(r.ctx, r.outputs);
    return st;
}
