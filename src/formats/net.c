/* Tensors and nodes of a network that is built from channels-last descriptions. */
#include "formats/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "graph/ports.h"

enum { OPSET = 13, LONGEST_MESSAGE = 1024 };

static const rf_net_tensor nothing = { 0 };

rf_status rf_net_init(rf_net *net, rf_context *ctx, const char *name)
{
    *net = (rf_net){ .at = "the network" };
    RF_TRY(rf_graph_new(ctx, name, &net->g));
    rf_map_init(&net->other, ctx);
    rf_map_init(&net->forms, ctx);
    net->st = rf_graph_set_opset(net->g, "", OPSET);
    return net->st;
}

void rf_net_release(rf_net *net)
{
    if (!net->g)
        return;
    for (size_t i = 0; i < net->tensors.count; i++)
        rf_tensor_free(net->tensors.items[i]);
    RF_VEC_RELEASE(net->g->ctx, &net->tensors);
    rf_map_release(&net->other);
    rf_map_release(&net->forms);
    rf_graph_free(net->g);
    net->g = NULL;
}

rf_status rf_net_finish(rf_net *net, rf_graph **out)
{
    rf_graph *g = net->g;
    if (!net->st && !g->outputs.count)
        net->st = rf_fail(g->ctx, RF_EMODEL, "the network has no output");
    if (!net->st)
        net->st = rf_graph_prune(g);
    if (!net->st)
        net->st = rf_graph_sort(g);
    if (!net->st)
        net->st = rf_graph_check(g);
    const rf_status st = net->st;
    if (!st)
        net->g = NULL;
    for (size_t i = 0; i < net->tensors.count; i++)
        rf_tensor_free(net->tensors.items[i]);
    RF_VEC_RELEASE(g->ctx, &net->tensors);
    rf_map_release(&net->other);
    rf_map_release(&net->forms);
    rf_net_release(net);
    if (!st)
        *out = g;
    return st;
}

rf_status rf_net_fail(rf_net *net, rf_status status, const char *format, ...)
{
    char text[LONGEST_MESSAGE];
    va_list args;
    if (net->st)
        return net->st;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    net->st = rf_fail(net->g->ctx, status, "%s: %s", net->at, text);
    return net->st;
}

const char *rf_net_text(rf_net *net, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : rf_arena_alloc(&net->g->arena, (size_t)size + 1);
    if (!text) {
        net->st = net->st ? net->st : RF_ENOMEM;
        return "";
    }
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}

/* --- order of dims --- */

int rf_net_turned_axis(int axis, int rank)
{
    if (axis == 0 || rank < 3)
        return axis;
    return axis == rank - 1 ? 1 : axis + 1;
}

int rf_net_axis(rf_net *net, int64_t axis, int rank)
{
    if (axis >= -rank && axis < rank)
        return (int)(axis < 0 ? axis + rank : axis);
    rf_net_fail(net, RF_EMODEL, "axis %lld of a tensor of %d dims", (long long)axis, rank);
    return 0;
}

static rf_shape turned_shape(const rf_shape *shape)
{
    rf_shape turned = *shape;
    for (int d = 0; d < shape->rank; d++)
        turned.dims[rf_net_turned_axis(d, shape->rank)] = shape->dims[d];
    return turned;
}

/* perm of the Transpose that makes channels first, or last again. */
static void perm_of(int rank, bool to_turned, int64_t *perm)
{
    for (int d = 0; d < rank; d++) {
        const int t = rf_net_turned_axis(d, rank);
        if (to_turned)
            perm[t] = d;
        else
            perm[d] = t;
    }
}

/* --- inputs and outputs --- */

rf_net_tensor rf_net_input(rf_net *net, const char *name, rf_dtype dtype, const rf_shape *shape,
                           bool channels_last)
{
    const bool turned = channels_last && shape->rank >= 3;
    const rf_shape dims = turned ? turned_shape(shape) : *shape;
    rf_value *v = NULL;
    if (net->st || (net->st = rf_graph_add_input(net->g, name, dtype, &dims, &v)))
        return nothing;
    if (turned)
        net->st = rf_graph_set_channels_last(net->g, v->name);
    return (rf_net_tensor){
        .name = v->name, .value = v, .dtype = dtype, .shape = *shape, .turned = turned
    };
}

void rf_net_output(rf_net *net, rf_net_tensor t, const char *name)
{
    const char *wanted = name ? name : t.name;
    if (net->st)
        return;
    if (!t.value) {
        rf_net_fail(net, RF_EUNSUPPORTED, "output '%s' is a constant; name another with --outputs",
                    t.name);
        return;
    }
    if (strcmp(t.value->name, wanted) != 0 || t.value->is_output || t.value->is_input) {
        const rf_net_name names = { rf_net_text(net, "%s/output", wanted), wanted };
        t = rf_net_node(net, "Identity", names, &t.value, 1, t.dtype, &t.shape, t.turned);
    }
    if (!net->st)
        net->st = rf_graph_mark_output(net->g, t.value);
    if (!net->st && t.turned)
        net->st = rf_graph_set_channels_last(net->g, t.value->name);
}

