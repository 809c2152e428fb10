/* One of the two networks: run here on a plan, or by the caller's runner. */
#include <string.h>

#include "base/status.h"
#include "compare/compare.h"
#include "graph/copy.h"

rf_status rf_side_new(const rf_graph *graph, const int *feed, const rf_runner *runner, rf_side *out)
{
    const size_t inputs = graph->inputs.count;
    *out = (rf_side){ .ctx = graph->ctx, .runner = runner };
    RF_TRY(rf_graph_outline(graph, &out->graph));
    RF_NEW_ARRAY(out->ctx, out->feed, inputs + 1);
    RF_NEW_ARRAY(out->ctx, out->shapes, inputs + 1);
    memcpy(out->feed, feed, inputs * sizeof *feed);
    return RF_OK;
}

rf_status rf_side_watch(rf_side *side, const char *name, int *at_out)
{
    rf_graph *g = side->graph;
    rf_value *v = rf_graph_find_value(g, name);
    for (size_t i = 0; i < g->outputs.count; i++)
        if (g->outputs.items[i] == v) {
            *at_out = (int)i;
            return RF_OK;
        }
    *at_out = (int)g->outputs.count;
    return rf_graph_mark_output(g, v);
}

rf_status rf_side_open(rf_side *side)
{
    RF_NEW_ARRAY(side->ctx, side->results, side->graph->outputs.count + 1);
    return side->runner ? side->runner->open(side->runner->user, side->graph, &side->handle)
                        : RF_OK;
}

static void drop_results(rf_side *side)
{
    for (size_t i = 0; side->results && i < side->graph->outputs.count; i++) {
        rf_tensor_free(side->results[i]);
        side->results[i] = NULL;
    }
}

static rf_status plan_for(rf_side *side, const rf_tensor *const *inputs)
{
    const int count = (int)side->graph->inputs.count;
    bool same = side->plan != NULL;
    for (int i = 0; same && i < count; i++)
        same = rf_shape_equal(&side->shapes[i], &inputs[side->feed[i]]->shape);
    if (same)
        return RF_OK;
    rf_plan_free(side->plan);
    side->plan = NULL;
    for (int i = 0; i < count; i++)
        side->shapes[i] = inputs[side->feed[i]]->shape;
    const rf_plan_options o = { .batch = side->shapes[0].dims[0],
                                .input_shapes = side->shapes,
                                .mode = RF_MODE_INFER };
    return rf_plan_new(side->graph, &o, &side->plan);
}

static rf_status run_here(rf_side *side, const rf_tensor *const *inputs)
{
    RF_TRY(plan_for(side, inputs));
    for (int i = 0; i < (int)side->graph->inputs.count; i++)
        rf_plan_set_input(side->plan, i, rf_tensor_f32(inputs[side->feed[i]]));
    return rf_plan_forward(side->plan);
}

static rf_status run_elsewhere(rf_side *side, const rf_tensor *const *inputs)
{
    const rf_runner *r = side->runner;
    const rf_tensor **mine = NULL;
    drop_results(side);
    RF_NEW_ARRAY(side->ctx, mine, side->graph->inputs.count + 1);
    for (size_t i = 0; i < side->graph->inputs.count; i++)
        mine[i] = inputs[side->feed[i]];
    const rf_status st = r->run(r->user, side->handle, mine, side->results);
    rf_free(side->ctx, mine);
    return st;
}

rf_status rf_side_run(rf_side *side, const rf_tensor *const *inputs)
{
    return side->runner ? run_elsewhere(side, inputs) : run_here(side, inputs);
}

void rf_side_view(const rf_side *side, int at, rf_view *out)
{
    if (!side->runner) {
        *out = *rf_plan_output(side->plan, at);
        return;
    }
    rf_view_init(out, side->results[at]->dtype, &side->results[at]->shape, RF_LAYOUT_PLAIN);
    out->data = side->results[at]->data;
}

void rf_side_release(rf_side *side)
{
    drop_results(side);
    rf_plan_free(side->plan);
    rf_free(side->ctx, side->results);
    rf_free(side->ctx, side->shapes);
    rf_free(side->ctx, side->feed);
    rf_graph_free(side->graph);
    *side = (rf_side){ 0 };
}
