/*
 * Operator set 6 in the words of set 7, which dropped `broadcast`, `axis`, `is_test` and
 * `consumed_inputs`: a second operand that `axis` aligns gets dims of 1 behind it, as NumPy wants.
 */
#include <string.h>

#include "base/status.h"
#include "formats/onnx_parts.h"
#include "graph/edit.h"

enum { TARGET = 7 };

typedef struct conversion {
    rf_graph *g;
    /* [ones] name of a constant -> the same with so many dims of 1 behind it: nodes that share one go on sharing */
    rf_map stretched[RF_MAX_RANK + 1];
} conversion;

/* ---------------------------------------------------------------------------------------- ranks --- */

static int constant_length(const rf_node *n, int i)
{
    const rf_value *v = rf_node_input(n, i);
    return v && v->constant ? (int)v->constant->count : -1;
}

static int axes_count(const rf_node *n)
{
    int64_t count = 0;
    rf_attr_ints(n, "axes", &count);
    return (int)count;
}

/* Dims of a tensor whose shape the file may not tell: most operators keep those of input 0. -1: unknown. */
static int rank_of(const rf_value *v, int depth)
{
    const rf_node *n = v->producer;
    if (v->constant || v->shape.rank >= 0)
        return v->constant ? v->constant->shape.rank : v->shape.rank;
    if (!n || depth == 0)
        return -1;
    if (rf_node_is(n, "Gemm") || rf_node_is(n, "Flatten"))
        return 2;
    if (rf_node_is(n, "Shape"))
        return 1;
    if (rf_node_is(n, "Reshape"))
        return constant_length(n, 1);
    const rf_value *x = rf_node_input(n, 0);
    const int rank = x ? rank_of(x, depth - 1) : -1;
    const bool removes = strncmp(n->op_type, "Reduce", 6) == 0 && !rf_attr_int(n, "keepdims", 1);
    if (rank < 0 || rf_node_is(n, "Gather") || (removes && !axes_count(n)))
        return -1;
    if (rf_node_is(n, "Squeeze") || removes)
        return axes_count(n) ? rank - axes_count(n) : -1;
    return rf_node_is(n, "Unsqueeze") ? rank + axes_count(n) : rank;
}

/* -------------------------------------------------------------------------------- broadcasting --- */

static rf_status refuse(const conversion *c, const rf_node *n, const char *what)
{
    return rf_fail(c->g->ctx, RF_EUNSUPPORTED,
                   "%s '%s' is of operator set 6, and %s; export the model with opset_version 7 or "
                   "later",
                   n->op_type, n->name, what);
}

static void stretch(rf_shape *shape, int ones)
{
    for (int i = 0; i < ones && shape->rank < RF_MAX_RANK; i++)
        shape->dims[shape->rank++] = 1;
}

static rf_status make_stretched(conversion *c, rf_value *v, rf_tensor *t, int ones, rf_value **out)
{
    const char *name = rf_graph_unique_name(c->g, v->name);
    if (!name) {
        rf_tensor_free(t);
        return RF_ENOMEM;
    }
    RF_TRY(rf_graph_take_constant(c->g, name, t, out));
    return rf_map_put(&c->stretched[ones], v->name, *out);
}

/* The constant with `ones` dims of 1 behind its own; one that others read as well stays. */
static rf_status stretch_constant(conversion *c, rf_node *n, int ones)
{
    rf_value *v = n->inputs[1], *target = rf_map_find(&c->stretched[ones], v->name);
    rf_tensor *t = NULL;
    if (target)
        return rf_node_set_input(c->g, n, 1, target);
    if (rf_value_is_used_once(v) && !v->is_output) {
        stretch(&v->constant->shape, ones);
        v->shape = v->constant->shape;
        rf_value_touch(v);
        return RF_OK;
    }
    RF_TRY(rf_tensor_copy(v->constant, &t));
    stretch(&t->shape, ones);
    RF_TRY(make_stretched(c, v, t, ones, &target));
    return rf_node_set_input(c->g, n, 1, target);
}

