/* Graph -> bytes of an ONNX file; its tensors' descriptions: onnx_write_info.c. What came from a file and was not changed goes back as it came. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/onnx.h"
#include "formats/onnx_parts.h"

/* protobuf ends at 2 GiB; what is left is room for nodes and names. */
static const uint64_t largest_model = UINT64_C(1900000000);

/* Messages of the new model; all of them lie in the arena or in the origin. */
typedef struct writer {
    const rf_graph *g;
    rf_arena arena;
    const Onnx__ModelProto *old; /* NULL: the graph was not read from a file */
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
} writer;

/* --- nodes --- */

static char **encode_names(writer *w, rf_value *const *values, int count)
{
    char **names = rf_arena_array(&w->arena, (size_t)count, sizeof *names);
    for (int i = 0; names && i < count; i++)
        names[i] = rf_unconst(values[i] ? values[i]->name : "");
    return names;
}

/* Inputs that are left out at the end need no empty name, unless the file had it. */
static size_t count_inputs(const rf_node *n)
{
    const Onnx__NodeProto *old = n->origin;
    size_t count = (size_t)n->input_count;
    if (old && count && old->n_input == count && !old->input[count - 1][0])
        return count;
    while (count && !n->inputs[count - 1])
        count--;
    return count;
}

static Onnx__NodeProto *encode_node(writer *w, const rf_node *n)
{
    Onnx__NodeProto *proto = rf_arena_alloc(&w->arena, sizeof *proto);
    Onnx__AttributeProto **attrs = rf_arena_array(&w->arena, (size_t)n->attr_count, sizeof *attrs);
    if (!proto || !attrs)
        return NULL;
    onnx__node_proto__init(proto);
    if (n->origin) {
        *proto = *(const Onnx__NodeProto *)n->origin;
    } else {
        proto->op_type = rf_unconst(n->op_type);
        proto->domain = n->domain[0] ? rf_unconst(n->domain) : NULL;
    }
    /* none at all where the file has that of another node, which ONNX Runtime refuses */
    if (!n->origin || n->name_made_up)
        proto->name = n->name_made_up ? NULL : rf_unconst(n->name);
    proto->n_input = count_inputs(n);
    proto->n_output = (size_t)n->output_count;
    proto->n_attribute = (size_t)n->attr_count;
    proto->input = encode_names(w, n->inputs, n->input_count);
    proto->output = encode_names(w, n->outputs, n->output_count);
    proto->attribute = attrs;
    for (int i = 0; i < n->attr_count; i++)
        if (!(attrs[i] = rf_onnx_encode_attr(&w->arena, &n->attrs[i])))
            return NULL;
    return proto->input && proto->output ? proto : NULL;
}

static rf_status encode_nodes(writer *w)
{
    const rf_graph *g = w->g;
    Onnx__NodeProto **nodes = rf_arena_array(&w->arena, (size_t)g->node_count, sizeof *nodes);
    size_t i = 0;
    if (!nodes)
        return RF_ENOMEM;
    for (const rf_node *n = g->first; n; n = n->next) {
        if (strcmp(n->domain, "refold") == 0)
            return rf_fail(g->ctx, RF_EINTERNAL, "node '%s' of domain refold is still in the graph",
                           n->name);
        if (!(nodes[i++] = encode_node(w, n)))
            return RF_ENOMEM;
    }
    w->graph.n_node = i;
    w->graph.node = nodes;
    return RF_OK;
}

/* --- initializers --- */

/* The file's message around the numbers as they are now; numbers in typed fields stay there. */
static Onnx__TensorProto *encode_initializer(writer *w, const rf_value *v)
{
    const Onnx__TensorProto *old = v->origin;
    if (old && (!v->constant || (!old->has_raw_data && !old->n_external_data)))
        return rf_unconst(old);
    Onnx__TensorProto *proto =
        rf_onnx_encode_tensor(&w->arena, v->constant, rf_onnx_type_of_value(v), v->name);
    if (proto && old) {
        const ProtobufCBinaryData raw = proto->raw_data;
        *proto = *old;
        proto->raw_data = raw;
        proto->has_raw_data = 1;
        proto->n_external_data = 0;
        proto->has_data_location = old->n_external_data ? 0 : old->has_data_location;
    }
    return proto;
}

bool rf_onnx_is_initializer(const rf_value *v)
{
    return !v->producer && (v->constant || (v->origin && !v->is_input));
}

static rf_status encode_initializers(writer *w)
{
    const rf_graph *g = w->g;
    Onnx__TensorProto **list = rf_arena_array(&w->arena, g->values.count, sizeof *list);
    size_t count = 0;
    uint64_t bytes = 0;
    if (!list)
        return RF_ENOMEM;
    for (size_t i = 0; i < g->values.count; i++) {
        const rf_value *v = g->values.items[i];
        if (!rf_onnx_is_initializer(v))
            continue;
        if (!(list[count++] = encode_initializer(w, v)))
            return RF_ENOMEM;
        bytes +=
            v->constant ? (uint64_t)v->constant->count * rf_dtype_bytes(v->constant->dtype) : 0;
    }
    if (bytes > largest_model)
        return rf_fail(g->ctx, RF_EUNSUPPORTED,
                       "the model holds %" PRIu64
                       " bytes of weights; one ONNX file takes at most %" PRIu64,
                       bytes, largest_model);
    w->graph.n_initializer = count;
    w->graph.initializer = list;
    return RF_OK;
}

/* --- model --- */

