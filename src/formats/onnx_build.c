/* GraphProto -> graph: values first (inputs, initializers, what nodes make), then nodes, then outputs. */
#include <string.h>

#include "base/status.h"
#include "formats/onnx_parts.h"
#include "graph/edit.h"

enum { OLDEST_OPSET = 6, NEWEST_OPSET = 21 };

/* Lists that are searched from the front; real models have some tens of each. */
enum { MOST_ATTRIBUTES = 256, MOST_IMPORTS = 256, MOST_METADATA = 4096 };

typedef struct builder {
    const rf_onnx_source *source;
    rf_onnx_origin *origin;
    const Onnx__GraphProto *proto;
    rf_graph *g;
    rf_map initializers; /* name -> TensorProto or SparseTensorProto's values */
    rf_map infos;        /* name -> ValueInfoProto of a value between nodes, or of an output */
} builder;

static const char *text_of(const char *s)
{
    return s ? s : "";
}

static bool is_onnx_domain(const char *domain)
{
    return domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

static const char *domain_of(const char *domain)
{
    return is_onnx_domain(text_of(domain)) ? "" : domain;
}

/* --- model --- */

/* Newest operator set of ONNX's releases with each IR version. Source: ONNX, docs/Versioning.md. */
static const struct {
    int64_t ir_version, opset;
} released[] = { { 3, 8 },  { 4, 9 },  { 5, 10 }, { 6, 11 },
                 { 7, 14 }, { 8, 18 }, { 9, 20 }, { 10, 21 } };

/* Since IR version 3 the import is due, but some exporters forget it; older files mean operator set 1. */
static rf_status guess_opset(rf_graph *g, int64_t ir_version)
{
    for (size_t i = 0; i < sizeof released / sizeof released[0]; i++) {
        if (released[i].ir_version != ir_version)
            continue;
        rf_log(g->ctx, RF_LOG_WARNING,
               "no operator set is imported; taken for %lld, the newest of IR version %lld",
               (long long)released[i].opset, (long long)ir_version);
        return rf_graph_set_opset(g, "", released[i].opset);
    }
    return rf_fail(g->ctx, RF_EMODEL,
                   "no operator set is imported (IR version %lld, so operator set 1); expected %d "
                   "to %d: export again or use ONNX's version converter",
                   (long long)ir_version, OLDEST_OPSET, NEWEST_OPSET);
}

static rf_status read_opsets(rf_graph *g, const Onnx__ModelProto *model)
{
    if (model->n_opset_import > MOST_IMPORTS)
        return rf_fail(g->ctx, RF_EMODEL, "%zu operator sets are imported; expected at most %d",
                       model->n_opset_import, MOST_IMPORTS);
    for (size_t i = 0; i < model->n_opset_import; i++)
        RF_TRY(rf_graph_set_opset(g, domain_of(model->opset_import[i]->domain),
                                  model->opset_import[i]->version));
    if (!rf_graph_opset(g, ""))
        RF_TRY(guess_opset(g, model->ir_version));
    const int64_t version = rf_graph_opset(g, "");
    if (version < OLDEST_OPSET || version > NEWEST_OPSET)
        return rf_fail(
            g->ctx, RF_EMODEL,
            "operator set %lld; expected %d to %d: export again with another opset_version "
            "or use ONNX's version converter",
            (long long)version, OLDEST_OPSET, NEWEST_OPSET);
    return RF_OK;
}

static rf_status read_metadata(rf_graph *g, const Onnx__ModelProto *model)
{
    if (model->n_metadata_props > MOST_METADATA)
        return rf_fail(g->ctx, RF_EMODEL, "%zu entries of metadata; expected at most %d",
                       model->n_metadata_props, MOST_METADATA);
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (entry->key)
            RF_TRY(rf_graph_set_metadata(g, entry->key, text_of(entry->value)));
    }
    return RF_OK;
}

/* --- values --- */

static rf_status index_initializers(builder *b)
{
    for (size_t i = 0; i < b->proto->n_initializer; i++) {
        Onnx__TensorProto *t = b->proto->initializer[i];
        if (!t->name || !t->name[0])
            return rf_fail(b->g->ctx, RF_EMODEL, "initializer %zu has no name", i);
        RF_TRY(rf_map_put(&b->initializers, t->name, t));
    }
    for (size_t i = 0; i < b->proto->n_sparse_initializer; i++) {
        Onnx__TensorProto *t = b->proto->sparse_initializer[i]->values;
        if (t && t->name)
            RF_TRY(rf_map_put(&b->initializers, t->name, t));
    }
    return RF_OK;
}

