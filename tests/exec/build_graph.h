/* Small graphs for the tests of plans: inputs, constants, and nodes whose outputs are named after them. */
#ifndef RF_TESTS_EXEC_BUILD_GRAPH_H
#define RF_TESTS_EXEC_BUILD_GRAPH_H

#include "testing.h"

#include "ops/params.h"

/* Operator set 13, and refold's own domain. */
static inline rf_graph *build_graph(rf_context *ctx)
{
    rf_graph *g = NULL;
    CHECK_OK(ctx, rf_graph_new(ctx, "test", &g));
    CHECK_OK(ctx, rf_graph_set_opset(g, "", 13));
    CHECK_OK(ctx, rf_graph_set_opset(g, RF_DOMAIN, 1));
    return g;
}

static inline rf_value *build_input(rf_graph *g, const char *name, rf_shape shape)
{
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_graph_add_input(g, name, RF_DTYPE_F32, &shape, &v));
    return v;
}

/* values NULL: zeros. */
static inline rf_value *build_floats(rf_graph *g, const char *name, rf_shape shape,
                                     const float *values)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_tensor_new_shape(g->ctx, RF_DTYPE_F32, &shape, &t));
    if (values)
        memcpy(t->data, values, (size_t)t->count * sizeof(float));
    CHECK_OK(g->ctx, rf_graph_take_constant(g, name, t, &v));
    return v;
}

/* Append op(inputs); its one output is called NAME_out and has the declared shape `shape`. */
static inline rf_node *build_shaped_node(rf_graph *g, const char *name, const char *op,
                                         const char *domain, int count, rf_value *const *inputs,
                                         rf_shape shape)
{
    rf_value *out = NULL;
    char value_name[64];
    snprintf(value_name, sizeof value_name, "%s_out", name);
    CHECK_OK(g->ctx, rf_graph_add_value(g, value_name, RF_DTYPE_F32, &shape, &out));
    const rf_node_desc desc = { .name = name,
                                .op_type = op,
                                .domain = domain,
                                .inputs = inputs,
                                .input_count = count,
                                .outputs = &out,
                                .output_count = 1 };
    rf_node *n = NULL;
    CHECK_OK(g->ctx, rf_graph_add_node(g, &desc, &n));
    return n;
}

/* The same with an undeclared shape. */
static inline rf_node *build_node(rf_graph *g, const char *name, const char *op, const char *domain,
                                  int count, rf_value *const *inputs)
{
    return build_shaped_node(g, name, op, domain, count, inputs, (rf_shape){ .rank = -1 });
}

#endif
