/* Small graphs by hand: a value or node in one line; any failure ends the test. */
#ifndef RF_TESTS_GRAPH_MAKER_H
#define RF_TESTS_GRAPH_MAKER_H

#include "graph/graph.h"
#include "testing.h"

static inline rf_graph *make_graph(rf_context *ctx)
{
    rf_graph *g = NULL;
    CHECK_OK(ctx, rf_graph_new(ctx, "test", &g));
    CHECK_OK(ctx, rf_graph_set_opset(g, "", 13));
    return g;
}

static inline rf_value *make_input(rf_graph *g, const char *name, int rank, const int64_t *dims)
{
    const rf_shape shape = rf_shape_of(rank, dims);
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_graph_add_input(g, name, RF_DTYPE_F32, &shape, &v));
    return v;
}

/* Elements 1, 2, 3, ... */
static inline rf_value *make_constant(rf_graph *g, const char *name, int rank, const int64_t *dims)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_tensor_new(g->ctx, RF_DTYPE_F32, rank, dims, &t));
    for (int64_t i = 0; i < t->count; i++)
        rf_tensor_f32(t)[i] = (float)(i + 1);
    CHECK_OK(g->ctx, rf_graph_take_constant(g, name, t, &v));
    return v;
}

/* A node called `name` with one output of the same name. */
static inline rf_value *make_node(rf_graph *g, const char *domain, const char *op_type,
                                  const char *name, rf_value *const *inputs, int input_count)
{
    rf_value *v = rf_graph_find_value(g, name);
    if (!v)
        CHECK_OK(g->ctx, rf_graph_add_value(g, name, RF_DTYPE_F32, NULL, &v));
    const rf_node_desc desc = { .name = name,
                                .op_type = op_type,
                                .domain = domain,
                                .inputs = inputs,
                                .input_count = input_count,
                                .outputs = &v,
                                .output_count = 1 };
    CHECK_OK(g->ctx, rf_graph_add_node(g, &desc, NULL));
    return v;
}

#define NODE(g, op_type, name, ...)                                                                \
    make_node((g), NULL, (op_type), (name), (rf_value *const[]){ __VA_ARGS__ },                    \
              (int)(sizeof((rf_value *const[]){ __VA_ARGS__ }) / sizeof(rf_value *)))
#define FAKEQUANT(g, name, ...)                                                                    \
    make_node((g), "refold", "FakeQuant", (name), (rf_value *const[]){ __VA_ARGS__ },              \
              (int)(sizeof((rf_value *const[]){ __VA_ARGS__ }) / sizeof(rf_value *)))
#define DIMS(...)                                                                                  \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static inline rf_value *make_bn(rf_graph *g, const char *name, rf_value *src, int64_t channels)
{
    char names[4][64];
    static const char *const parts[] = { "weight", "bias", "running_mean", "running_var" };
    rf_value *v[4];
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "%s.%s", name, parts[i]);
        v[i] = make_constant(g, names[i], 1, &channels);
    }
    return NODE(g, "BatchNormalization", name, src, v[0], v[1], v[2], v[3]);
}

/* input [n, 3, 8, 8] -> Conv to 4 channels (weight conv.weight). */
static inline rf_value *make_conv(rf_graph *g, const char *name, rf_value *src, int64_t in,
                                  int64_t out)
{
    char weight[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    return NODE(g, "Conv", name, src, make_constant(g, weight, 4, DIMS(out, in, 3, 3)));
}

static inline void mark_output(rf_value *v, rf_graph *g)
{
    CHECK_OK(g->ctx, rf_graph_mark_output(g, v));
}

#endif