static rf_status index_infos(builder *b)
{
    for (size_t i = 0; i < b->proto->n_value_info; i++)
        if (b->proto->value_info[i]->name)
            RF_TRY(rf_map_put(&b->infos, b->proto->value_info[i]->name, b->proto->value_info[i]));
    for (size_t i = 0; i < b->proto->n_output; i++)
        if (b->proto->output[i]->name)
            RF_TRY(rf_map_put(&b->infos, b->proto->output[i]->name, b->proto->output[i]));
    return RF_OK;
}

/* A batch written as 0 means "any", as some exporters do. */
static rf_status read_input(builder *b, const Onnx__ValueInfoProto *info)
{
    rf_value declared = { .dtype = RF_DTYPE_F32 };
    rf_value *v = NULL;
    rf_context *ctx = b->g->ctx;
    RF_TRY(rf_onnx_decode_type(ctx, info->type, "input", text_of(info->name), &declared));
    if (declared.onnx_type)
        return rf_fail(
            ctx, RF_EUNSUPPORTED, "input '%s' has element type %s (%d); refold takes FLOAT",
            text_of(info->name), rf_onnx_type_name(declared.onnx_type), declared.onnx_type);
    if (declared.shape.rank > 0 && declared.shape.dims[0] == 0)
        declared.shape.dims[0] = -1;
    return rf_graph_add_input(b->g, text_of(info->name), declared.dtype, &declared.shape, &v);
}

/* Files of IR version 3 and older list initializers as inputs too. */
static rf_status read_inputs(builder *b)
{
    for (size_t i = 0; i < b->proto->n_input; i++)
        if (!rf_map_find(&b->initializers, text_of(b->proto->input[i]->name)))
            RF_TRY(read_input(b, b->proto->input[i]));
    return RF_OK;
}

static rf_status read_initializer(builder *b, Onnx__TensorProto *proto)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    RF_TRY(rf_onnx_decode_tensor(b->source, proto, proto->name, &t));
    if (!t) {
        RF_TRY(rf_graph_add_value(b->g, proto->name, RF_DTYPE_F32, NULL, &v));
        v->onnx_type = proto->data_type ? proto->data_type : -1;
        v->origin = proto;
        return RF_OK;
    }
    RF_TRY(rf_graph_take_constant(b->g, proto->name, t, &v));
    if (rf_onnx_is_other_float(proto->data_type)) {
        rf_onnx_origin_drop_raw(b->origin, proto);
        return RF_OK;
    }
    v->origin = proto;
    if (rf_onnx_type_of(t->dtype) != proto->data_type)
        v->onnx_type = proto->data_type;
    rf_onnx_origin_drop_raw(b->origin, proto);
    return RF_OK;
}

static rf_status read_initializers(builder *b)
{
    for (size_t i = 0; i < b->proto->n_initializer; i++)
        RF_TRY(read_initializer(b, b->proto->initializer[i]));
    for (size_t i = 0; i < b->proto->n_sparse_initializer; i++) {
        const Onnx__TensorProto *t = b->proto->sparse_initializer[i]->values;
        rf_value *v = NULL;
        if (!t || !t->name)
            return rf_fail(b->g->ctx, RF_EMODEL, "sparse initializer %zu has no name", i);
        RF_TRY(rf_graph_add_value(b->g, t->name, RF_DTYPE_F32, NULL, &v));
        v->onnx_type = -1;
    }
    return RF_OK;
}

/* A shape written down for a tensor between nodes is a hint: what we cannot read of it is left out. */
static void declare(const builder *b, rf_value *v)
{
    const Onnx__ValueInfoProto *info = rf_map_find(&b->infos, v->name);
    rf_value declared = { .dtype = RF_DTYPE_F32 };
    if (!info || rf_onnx_decode_type(b->g->ctx, info->type, "tensor", v->name, &declared))
        return;
    v->dtype = declared.dtype;
    v->shape = declared.shape;
    v->onnx_type = declared.onnx_type;
}

/* --- nodes --- */

static const char *label(const Onnx__NodeProto *proto)
{
    if (proto->name && proto->name[0])
        return proto->name;
    return proto->n_output && proto->output[0] ? proto->output[0] : "";
}