static bool is_domain(const Onnx__OperatorSetIdProto *opset, const char *domain)
{
    const char *found = opset->domain ? opset->domain : "";
    return strcmp(strcmp(found, "ai.onnx") == 0 ? "" : found, domain) == 0;
}

static const Onnx__OperatorSetIdProto *find_old_opset(const writer *w, const char *domain)
{
    for (size_t i = 0; w->old && i < w->old->n_opset_import; i++)
        if (is_domain(w->old->opset_import[i], domain))
            return w->old->opset_import[i];
    return NULL;
}

static Onnx__OperatorSetIdProto *encode_opset(writer *w, const rf_opset *opset)
{
    const Onnx__OperatorSetIdProto *old = find_old_opset(w, opset->domain);
    if (old && old->version == opset->version)
        return rf_unconst(old);
    Onnx__OperatorSetIdProto *proto = rf_arena_alloc(&w->arena, sizeof *proto);
    if (!proto)
        return NULL;
    onnx__operator_set_id_proto__init(proto);
    proto->domain = rf_unconst(opset->domain);
    proto->has_version = 1;
    proto->version = opset->version;
    return proto;
}

static rf_status encode_opsets(writer *w)
{
    const rf_graph *g = w->g;
    Onnx__OperatorSetIdProto **list = rf_arena_array(&w->arena, g->opsets.count, sizeof *list);
    if (!list)
        return RF_ENOMEM;
    for (size_t i = 0; i < g->opsets.count; i++)
        if (!(list[i] = encode_opset(w, &g->opsets.items[i])))
            return RF_ENOMEM;
    w->model.n_opset_import = g->opsets.count;
    w->model.opset_import = list;
    return RF_OK;
}

static rf_status encode_metadata(writer *w)
{
    const rf_graph *g = w->g;
    Onnx__StringStringEntryProto **list =
        rf_arena_array(&w->arena, g->metadata.count, sizeof *list);
    Onnx__StringStringEntryProto *entries =
        rf_arena_array(&w->arena, g->metadata.count, sizeof *entries);
    if (!list || !entries)
        return RF_ENOMEM;
    for (size_t i = 0; i < g->metadata.count; i++) {
        onnx__string_string_entry_proto__init(&entries[i]);
        entries[i].key = rf_unconst(g->metadata.items[i].key);
        entries[i].value = rf_unconst(g->metadata.items[i].value);
        list[i] = &entries[i];
    }
    w->model.n_metadata_props = g->metadata.count;
    w->model.metadata_props = list;
    return RF_OK;
}

/* The IR version that brought an operator set, so that readers know the types in it. Source: ONNX's Versioning.md. */
static int64_t ir_version_for(int64_t opset)
{
    if (opset >= 21)
        return 10;
    if (opset >= 19)
        return 9;
    return opset >= 15 ? 8 : 7;
}

static void encode_versions(writer *w)
{
    const int64_t opset = rf_graph_opset(w->g, "");
    const Onnx__OperatorSetIdProto *old = find_old_opset(w, "");
    const int64_t at_least = ir_version_for(opset);
    if (!w->old) {
        w->model.producer_name = rf_unconst("refold");
        w->model.producer_version = rf_unconst(RF_VERSION);
        w->model.ir_version = 8;
    }
    w->model.has_ir_version = 1;
    if ((!old || old->version != opset) && w->model.ir_version < at_least)
        w->model.ir_version = at_least;
}

static void start(writer *w)
{
    onnx__model_proto__init(&w->model);
    onnx__graph_proto__init(&w->graph);
    if (w->old) {
        w->model = *w->old;
        w->graph = *w->old->graph;
    }
    w->graph.name = rf_unconst(w->g->name);
    w->model.graph = &w->graph;
}

static rf_status encode_all(writer *w)
{
    start(w);
    encode_versions(w);
    RF_TRY(encode_opsets(w));
    RF_TRY(encode_metadata(w));
    RF_TRY(encode_nodes(w));
    RF_TRY(encode_initializers(w));
    /* IR version 3 and older: every initializer is listed as an input as well. */
    return rf_onnx_encode_infos(&w->arena, w->g, w->old ? w->old->graph : NULL,
                                w->old && w->model.ir_version < 4, &w->graph);
}

static rf_status pack(const writer *w, void **bytes_out, size_t *size_out)
{
    const size_t size = onnx__model_proto__get_packed_size(&w->model);
    if (size > INT32_MAX)
        return rf_fail(w->g->ctx, RF_EUNSUPPORTED,
                       "the model takes %zu bytes; one ONNX file holds at most %d", size,
                       INT32_MAX);
    void *bytes = rf_alloc(w->g->ctx, size);
    if (!bytes)
        return RF_ENOMEM;
    onnx__model_proto__pack(&w->model, bytes);
    *bytes_out = bytes;
    *size_out = size;
    return RF_OK;
}

rf_status rf_onnx_encode(const rf_graph *g, void **bytes_out, size_t *size_out)
{
    writer w = { .g = g, .old = g->origin ? rf_onnx_origin_model(g->origin) : NULL };
    rf_arena_init(&w.arena, g->ctx);
    rf_status st = encode_all(&w);
    if (!st)
        st = pack(&w, bytes_out, size_out);
    rf_arena_release(&w.arena);
    return st;
}

rf_status rf_onnx_write(const rf_graph *g, const char *path, bool force)
{
    void *bytes = NULL;
    size_t size = 0;
    RF_TRY(rf_onnx_encode(g, &bytes, &size));
    const rf_status st = rf_file_write(g->ctx, path, bytes, size, force);
    rf_free(g->ctx, bytes);
    return st;
}
