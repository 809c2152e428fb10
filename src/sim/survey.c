/* The graph as placement sees it: ops, the float tensors that flow between them, and pairs that will be folded. */
#include <string.h>

#include "base/status.h"
#include "graph/activation_match.h"
#include "sim/placement.h"

rf_placed_op *rf_placement_op(const rf_placement *p, const rf_node *n)
{
    const size_t found = n ? (size_t)(uintptr_t)rf_map_find(&p->op_of, n->name) : 0;
    return found ? &p->ops.items[found - 1] : NULL;
}

rf_placed_tensor *rf_placement_tensor(const rf_placement *p, const rf_value *v)
{
    const size_t found = v ? (size_t)(uintptr_t)rf_map_find(&p->tensor_of, v->name) : 0;
    return found ? &p->tensors.items[found - 1] : NULL;
}

/* ------------------------------------------------------------------------------- tensors --- */

static bool is_any(const char *op_type, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(op_type, *list) == 0)
            return true;
    }
    return false;
}

/* What these make is an integer or a truth value, whatever they read. */
static bool makes_no_float(const rf_node *n)
{
    static const char *const types[] = {
        "Shape", "Size",        "ArgMax",  "ArgMin",         "NonZero", "Equal",
        "Less",  "LessOrEqual", "Greater", "GreaterOrEqual", "Not",     "And",
        "Or",    "Xor",         "IsNaN",   "IsInf",          NULL
    };
    if (rf_node_is(n, "Cast")) {
        const int64_t to = rf_attr_int(n, "to", 1); /* ONNX: FLOAT 1, FLOAT16 10, DOUBLE 11 */
        return to != 1 && to != 10 && to != 11;
    }
    return n->domain[0] == '\0' && is_any(n->op_type, types);
}

/* The input that carries the data; the others are indices, shapes, bounds. */
static bool reads_flow(const rf_placement *p, const rf_node *n)
{
    for (int i = 0; i < n->input_count; i++) {
        if (rf_placement_tensor(p, n->inputs[i]))
            return true;
    }
    return false;
}

static rf_status add_tensor(rf_placement *p, rf_value *v, int maker)
{
    const rf_placed_tensor t = { .value = v, .maker = maker };
    RF_TRY(RF_VEC_PUSH(p->sim->ctx, &p->tensors, t));
    return rf_map_put(&p->tensor_of, v->name, (void *)(uintptr_t)p->tensors.count);
}

/* Split makes several tensors; the further outputs of other operators are indices, masks and statistics. */
static rf_status add_outputs(rf_placement *p, const rf_node *n, int maker)
{
    const int count = rf_node_is(n, "Split") ? n->output_count : 1;
    for (int i = 0; i < count; i++) {
        rf_value *v = rf_node_output(n, i);
        if (v && v->dtype == RF_DTYPE_F32)
            RF_TRY(add_tensor(p, v, maker));
    }
    return RF_OK;
}

/* ----------------------------------------------------------------------------------- ops --- */

/*
 * It only moves data, but AIMET quantizes the output of every module, and leaves alone what the code writes as a function.
 * Where names do not tell, a Flatten is taken for a module, and everything else for a function.
 */
static bool aimet_quantizes(const rf_placement *p, const rf_node *n)
{
    if (!p->sim->compat_aimet || rf_node_is(n, "Identity"))
        return false;
    return rf_node_has_scope(n) ? rf_node_in_module(&p->modules, n) : rf_node_is(n, "Flatten");
}

static const rf_config_op *config_of(const rf_config *config, const rf_placed_op *op)
{
    for (int t = 0; t < 2 && op->types[t]; t++) {
        for (int i = 0; i < config->op_count; i++) {
            if (strcmp(config->ops[i].op_type, op->types[t]) == 0)
                return &config->ops[i];
        }
    }
    return NULL;
}

static bool is_transparent(const rf_placement *p, const rf_placed_op *op)
{
    const rf_op *known = rf_op_find(op->node->op_type, op->node->domain);
    if (!known || known->quant != RF_QUANT_NONE || (!op->inner && aimet_quantizes(p, op->node)))
        return false;
    return !op->config || op->config->output_quantized != RF_FLAG_TRUE;
}

/*
 * Read by nodes of its own module, and by no others; without compat aimet: part of an activation that
 * is spelt out.
 */
