/* A small network and its simulation for the tests of exports: Conv, Relu, depthwise Conv, Clip, pooling, Gemm. */
#ifndef RF_TESTS_EXPORT_SMALL_NET_H
#define RF_TESTS_EXPORT_SMALL_NET_H

#include "testing.h"

#include "base/rng.h"
#include "graph/graph.h"
#include "sim/sim.h"

#define NET_SIZE 6 /* pixels a side */
#define NET_CLASSES 5

typedef struct small_net {
    rf_context *ctx;
    rf_graph *g;
    rf_rng rng;
} small_net;

static inline rf_value *net_constant(small_net *net, const char *name, int rank,
                                     const int64_t *dims, double spread)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(net->ctx, rf_tensor_new(net->ctx, RF_DTYPE_F32, rank, dims, &t));
    for (int64_t i = 0; i < t->count; i++)
        rf_tensor_f32(t)[i] = (float)(spread * rf_rng_normal(&net->rng));
    CHECK_OK(net->ctx, rf_graph_take_constant(net->g, name, t, &v));
    return v;
}

static inline rf_value *net_scalar(small_net *net, const char *name, float value)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(net->ctx, rf_tensor_new(net->ctx, RF_DTYPE_F32, 0, NULL, &t));
    rf_tensor_f32(t)[0] = value;
    CHECK_OK(net->ctx, rf_graph_take_constant(net->g, name, t, &v));
    return v;
}

/* A node named after its output; inputs end at the first NULL. */
static inline rf_node *net_node(small_net *net, const char *op, const char *output, rf_value *a,
                                rf_value *b, rf_value *c)
{
    rf_value *inputs[3] = { a, b, c }, *y = NULL;
    rf_node *n = NULL;
    CHECK_OK(net->ctx, rf_graph_add_value(net->g, output, RF_DTYPE_F32, NULL, &y));
    char name[64];
    snprintf(name, sizeof name, "%s_node", output);
    const rf_node_desc desc = { .name = name,
                                .op_type = op,
                                .inputs = inputs,
                                .input_count = c   ? 3
                                               : b ? 2
                                               : a ? 1
                                                   : 0,
                                .outputs = &y,
                                .output_count = 1 };
    CHECK_OK(net->ctx, rf_graph_add_node(net->g, &desc, &n));
    return n;
}

static inline void net_ints(small_net *net, rf_node *n, const char *name, const int64_t *values,
                            int64_t count)
{
    CHECK_OK(net->ctx, rf_node_set_ints(net->g, n, name, values, count));
}

static inline void net_start(small_net *net, rf_context *ctx, int64_t opset, const rf_shape *input,
                             rf_value **out)
{
    net->ctx = ctx;
    rf_rng_init(&net->rng, 7, 0);
    CHECK_OK(ctx, rf_graph_new(ctx, "small", &net->g));
    CHECK_OK(ctx, rf_graph_set_opset(net->g, "", opset));
    CHECK_OK(ctx, rf_graph_add_input(net->g, "input", RF_DTYPE_F32, input, out));
}

/* Opset 13. Tensors: conv1, relu1, conv2, clip2, pool, flat, logits. */
static inline rf_graph *net_build(rf_context *ctx)
{
    small_net net;
    const rf_shape shape = { 4, { -1, 3, NET_SIZE, NET_SIZE } };
    rf_value *x = NULL;
    net_start(&net, ctx, 13, &shape, &x);
    rf_node *n = net_node(&net, "Conv", "conv1", x,
                          net_constant(&net, "conv1.weight", 4, (int64_t[]){ 4, 3, 3, 3 }, 0.3),
                          net_constant(&net, "conv1.bias", 1, (int64_t[]){ 4 }, 0.2));
    net_ints(&net, n, "pads", (int64_t[]){ 1, 1, 1, 1 }, 4);
    n = net_node(&net, "Relu", "relu1", n->outputs[0], NULL, NULL);
    n = net_node(&net, "Conv", "conv2", n->outputs[0],
                 net_constant(&net, "conv2.weight", 4, (int64_t[]){ 4, 1, 3, 3 }, 0.4),
                 net_constant(&net, "conv2.bias", 1, (int64_t[]){ 4 }, 0.2));
    CHECK_OK(ctx, rf_node_set_int(net.g, n, "group", 4));
    n = net_node(&net, "Clip", "clip2", n->outputs[0], net_scalar(&net, "low", 0.0f),
                 net_scalar(&net, "high", 6.0f));
    n = net_node(&net, "GlobalAveragePool", "pool", n->outputs[0], NULL, NULL);
    n = net_node(&net, "Flatten", "flat", n->outputs[0], NULL, NULL);
    n = net_node(&net, "Gemm", "logits", n->outputs[0],
                 net_constant(&net, "fc.weight", 2, (int64_t[]){ NET_CLASSES, 4 }, 0.5),
                 net_constant(&net, "fc.bias", 1, (int64_t[]){ NET_CLASSES }, 0.1));
    CHECK_OK(ctx, rf_node_set_int(net.g, n, "transB", 1));
    CHECK_OK(ctx, rf_graph_mark_output(net.g, n->outputs[0]));
    return net.g;
}

