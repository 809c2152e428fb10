/* What goes in and out of a graph, and the public handle's small functions. */
#include "graph/ports.h"

#include <string.h>

#include "base/status.h"
#include "graph/copy.h"
#include "tensor/tensor.h"

int rf_graph_input_count(const rf_graph *g)
{
    return (int)g->inputs.count;
}

int rf_graph_output_count(const rf_graph *g)
{
    return (int)g->outputs.count;
}

/* Names, one a line. */
#define CHANNELS_LAST "refold.channels_last"

static bool is_channels_last(const rf_graph *g, const char *port)
{
    const char *names = rf_graph_metadata(g, CHANNELS_LAST);
    const size_t size = strlen(port);
    for (const char *line = names; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strcspn(line, "\n") == size && strncmp(line, port, size) == 0)
            return true;
    }
    return false;
}

rf_status rf_graph_set_channels_last(rf_graph *g, const char *port)
{
    const char *names = rf_graph_metadata(g, CHANNELS_LAST);
    if (is_channels_last(g, port))
        return RF_OK;
    const char *all = names ? rf_arena_printf(&g->arena, "%s\n%s", names, port) : port;
    return all ? rf_graph_set_metadata(g, CHANNELS_LAST, all) : RF_ENOMEM;
}

static rf_port port_of(const rf_graph *g, const rf_value *v)
{
    rf_port port = { .name = v->name,
                     .dtype = v->dtype,
                     .rank = v->shape.rank,
                     .channels_last = is_channels_last(g, v->name) };
    memcpy(port.dims, v->shape.dims, sizeof port.dims);
    return port;
}

rf_status rf_graph_input(const rf_graph *g, int index, rf_port *out)
{
    if (index < 0 || index >= rf_graph_input_count(g))
        return rf_fail(g->ctx, RF_EARG, "input %d asked for; the graph has %d", index,
                       rf_graph_input_count(g));
    *out = port_of(g, g->inputs.items[index]);
    return RF_OK;
}

rf_status rf_graph_output(const rf_graph *g, int index, rf_port *out)
{
    if (index < 0 || index >= rf_graph_output_count(g))
        return rf_fail(g->ctx, RF_EARG, "output %d asked for; the graph has %d", index,
                       rf_graph_output_count(g));
    *out = port_of(g, g->outputs.items[index]);
    return RF_OK;
}

rf_status rf_graph_copy(const rf_graph *g, rf_graph **out)
{
    return rf_graph_clone(g, out);
}

rf_status rf_graph_sample_shape(const rf_graph *g, int input, rf_shape *out)
{
    rf_port port;
    RF_TRY(rf_graph_input(g, input, &port));
    if (port.rank == 0)
        return rf_fail(g->ctx, RF_EARG,
                       "input '%s' is a scalar; expected a shape with the batch in front",
                       port.name);
    rf_shape sample = { .rank = port.rank - 1 };
    for (int i = 1; i < port.rank; i++)
        sample.dims[i - 1] = port.dims[i];
    if (port.rank < 0)
        sample.rank = -1;
    *out = sample;
    return RF_OK;
}

rf_status rf_graph_need_float(const rf_graph *g, const char *purpose)
{
    for
        RF_GRAPH_EACH_NODE(n, g)
        {
            if (rf_node_is(n, "QuantizeLinear") || rf_node_is(n, "DequantizeLinear"))
                return rf_fail(g->ctx, RF_ESTATE,
                               "the model is quantized already, by %s '%s'; %s takes the float "
                               "model or its simulation",
                               n->op_type, n->name, purpose);
        }
    return RF_OK;
}

rf_status rf_graph_need_float_inputs(const rf_graph *g)
{
    if (g->inputs.count == 0)
        return rf_fail(g->ctx, RF_EMODEL, "the graph has no inputs, so there is nothing to feed");
    for (size_t i = 0; i < g->inputs.count; i++) {
        const rf_value *v = g->inputs.items[i];
        if (v->dtype != RF_DTYPE_F32)
            return rf_fail(g->ctx, RF_EUNSUPPORTED,
                           "input '%s' of the model is %s; refold feeds float32 inputs only: cast "
                           "inside of the model",
                           v->name, rf_dtype_name(v->dtype));
    }
    return RF_OK;
}

int64_t rf_graph_fixed_batch(const rf_graph *g)
{
    int64_t batch = 0;
    for (size_t i = 0; i < g->inputs.count; i++) {
        const rf_shape *shape = &g->inputs.items[i]->shape;
        if (shape->rank < 1 || shape->dims[0] <= 0)
            return 0;
        batch = shape->dims[0];
    }
    return batch;
}

/* Found and declared dims agree but for the batch, which is in front, and dims that the graph leaves open. */
static bool fits(const rf_shape *found, const rf_shape *declared)
{
    if (declared->rank < 1)
        return true;
    bool same = found->rank == declared->rank;
    for (int d = 1; same && d < found->rank; d++)
        same = declared->dims[d] < 0 || found->dims[d] == declared->dims[d];
    return same;
}

rf_status rf_graph_check_inputs(const rf_graph *g, const rf_tensor *const *inputs)
{
    char text[RF_SHAPE_TEXT], expected[RF_SHAPE_TEXT];

    for (size_t i = 0; i < g->inputs.count; i++) {
        const rf_tensor *t = inputs[i];
        const rf_shape *declared = &g->inputs.items[i]->shape;
        const char *name = g->inputs.items[i]->name;
        if (t->dtype != RF_DTYPE_F32 || t->shape.rank < 1)
            return rf_fail(g->ctx, RF_EDATA, "input '%s': found %s %s, expected float32 [n, ...]",
                           name, rf_dtype_name(t->dtype), rf_shape_text(&t->shape, text));
        if (t->shape.dims[0] != inputs[0]->shape.dims[0])
            return rf_fail(g->ctx, RF_EDATA,
                           "input '%s' has %lld samples, the first input has %lld", name,
                           (long long)t->shape.dims[0], (long long)inputs[0]->shape.dims[0]);
        if (!fits(&t->shape, declared))
            return rf_fail(g->ctx, RF_EDATA, "input '%s': found %s, the model takes %s", name,
                           rf_shape_text(&t->shape, text), rf_shape_text(declared, expected));
    }
    return inputs[0]->shape.dims[0] > 0 ? RF_OK
                                        : rf_fail(g->ctx, RF_EDATA, "the inputs hold no samples");
}
