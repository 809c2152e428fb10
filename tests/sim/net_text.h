/*
 * Networks from text, one statement a line:
 *     input x:-1,3,8,8          a float input (-1: batch); "input i64 n:2" an integer one
 *     y = Conv x w:4,3,3,3      node "y" with output "y"; NAME:DIMS makes a constant on first sight, then NAME
 *     y = Gemm x w:5,8 transB=1 integer attributes
 *     output y
 * Constants hold small numbers of both signs; those with "var" in their name positive ones.
 */
#ifndef RF_TESTS_NET_TEXT_H
#define RF_TESTS_NET_TEXT_H

#include "testing.h"

#include "graph/graph.h"

static inline rf_shape net_dims(const char *text)
{
    rf_shape shape = { 0 };
    while (text && *text) {
        char *end;
        shape.dims[shape.rank++] = strtoll(text, &end, 10);
        text = *end ? end + 1 : end;
    }
    return shape;
}

/* 0.5, -0.9, ...: no two channels alike. */
static inline void net_fill(rf_tensor *t, const char *name)
{
    const bool positive = strstr(name, "var") != NULL;
    for (int64_t i = 0; i < t->count; i++) {
        const float x =
            sinf((float)i * 0.9f + (float)strlen(name)) * (1.0f + 0.1f * (float)(i % 7));
        rf_tensor_f32(t)[i] = positive ? 0.5f + x * x : x;
    }
}

/* The value `token` names; NAME:DIMS makes it. "-" leaves an input out. */
static inline rf_value *net_value(rf_context *ctx, rf_graph *g, char *token)
{
    char *dims = strchr(token, ':');
    rf_value *v = NULL;
    if (strcmp(token, "-") == 0)
        return NULL;
    if (dims)
        *dims++ = 0;
    v = rf_graph_find_value(g, token);
    if (v)
        return v;
    if (!dims)
        fail_msg("unknown tensor '%s'", token);
    const rf_shape shape = net_dims(dims);
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, shape.rank, shape.dims, &t));
    net_fill(t, token);
    CHECK_OK(ctx, rf_graph_take_constant(g, token, t, &v));
    return v;
}

static inline void net_node(rf_context *ctx, rf_graph *g, const char *name, const char *op,
                            char *rest)
{
    rf_value *inputs[16], *out = NULL;
    char *attributes[8], *position = NULL;
    int input_count = 0, attribute_count = 0;
    rf_node *n = NULL;
    const rf_shape unknown = { .rank = -1 };
    for (char *token = strtok_r(rest, " ", &position); token;
         token = strtok_r(NULL, " ", &position)) {
        if (strchr(token, '='))
            attributes[attribute_count++] = token;
        else
            inputs[input_count++] = net_value(ctx, g, token);
    }
    CHECK_OK(ctx, rf_graph_add_value(g, name, RF_DTYPE_F32, &unknown, &out));
    const rf_node_desc desc = { .name = name,
                                .op_type = op,
                                .inputs = inputs,
                                .input_count = input_count,
                                .outputs = &out,
                                .output_count = 1 };
    CHECK_OK(ctx, rf_graph_add_node(g, &desc, &n));
    for (int i = 0; i < attribute_count; i++) {
        char *equals = strchr(attributes[i], '=');
        *equals = 0;
        const rf_shape list = net_dims(equals + 1);
        if (strchr(equals + 1, ',') || strcmp(attributes[i], "axes") == 0)
            CHECK_OK(ctx, rf_node_set_ints(g, n, attributes[i], list.dims, list.rank));
        else
            CHECK_OK(ctx, rf_node_set_int(g, n, attributes[i], list.dims[0]));
    }
}

static inline void net_input(rf_context *ctx, rf_graph *g, char *declaration)
{
    const bool is_integer = strncmp(declaration, "i64 ", 4) == 0;
    char *name = declaration + (is_integer ? 4 : 0), *dims = strchr(name, ':');
    rf_value *v = NULL;
    *dims++ = 0;
    const rf_shape shape = net_dims(dims);
    CHECK_OK(ctx,
             rf_graph_add_input(g, name, is_integer ? RF_DTYPE_I64 : RF_DTYPE_F32, &shape, &v));
}

static inline void net_line(rf_context *ctx, rf_graph *g, char *line)
{
    char *equals = strstr(line, " = ");
    if (strncmp(line, "input ", 6) == 0) {
        net_input(ctx, g, line + 6);
    } else if (strncmp(line, "output ", 7) == 0) {
        CHECK_OK(ctx, rf_graph_mark_output(g, rf_graph_find_value(g, line + 7)));
    } else {
        *equals = 0;
        char *op = equals + 3, *rest = strchr(op, ' ');
        *rest++ = 0;
        net_node(ctx, g, line, op, rest);
    }
}

static inline rf_graph *net_of(rf_context *ctx, const char *text)
{
    rf_graph *g = NULL;
    char *copy = strdup(text), *position = NULL;
    CHECK_OK(ctx, rf_graph_new(ctx, "net", &g));
    CHECK_OK(ctx, rf_graph_set_opset(g, "", 13));
    for (char *line = strtok_r(copy, "\n", &position); line; line = strtok_r(NULL, "\n", &position))
        net_line(ctx, g, line);
    free(copy);
    CHECK_OK(ctx, rf_graph_check(g));
    return g;
}

/* The four constants of a BN over `c` channels: "bn.scale:C bn.bias:C bn.mean:C bn.var:C". */
#define NET_BN(bn, c) bn ".scale:" c " " bn ".bias:" c " " bn ".mean:" c " " bn ".var:" c

#endif
