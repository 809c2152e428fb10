/* What several nodes say together: dilation around a convolution, and biases behind layers. */
#include <string.h>

#include "formats/tf_import.h"
#include "graph/edit.h"

/* --- SpaceToBatchND -> convolution -> BatchToSpaceND --- */

static bool is_conv(const rf_tf_node *n)
{
    return rf_tf_is(n, "Conv2D") || rf_tf_is(n, "DepthwiseConv2dNative") || rf_tf_is(n, "Conv3D");
}

/* The convolution has to wait for the crops, which are an input of the node behind it. */
void rf_tf_find_atrous(rf_tf_graph *g)
{
    for (size_t i = 0; i < g->nodes.count; i++) {
        const rf_tf_node *end = g->nodes.items[i];
        if (!rf_tf_is(end, "BatchToSpaceND") || end->input_count < 3)
            continue;
        rf_tf_node *conv = end->inputs[0].node;
        if (is_conv(conv) && conv->input_count &&
            rf_tf_is(conv->inputs[0].node, "SpaceToBatchND") &&
            conv->inputs[0].node->input_count >= 3 && end->inputs[2].output == 0)
            conv->also = end->inputs[2].node;
    }
}

/* --- biases --- */

/* A constant with one value for each of `channels`, that go along dim 1 of a tensor of `rank`. */
static bool is_bias(const rf_value *v, int64_t channels, int rank)
{
    const rf_tensor *t = v ? v->constant : NULL;
    if (!t || t->dtype != RF_DTYPE_F32 || t->count != channels || t->shape.rank > rank)
        return false;
    if (channels == 1)
        return true;
    const int axis = 1 - (rank - t->shape.rank);
    return axis >= 0 && t->shape.dims[axis] == channels;
}

static int64_t layer_channels(const rf_node *n)
{
    const rf_value *w = rf_node_input(n, 1);
    if (!w || !w->constant || n->input_count > 2)
        return -1;
    const int64_t *dims = w->constant->shape.dims;
    if (rf_node_is(n, "Conv"))
        return dims[0];
    if (rf_node_is(n, "ConvTranspose"))
        return dims[1];
    return rf_node_is(n, "Gemm") ? dims[rf_attr_int(n, "transB", 0) ? 0 : 1] : -1;
}

typedef struct rewrite {
    rf_graph *g;
    rf_map vectors; /* name of a constant that several layers read -> the same as a vector */
} rewrite;

/* Constants of [c, 1, 1] become [c]; beside one that others read too, another is made for all layers. */
static rf_status make_vector(rewrite *r, rf_value *v, rf_value **out)
{
    rf_graph *g = r->g;
    rf_tensor *t = NULL;
    const bool alone = rf_value_is_used_once(v);
    *out = v->constant->shape.rank == 1 ? v : rf_map_find(&r->vectors, v->name);
    if (*out)
        return RF_OK;
    *out = v;
    RF_TRY(rf_tensor_copy(v->constant, &t));
    t->shape = rf_shape_of(1, &t->count);
    if (alone) {
        RF_TRY(rf_value_take_constant(g, v, t));
        v->shape = t->shape;
        return RF_OK;
    }
    const char *name = rf_graph_unique_name(g, v->name);
    if (!name) {
        rf_tensor_free(t);
        return RF_ENOMEM;
    }
    RF_TRY(rf_graph_take_constant(g, name, t, out));
    return rf_map_put(&r->vectors, v->name, *out);
}

static rf_status absorb(rewrite *r, rf_node *add, int side, rf_node *layer)
{
    rf_graph *g = r->g;
    rf_value *sum = add->outputs[0], *bias = NULL;
    RF_TRY(make_vector(r, add->inputs[1 - side], &bias));
    RF_TRY(rf_graph_remove_node(g, add));
    RF_TRY(rf_node_set_input(g, layer, 2, bias));
    return rf_node_set_output(g, layer, 0, sum);
}

static rf_status try_absorb(rewrite *r, rf_node *add)
{
    for (int side = 0; side < 2; side++) {
        rf_value *x = add->inputs[side];
        rf_node *layer = x->producer;
        if (!layer || layer_channels(layer) < 0 || rf_value_only_consumer(x) != add)
            continue;
        const int rank = x->shape.rank;
        const bool fits = rf_node_is(layer, "Gemm") ? rank == 2 : rank > 2;
        if (fits && add->outputs[0]->shape.rank == rank &&
            is_bias(add->inputs[1 - side], layer_channels(layer), rank))
            return absorb(r, add, side, layer);
    }
    return RF_OK;
}

static rf_status absorb_all(rewrite *r)
{
    for (rf_node *n = r->g->first, *next; n; n = next) {
        next = n->next;
        if (rf_node_is(n, "Add") && n->input_count == 2)
            RF_TRY(try_absorb(r, n));
    }
    return RF_OK;
}

rf_status rf_tf_absorb_biases(rf_graph *g)
{
    rewrite r = { .g = g };
    rf_map_init(&r.vectors, g->ctx);
    const rf_status st = absorb_all(&r);
    rf_map_release(&r.vectors);
    return st;
}