static bool is_inner(const rf_placement *p, const rf_placed_op *op)
{
    const rf_use *use = op->output ? op->output->uses : NULL;
    if (!p->sim->compat_aimet)
        return rf_activation_has_inner(op->node);
    if (!use || op->output->is_output)
        return false;
    for (; use; use = use->next) {
        if (!rf_nodes_share_module(&p->modules, op->node, use->node))
            return false;
    }
    return true;
}

/* What AIMET calls a module that ONNX has as several nodes; NULL: as its last node. */
static const char *type_of_module(const rf_placement *p, const rf_node *n)
{
    static const struct {
        const char *node, *module;
    } types[] = { { "HardSigmoid", "HardSwish" }, { "Erf", "GELU" }, { "Sqrt", "LayerNorm" } };
    const rf_node *at = p->sim->graph->first;
    for (; at; at = at->next) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            if (at != n && rf_node_is(at, types[i].node) &&
                rf_nodes_share_module(&p->modules, n, at))
                return types[i].module;
        }
    }
    return NULL;
}

static void name_types(const rf_placement *p, rf_placed_op *op)
{
    const char *module = p->sim->compat_aimet ? type_of_module(p, op->node) : NULL;
    op->types[0] = module ? module : op->node->op_type;
    if (!op->is_layer || !(rf_node_is(op->node, "MatMul") || rf_node_is(op->node, "Gemm")))
        return;
    op->types[0] = "Gemm";
    op->types[1] = "MatMul";
}

static rf_status add_op(rf_placement *p, rf_node *n)
{
    rf_placed_op op = { .node = n, .matched = -1 };
    op.is_layer = rf_layer_match(n, &op.layer);
    op.output = op.is_layer ? op.layer.output : rf_node_output(n, 0);
    name_types(p, &op);
    op.config = config_of(p->config, &op);
    op.inner = is_inner(p, &op);
    op.transparent = is_transparent(p, &op);
    RF_TRY(RF_VEC_PUSH(p->sim->ctx, &p->ops, op));
    RF_TRY(rf_map_put(&p->op_of, n->name, (void *)(uintptr_t)p->ops.count));
    const int index = (int)p->ops.count - 1;
    return add_outputs(p, op.is_layer && op.layer.bias_node ? op.layer.bias_node : n, index);
}

/* The Add behind a MatMul: part of that layer's op, which has been added before. */
static bool is_bias_of_layer(const rf_placement *p, const rf_node *n)
{
    for (int i = 0; i < n->input_count; i++) {
        const rf_value *v = n->inputs[i];
        const rf_placed_op *op = v ? rf_placement_op(p, v->producer) : NULL;
        if (op && op->is_layer && op->layer.bias_node == n)
            return true;
    }
    return false;
}

/* Inside a layer, MatMul's own output flows although no quantizer ever sits there. */
static bool reads_layer(const rf_placement *p, const rf_node *n)
{
    return rf_node_is(n, "Add") && is_bias_of_layer(p, n);
}

static rf_status mark_folds(rf_placement *p)
{
    RF_TRY(rf_bn_pairs_find(p->sim->graph, &p->pairs));
    for (size_t i = 0; i < p->pairs.count; i++) {
        if (rf_bn_pair_stays(&p->pairs.items[i]))
            continue;
        rf_placed_op *bn = rf_placement_op(p, p->pairs.items[i].bn);
        rf_placed_op *layer = rf_placement_op(p, p->pairs.items[i].layer);
        if (bn && layer)
            bn->folds = layer->folds = true;
    }
    return RF_OK;
}

rf_status rf_placement_survey(rf_placement *p)
{
    const rf_graph *g = p->sim->graph;
    for (size_t i = 0; i < g->inputs.count; i++) {
        if (g->inputs.items[i]->dtype == RF_DTYPE_F32)
            RF_TRY(add_tensor(p, g->inputs.items[i], /*maker=*/-1));
    }
    if (p->sim->compat_aimet)
        RF_TRY(rf_modules_find(g, &p->modules));
    for (rf_node *n = g->first; n; n = n->next) {
        if (reads_flow(p, n) && !makes_no_float(n) && !reads_layer(p, n))
            RF_TRY(add_op(p, n));
    }
    return mark_folds(p);
}
