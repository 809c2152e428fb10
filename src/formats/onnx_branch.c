/* If nodes whose condition the file already knows: which branch is taken. */
#include <string.h>

#include "base/status.h"
#include "formats/onnx_parts.h"

static const Onnx__TensorProto *tensor_of(const Onnx__NodeProto *constant)
{
    for (size_t i = 0; i < constant->n_attribute; i++)
        if (constant->attribute[i]->name && !strcmp(constant->attribute[i]->name, "value"))
            return constant->attribute[i]->t;
    return NULL;
}

/* Of a Constant node of the main graph. */
static const Onnx__TensorProto *find_constant(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *n = graph->node[i];
        if (n->op_type && !strcmp(n->op_type, "Constant") && n->n_output == 1 &&
            !strcmp(n->output[0], name))
            return tensor_of(n);
    }
    return NULL;
}

/* Initializers are in `g` already (and their bytes no longer in the message); Constant nodes may not be. */
static bool read_condition(const rf_onnx_source *source, const rf_graph *g,
                           const Onnx__GraphProto *graph, const char *name, bool *out)
{
    const rf_value *v = rf_graph_find_value(g, name);
    const Onnx__TensorProto *proto = v && v->constant ? NULL : find_constant(graph, name);
    rf_tensor *own = NULL;
    if (proto && rf_onnx_decode_tensor(source, proto, name, &own) != RF_OK)
        return false;
    const rf_tensor *t = own ? own : v ? v->constant : NULL;
    const bool known = t && t->count == 1;
    *out = known && rf_tensor_get_i64(t, 0) != 0;
    rf_tensor_free(own);
    return known;
}

static const Onnx__GraphProto *branch_of(const Onnx__NodeProto *node, bool taken)
{
    const char *wanted = taken ? "then_branch" : "else_branch";
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && !strcmp(node->attribute[i]->name, wanted))
            return node->attribute[i]->g;
    return NULL;
}

const Onnx__GraphProto *rf_onnx_chosen_branch(const rf_onnx_source *source, const rf_graph *g,
                                              const Onnx__GraphProto *graph,
                                              const Onnx__NodeProto *node)
{
    bool taken = false;
    if (!node->op_type || strcmp(node->op_type, "If") != 0 || node->n_input != 1 ||
        !read_condition(source, g, graph, node->input[0], &taken))
        return NULL;
    const Onnx__GraphProto *branch = branch_of(node, taken);
    return branch && branch->n_output == node->n_output ? branch : NULL;
}