static rf_status read_node_outputs(builder *b, const Onnx__NodeProto *proto)
{
    for (size_t i = 0; i < proto->n_output; i++) {
        rf_value *v = NULL;
        if (!proto->output[i][0])
            continue;
        if (rf_graph_find_value(b->g, proto->output[i]))
            return rf_fail(b->g->ctx, RF_EMODEL,
                           "%s node '%s' makes '%s', a name that another tensor has; names must be "
                           "unique",
                           text_of(proto->op_type), label(proto), proto->output[i]);
        RF_TRY(rf_graph_add_value(b->g, proto->output[i], RF_DTYPE_F32, NULL, &v));
        declare(b, v);
    }
    return RF_OK;
}

static rf_status find_input(const builder *b, const Onnx__NodeProto *proto, const char *name,
                            rf_value **out)
{
    *out = NULL;
    if (!name[0])
        return RF_OK;
    rf_value *v = rf_graph_find_value(b->g, name);
    if (!v)
        return rf_fail(b->g->ctx, RF_EMODEL,
                       "%s node '%s' reads '%s', that is neither an input, nor an initializer, nor "
                       "made by a node",
                       proto->op_type, label(proto), name);
    const bool only_kept = !v->constant && v->onnx_type && rf_map_find(&b->initializers, name);
    if (only_kept)
        return rf_fail(
            b->g->ctx, RF_EUNSUPPORTED,
            "%s node '%s' reads '%s', an initializer of type %s, with which refold does not "
            "compute",
            proto->op_type, label(proto), name,
            v->onnx_type < 0 ? "sparse or undefined" : rf_onnx_type_name(v->onnx_type));
    *out = v;
    return RF_OK;
}

static rf_status describe_node(builder *b, const Onnx__NodeProto *proto, rf_node_desc *desc)
{
    rf_arena *arena = &b->g->arena;
    rf_value **inputs = rf_arena_array(arena, proto->n_input, sizeof *inputs);
    rf_value **outputs = rf_arena_array(arena, proto->n_output, sizeof *outputs);
    if (!inputs || !outputs)
        return RF_ENOMEM;
    for (size_t i = 0; i < proto->n_input; i++)
        RF_TRY(find_input(b, proto, proto->input[i], &inputs[i]));
    for (size_t i = 0; i < proto->n_output; i++)
        outputs[i] = proto->output[i][0] ? rf_graph_find_value(b->g, proto->output[i]) : NULL;
    const char *name = text_of(proto->name);
    *desc = (rf_node_desc){
        .name = rf_graph_find_node(b->g, name)
                    ? NULL
                    : name, /* a second node of that name gets one of ours */
        .op_type = proto->op_type,
        .domain = domain_of(proto->domain),
        .inputs = inputs,
        .input_count = (int)proto->n_input,
        .outputs = outputs,
        .output_count = (int)proto->n_output,
    };
    return RF_OK;
}

static rf_status read_node(builder *b, const Onnx__NodeProto *proto)
{
    rf_node_desc desc;
    rf_node *n = NULL;
    RF_TRY(describe_node(b, proto, &desc));
    RF_TRY(rf_graph_add_node(b->g, &desc, &n));
    n->origin = proto;
    for (size_t i = 0; i < proto->n_attribute; i++)
        RF_TRY(rf_onnx_decode_attr(b->source, b->g, n, proto->attribute[i]));
    return rf_node_is(n, "Constant") ? rf_onnx_decode_constant(b->g, n) : RF_OK;
}

static rf_status check_node(const builder *b, const Onnx__NodeProto *proto, size_t index)
{
    if (!proto->op_type || !proto->op_type[0])
        return rf_fail(b->g->ctx, RF_EMODEL, "node %zu ('%s') has no operator", index,
                       label(proto));
    if (proto->n_input > INT32_MAX / 2 || proto->n_output > INT32_MAX / 2)
        return rf_fail(b->g->ctx, RF_EMODEL, "node '%s' has too many inputs", label(proto));
    if (proto->n_attribute > MOST_ATTRIBUTES)
        return rf_fail(b->g->ctx, RF_EMODEL, "node '%s' has %zu attributes; expected at most %d",
                       label(proto), proto->n_attribute, MOST_ATTRIBUTES);
    return RF_OK;
}

/* The branch takes the place of its If: its tensors join the graph, and its outputs get the names of the If's. */
static rf_status declare_nodes(builder *b, const Onnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        RF_TRY(check_node(b, graph->node[i], i));
        const Onnx__GraphProto *branch =
            rf_onnx_chosen_branch(b->source, b->g, b->proto, graph->node[i]);
        RF_TRY(read_node_outputs(b, graph->node[i]));
        for (size_t k = 0; branch && k < branch->n_initializer; k++)
            RF_TRY(read_initializer(b, branch->initializer[k]));
        if (branch)
            RF_TRY(declare_nodes(b, branch));
    }
    return RF_OK;
}