/* A linear layer without bias as PyTorch writes it: MatMul with the Transpose of its weights. */
static inline rf_graph *net_build_linear(rf_context *ctx)
{
    small_net net;
    const rf_shape shape = { 2, { -1, 6 } };
    rf_value *x = NULL;
    net_start(&net, ctx, 13, &shape, &x);
    rf_node *turn = net_node(&net, "Transpose", "turned",
                             net_constant(&net, "fc.weight", 2, (int64_t[]){ NET_CLASSES, 6 }, 0.5),
                             NULL, NULL);
    turn->outputs[0]->shape = rf_shape_of(2, (int64_t[]){ 6, NET_CLASSES });
    net_ints(&net, turn, "perm", (int64_t[]){ 1, 0 }, 2);
    rf_node *n = net_node(&net, "MatMul", "logits", x, turn->outputs[0], NULL);
    CHECK_OK(ctx, rf_graph_mark_output(net.g, n->outputs[0]));
    return net.g;
}

/* Opset 9, with operators whose form has changed since: Clip, Dropout, Slice, Squeeze, Unsqueeze, Softmax. */
static inline rf_graph *net_build_old(rf_context *ctx)
{
    small_net net;
    const rf_shape shape = { 4, { -1, 3, NET_SIZE, NET_SIZE } };
    rf_value *x = NULL;
    net_start(&net, ctx, 9, &shape, &x);
    rf_node *n = net_node(&net, "Conv", "conv1", x,
                          net_constant(&net, "conv1.weight", 4, (int64_t[]){ 4, 3, 3, 3 }, 0.3),
                          net_constant(&net, "conv1.bias", 1, (int64_t[]){ 4 }, 0.2));
    n = net_node(&net, "Clip", "clip1", n->outputs[0], NULL, NULL);
    CHECK_OK(ctx, rf_node_set_float(net.g, n, "min", 0.0));
    CHECK_OK(ctx, rf_node_set_float(net.g, n, "max", 6.0));
    n = net_node(&net, "Slice", "slice", n->outputs[0], NULL, NULL);
    net_ints(&net, n, "axes", (int64_t[]){ 2 }, 1);
    net_ints(&net, n, "starts", (int64_t[]){ 1 }, 1);
    net_ints(&net, n, "ends", (int64_t[]){ 4 }, 1);
    n = net_node(&net, "GlobalAveragePool", "pool", n->outputs[0], NULL, NULL);
    n = net_node(&net, "Squeeze", "squeezed", n->outputs[0], NULL, NULL);
    net_ints(&net, n, "axes", (int64_t[]){ 2, 3 }, 2);
    n = net_node(&net, "Dropout", "dropped", n->outputs[0], NULL, NULL);
    CHECK_OK(ctx, rf_node_set_float(net.g, n, "ratio", 0.5));
    n = net_node(&net, "Gemm", "scores", n->outputs[0],
                 net_constant(&net, "fc.weight", 2, (int64_t[]){ NET_CLASSES, 4 }, 2.0),
                 net_constant(&net, "fc.bias", 1, (int64_t[]){ NET_CLASSES }, 0.1));
    CHECK_OK(ctx, rf_node_set_int(net.g, n, "transB", 1));
    n = net_node(&net, "Unsqueeze", "wide", n->outputs[0], NULL, NULL);
    net_ints(&net, n, "axes", (int64_t[]){ 2 }, 1);
    n = net_node(&net, "Softmax", "logits", n->outputs[0], NULL, NULL);
    CHECK_OK(ctx, rf_graph_mark_output(net.g, n->outputs[0]));
    return net.g;
}

/* Largest magnitude of each channel of a parameter as the ends of a symmetric range; fixed ends for activations, from 0
 * behind Relu and Clip as calibration finds them. */
static inline void net_set_range(rf_sim *sim, rf_node *q)
{
    const rf_value *v = rf_quantizer_tensor(q);
    const int axis = rf_quantizer_axis(q);
    const int64_t count = axis < 0 ? 1 : v->constant->shape.dims[axis];
    float min[64], max[64];
    assert_true(count <= 64);
    for (int64_t c = 0; c < count; c++) {
        min[c] = v->producer && (rf_node_is(v->producer, "Relu") || rf_node_is(v->producer, "Clip"))
                     ? 0.0f
                     : -1.3f;
        max[c] = 2.9f;
    }
    if (rf_quantizer_is_param(q)) {
        int64_t inner = 1;
        for (int d = axis + 1; axis >= 0 && d < v->constant->shape.rank; d++)
            inner *= v->constant->shape.dims[d];
        for (int64_t c = 0; c < count; c++)
            max[c] = 1e-3f;
        for (int64_t i = 0; i < v->constant->count; i++) {
            const int64_t c = axis < 0 ? 0 : i / inner % count;
            max[c] = fmaxf(max[c], fabsf(rf_tensor_f32(v->constant)[i]));
        }
        for (int64_t c = 0; c < count; c++)
            min[c] = -max[c];
    }
    CHECK_OK(sim->ctx, rf_quantizer_set_range(sim, q, min, max, count));
}

/* A simulation of `g` as after calibration. */
static inline rf_sim *net_simulate(rf_graph *g, int param_bw, int output_bw)
{
    const rf_sim_options options = { .param_bw = param_bw, .output_bw = output_bw };
    rf_sim *sim = NULL;
    CHECK_OK(g->ctx, rf_sim_new(g, &options, &sim));
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        net_set_range(sim, sim->quantizers.items[i]);
        CHECK_OK(g->ctx, rf_node_set_int(sim->graph, sim->quantizers.items[i], "enabled", 1));
    }
    sim->state = RF_STATE_CALIBRATED;
    return sim;
}

#endif