static rf_status stretch_computed(rf_graph *g, rf_node *n, int rank, int ones)
{
    int64_t axes[RF_MAX_RANK];
    rf_value *v = n->inputs[1], *wide = NULL;
    rf_node *unsqueeze = NULL;
    const char *name = rf_graph_unique_name(g, v->name);
    for (int i = 0; i < ones; i++)
        axes[i] = rank + i;
    if (!name)
        return RF_ENOMEM;
    RF_TRY(rf_graph_add_value(g, name, v->dtype, NULL, &wide));
    const rf_node_desc desc = { .op_type = "Unsqueeze",
                                .inputs = &v,
                                .input_count = 1,
                                .outputs = &wide,
                                .output_count = 1,
                                .before = n };
    RF_TRY(rf_graph_add_node(g, &desc, &unsqueeze));
    RF_TRY(rf_node_set_ints(g, unsqueeze, "axes", axes, ones));
    return rf_node_set_input(g, n, 1, wide);
}

/* Input 1's first dim is dim `axis` of input 0. */
static rf_status align(conversion *c, rf_node *n, int64_t axis)
{
    rf_value *b = rf_node_input(n, 1);
    const int a_rank = rf_node_input(n, 0) ? rank_of(n->inputs[0], 64) : -1;
    const int b_rank = b ? rank_of(b, 64) : -1;
    if (a_rank < 0 || b_rank < 0 || a_rank > RF_MAX_RANK)
        return refuse(c, n, "the ranks that its axis needs are not known");
    const int64_t ones = a_rank - (axis < 0 ? axis + a_rank : axis) - b_rank;
    if (ones < 0 || ones > RF_MAX_RANK - b_rank)
        return refuse(c, n, "its axis does not fit its inputs");
    if (ones == 0)
        return RF_OK;
    return b->constant ? stretch_constant(c, n, (int)ones)
                       : stretch_computed(c->g, n, b_rank, (int)ones);
}

static rf_status convert_binary(conversion *c, rf_node *n)
{
    if (rf_attr_int(n, "broadcast", 0) && rf_node_attr(n, "axis"))
        RF_TRY(align(c, n, rf_attr_int(n, "axis", 0)));
    rf_node_remove_attr(n, "broadcast");
    rf_node_remove_attr(n, "axis");
    return RF_OK;
}

/* A slope for each channel. */
static rf_status convert_prelu(conversion *c, rf_node *n)
{
    const rf_value *slope = rf_node_input(n, 1);
    const bool single = slope && slope->constant && slope->constant->count == 1;
    return single || !slope || rank_of(slope, 64) != 1 ? RF_OK : align(c, n, 1);
}

static rf_status convert_gemm(conversion *c, rf_node *n)
{
    (void)c;
    rf_node_remove_attr(n, "broadcast");
    return RF_OK;
}

/* BatchNormalization and Dropout, which are read in inference form anyway. */
static rf_status convert_training(conversion *c, rf_node *n)
{
    if (!rf_attr_int(n, "is_test", 0))
        c->g->training_form = true;
    rf_node_remove_attr(n, "is_test");
    return RF_OK;
}

static const struct {
    const char *op_type;
    rf_status (*convert)(conversion *c, rf_node *n);
} changes[] = {
    { "Add", convert_binary },
    { "And", convert_binary },
    { "BatchNormalization", convert_training },
    { "Div", convert_binary },
    { "Dropout", convert_training },
    { "Equal", convert_binary },
    { "Gemm", convert_gemm },
    { "Greater", convert_binary },
    { "Less", convert_binary },
    { "Mul", convert_binary },
    { "Or", convert_binary },
    { "PRelu", convert_prelu },
    { "Pow", convert_binary },
    { "Sub", convert_binary },
    { "Xor", convert_binary },
};

static rf_status convert_nodes(conversion *c)
{
    for (rf_node *n = c->g->first; n; n = n->next) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
            if (rf_node_is(n, changes[i].op_type))
                RF_TRY(changes[i].convert(c, n));
        rf_node_remove_attr(n, "consumed_inputs");
    }
    return rf_graph_set_opset(c->g, "", TARGET);
}

rf_status rf_onnx_convert_opset6(rf_graph *g)
{
    conversion c = { .g = g };
    if (rf_graph_opset(g, "") >= TARGET)
        return RF_OK;
    for (int ones = 0; ones <= RF_MAX_RANK; ones++)
        rf_map_init(&c.stretched[ones], g->ctx);
    const rf_status st = convert_nodes(&c);
    for (int ones = 0; ones <= RF_MAX_RANK; ones++)
        rf_map_release(&c.stretched[ones]);
    return st;
}