static rf_status hand_on(builder *b, const Onnx__NodeProto *node, const char *from, const char *to)
{
    rf_value *in = NULL, *out = rf_graph_find_value(b->g, to);
    RF_TRY(find_input(b, node, from, &in));
    const rf_node_desc desc = {
        .op_type = "Identity", .inputs = &in, .input_count = 1, .outputs = &out, .output_count = 1
    };
    return rf_graph_add_node(b->g, &desc, NULL);
}

static rf_status read_nodes(builder *b, const Onnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        const Onnx__GraphProto *branch = rf_onnx_chosen_branch(b->source, b->g, b->proto, node);
        RF_TRY(branch ? read_nodes(b, branch) : read_node(b, node));
        for (size_t k = 0; branch && k < node->n_output; k++)
            if (node->output[k][0])
                RF_TRY(hand_on(b, node, text_of(branch->output[k]->name), node->output[k]));
    }
    return RF_OK;
}

/* Subgraphs read tensors around them by name. The scan has bounded the depth. */
static void pin_captured(rf_graph *g, const Onnx__NodeProto *node);

static void pin_subgraph(rf_graph *g, const Onnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++) {
            rf_value *v = rf_graph_find_value(g, node->input[k]);
            if (v)
                v->pinned = true;
        }
        pin_captured(g, node);
    }
    for (size_t i = 0; i < graph->n_output; i++) {
        rf_value *v = rf_graph_find_value(g, text_of(graph->output[i]->name));
        if (v)
            v->pinned = true;
    }
}

static void pin_captured(rf_graph *g, const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *attr = node->attribute[i];
        if (attr->g)
            pin_subgraph(g, attr->g);
        for (size_t k = 0; k < attr->n_graphs; k++)
            pin_subgraph(g, attr->graphs[k]);
    }
}

/* --- outputs --- */

static rf_status read_outputs(builder *b)
{
    rf_graph *g = b->g;
    if (!b->proto->n_output)
        return rf_fail(g->ctx, RF_EMODEL, "the graph has no output");
    for (size_t i = 0; i < b->proto->n_output; i++) {
        const char *name = text_of(b->proto->output[i]->name);
        rf_value *v = rf_graph_find_value(g, name);
        if (!v || (!v->producer && !v->is_input && !v->constant))
            return rf_fail(g->ctx, RF_EMODEL, "output '%s' is made by no node", name);
        rf_value declared = { .dtype = RF_DTYPE_F32 };
        RF_TRY(rf_onnx_decode_type(g->ctx, b->proto->output[i]->type, "output", name, &declared));
        RF_TRY(rf_graph_mark_output(g, v));
    }
    return RF_OK;
}

static rf_status read_producer(rf_graph *g, const Onnx__ModelProto *model)
{
    const char *name = text_of(model->producer_name), *version = text_of(model->producer_version);
    g->producer = rf_arena_printf(&g->arena, "%s%s%s", name, *name && *version ? " " : "", version);
    return g->producer ? RF_OK : RF_ENOMEM;
}

static rf_status build(builder *b)
{
    const Onnx__ModelProto *model = rf_onnx_origin_model(b->origin);
    RF_TRY(read_producer(b->g, model));
    RF_TRY(read_opsets(b->g, model));
    RF_TRY(read_metadata(b->g, model));
    RF_TRY(index_initializers(b));
    RF_TRY(index_infos(b));
    RF_TRY(read_inputs(b));
    RF_TRY(read_initializers(b));
    RF_TRY(declare_nodes(b, b->proto));
    RF_TRY(read_nodes(b, b->proto));
    for (size_t i = 0; i < b->proto->n_node; i++)
        pin_captured(b->g, b->proto->node[i]);
    RF_TRY(read_outputs(b));
    return rf_graph_sort(b->g);
}

rf_status rf_onnx_build(const rf_onnx_source *source, rf_onnx_origin *origin, rf_graph *g)
{
    builder b = {
        .source = source,
        .origin = origin,
        .proto = rf_onnx_origin_model(origin)->graph,
        .g = g,
    };
    rf_map_init(&b.initializers, g->ctx);
    rf_map_init(&b.infos, g->ctx);
    const rf_status st = build(&b);
    rf_map_release(&b.initializers);
    rf_map_release(&b.infos);
    return st;
}