/* --- nodes --- */

rf_net_tensor rf_net_node(rf_net *net, const char *op_type, rf_net_name name,
                          rf_value *const *inputs, int count, rf_dtype dtype, const rf_shape *shape,
                          bool turned)
{
    const rf_shape dims = turned ? turned_shape(shape) : *shape;
    rf_value *v = NULL;
    rf_node *n = NULL;
    if (net->st)
        return nothing;
    const char *output = rf_graph_unique_name(net->g, name.output);
    if (!output || (net->st = rf_graph_add_value(net->g, output, dtype, &dims, &v))) {
        net->st = output ? net->st : RF_ENOMEM;
        return nothing;
    }
    const rf_node_desc desc = {
        .name = rf_graph_find_node(net->g, name.node) ? NULL : name.node,
        .op_type = op_type,
        .inputs = inputs,
        .input_count = count,
        .outputs = &v,
        .output_count = 1,
    };
    if ((net->st = rf_graph_add_node(net->g, &desc, &n)))
        return nothing;
    return (rf_net_tensor){
        .name = output, .value = v, .dtype = dtype, .shape = *shape, .turned = turned
    };
}

void rf_net_set_int(rf_net *net, rf_net_tensor t, const char *name, int64_t value)
{
    if (!net->st)
        net->st = rf_node_set_int(net->g, t.value->producer, name, value);
}

void rf_net_set_float(rf_net *net, rf_net_tensor t, const char *name, double value)
{
    if (!net->st)
        net->st = rf_node_set_float(net->g, t.value->producer, name, value);
}

void rf_net_set_string(rf_net *net, rf_net_tensor t, const char *name, const char *value)
{
    if (!net->st)
        net->st = rf_node_set_string(net->g, t.value->producer, name, value);
}

void rf_net_set_ints(rf_net *net, rf_net_tensor t, const char *name, const int64_t *values,
                     int64_t count)
{
    if (!net->st)
        net->st = rf_node_set_ints(net->g, t.value->producer, name, values, count);
}

/* --- layouts --- */

/* The same computed tensor in the other order: one Transpose, made once. */
static rf_value *turn(rf_net *net, const rf_net_tensor *t)
{
    rf_value *v = rf_map_find(&net->other, t->value->name);
    if (v)
        return v;
    int64_t perm[RF_MAX_RANK];
    perm_of(t->shape.rank, !t->turned, perm);
    const char *order = t->turned ? "channels_last" : "channels_first";
    const rf_net_name name = { rf_net_text(net, "%s/%s", t->value->name, order),
                               rf_net_text(net, "%s/%s:0", t->value->name, order) };
    const rf_net_tensor other =
        rf_net_node(net, "Transpose", name, &t->value, 1, t->dtype, &t->shape, !t->turned);
    rf_net_set_ints(net, other, "perm", perm, t->shape.rank);
    if (!net->st)
        net->st = rf_map_put(&net->other, t->value->name, other.value);
    if (!net->st) /* and back */
        net->st = rf_map_put(&net->other, other.value->name, t->value);
    return net->st ? NULL : other.value;
}

static rf_value *in_layout(rf_net *net, const rf_net_tensor *t, bool turned)
{
    if (net->st)
        return NULL;
    if (t->constant)
        return rf_net_put_constant(net, t, &t->shape, turned);
    if (t->turned == turned || t->shape.rank < 3)
        return t->value;
    return turn(net, t);
}

rf_value *rf_net_plain(rf_net *net, const rf_net_tensor *t)
{
    return in_layout(net, t, false);
}

rf_value *rf_net_turned(rf_net *net, const rf_net_tensor *t)
{
    return in_layout(net, t, true);
}

/* Dims of 1 in front, as NumPy puts them. */
static rf_shape stretched(const rf_shape *shape, int rank)
{
    rf_shape wide = { .rank = rank };
    for (int d = 0; d < rank; d++) {
        const int from = d - (rank - shape->rank);
        wide.dims[d] = from < 0 ? 1 : shape->dims[from];
    }
    return wide;
}

rf_value *rf_net_operand(rf_net *net, const rf_net_tensor *t, int rank, bool turned)
{
    if (net->st)
        return NULL;
    if (!turned || t->shape.rank == 0 || t->shape.rank == rank)
        return in_layout(net, t, turned);
    const rf_shape wide = stretched(&t->shape, rank);
    if (t->constant)
        return rf_net_put_constant(net, t, &wide, true);
    const rf_net_name name = { rf_net_text(net, "%s/wide", t->name),
                               rf_net_text(net, "%s/wide:0", t->name) };
    const rf_net_tensor reshaped = rf_net_reshape(net, name, *t, rank, wide.dims);
    return rf_net_turned(net, &reshaped);
}
