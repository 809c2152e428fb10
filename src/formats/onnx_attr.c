/* AttributeProto <-> rf_attr, and the many forms of a Constant node. */
#include <string.h>

#include "base/status.h"
#include "formats/onnx_parts.h"
#include "graph/edit.h"

/* Files of IR version 1 leave the type out; then the field that is there tells it. */
static int type_of(const Onnx__AttributeProto *proto)
{
    if (proto->has_type && proto->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return (int)proto->type;
    if (proto->has_f)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    if (proto->has_i)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (proto->has_s)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    if (proto->t)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    if (proto->n_floats)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    if (proto->n_ints)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

static rf_status decode_tensor_attr(const rf_onnx_source *source, rf_graph *g, const rf_node *n,
                                    const Onnx__AttributeProto *proto, rf_attr *attr)
{
    rf_tensor *t = NULL;
    if (!proto->t)
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s': attribute '%s' has no tensor", n->op_type,
                       n->name, attr->name);
    RF_TRY(rf_onnx_decode_tensor(source, proto->t, proto->t->name ? proto->t->name : n->name, &t));
    if (!t)
        return RF_OK;
    RF_TRY(rf_graph_own_tensor(g, t));
    attr->type = RF_ATTR_TENSOR;
    attr->tensor = t;
    if (rf_onnx_is_other_float(proto->t->data_type))
        attr->origin = NULL;
    return RF_OK;
}

rf_status rf_onnx_decode_attr(const rf_onnx_source *source, rf_graph *g, rf_node *n,
                              const Onnx__AttributeProto *proto)
{
    if (!proto->name || !proto->name[0])
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s' has an attribute without a name",
                       n->op_type, n->name);
    if (rf_node_attr(n, proto->name))
        return rf_fail(g->ctx, RF_EMODEL, "%s node '%s' has attribute '%s' twice", n->op_type,
                       n->name, proto->name);
    rf_attr *attr = rf_node_new_attr(g, n, proto->name);
    if (!attr)
        return RF_ENOMEM;
    attr->type = RF_ATTR_OTHER;
    attr->origin = proto;
    switch (type_of(proto)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        attr->type = RF_ATTR_FLOAT;
        attr->f = (double)proto->f;
        return RF_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        attr->type = RF_ATTR_INT;
        attr->i = proto->i;
        return RF_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attr->type = RF_ATTR_STRING;
        attr->s = rf_arena_strndup(&g->arena, proto->s.data ? (const char *)proto->s.data : "",
                                   proto->s.len);
        return attr->s ? RF_OK : RF_ENOMEM;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS: /* borrowed: the origin lives as long as the graph */
        attr->type = RF_ATTR_FLOATS;
        attr->floats = proto->floats;
        attr->count = (int64_t)proto->n_floats;
        return RF_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        attr->type = RF_ATTR_INTS;
        attr->ints = proto->ints;
        attr->count = (int64_t)proto->n_ints;
        return RF_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return decode_tensor_attr(source, g, n, proto, attr);
    default:
        return RF_OK;
    }
}

/* --- Constant --- */

static rf_status scalar(rf_graph *g, const rf_attr *attr, rf_tensor **out)
{
    const bool is_float = attr->type == RF_ATTR_FLOAT;
    RF_TRY(rf_tensor_new(g->ctx, is_float ? RF_DTYPE_F32 : RF_DTYPE_I64, 0, NULL, out));
    if (is_float)
        rf_tensor_f32(*out)[0] = (float)attr->f;
    else
        rf_tensor_i64(*out)[0] = attr->i;
    return RF_OK;
}

static rf_status list(rf_graph *g, const rf_attr *attr, rf_tensor **out)
{
    const bool is_float = attr->type == RF_ATTR_FLOATS;
    RF_TRY(rf_tensor_new(g->ctx, is_float ? RF_DTYPE_F32 : RF_DTYPE_I64, 1, &attr->count, out));
    const void *from = is_float ? (const void *)attr->floats : (const void *)attr->ints;
    if (attr->count)
        memcpy((*out)->data, from, (size_t)attr->count * rf_dtype_bytes((*out)->dtype));
    return RF_OK;
}

/* *out stays NULL for a form that refold only keeps (strings, sparse tensors). */
static rf_status constant_tensor(rf_graph *g, const rf_attr *attr, rf_tensor **out)
{
    switch (attr->type) {
    case RF_ATTR_FLOAT:
    case RF_ATTR_INT:
        RF_TRY(scalar(g, attr, out));
        return rf_graph_own_tensor(g, *out);
    case RF_ATTR_FLOATS:
    case RF_ATTR_INTS:
        RF_TRY(list(g, attr, out));
        return rf_graph_own_tensor(g, *out);
    default:
        *out = attr->tensor;
        return RF_OK;
    }
}

rf_status rf_onnx_decode_constant(rf_graph *g, rf_node *n)
{

    rf_value *v = rf_node_output(n, 0);
    if (n->attr_count != 1 || n->input_count || !v)
        return rf_fail(
            g->ctx, RF_EMODEL,
            "Constant node '%s' has %d attributes, %d inputs and %d outputs; expected one "
            "value and one output",
            n->name, n->attr_count, n->input_count, n->output_count);
    const rf_attr old = n->attrs[0];
    rf_tensor *t = NULL;
    RF_TRY(constant_tensor(g, &old, &t));
    if (!t)
        return RF_OK;
    n->attr_count = 0;
    RF_TRY(rf_node_set_tensor(g, n, "value", t));
    n->attrs[0].origin = old.origin;
    v->constant = t;
    v->dtype = t->dtype;
    v->shape = t->shape;
    return RF_OK;
}

/* --- writing --- */

static bool encode_value(rf_arena *arena, const rf_attr *attr, Onnx__AttributeProto *proto)
{
    switch (attr->type) {
    case RF_ATTR_FLOAT:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        proto->has_f = 1;
        proto->f = (float)attr->f;
        return true;
    case RF_ATTR_INT:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        proto->has_i = 1;
        proto->i = attr->i;
        return true;
    case RF_ATTR_STRING:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        proto->has_s = 1;
        proto->s = (ProtobufCBinaryData){ strlen(attr->s), rf_unconst(attr->s) };
        return true;
    case RF_ATTR_FLOATS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        proto->n_floats = (size_t)attr->count;
        proto->floats = rf_unconst(attr->floats);
        return true;
    case RF_ATTR_INTS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        proto->n_ints = (size_t)attr->count;
        proto->ints = rf_unconst(attr->ints);
        return true;
    case RF_ATTR_TENSOR:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        proto->t = rf_onnx_encode_tensor(arena, attr->tensor, 0, NULL);
        return proto->t != NULL;
    default:
        return false;
    }
}

/* An attribute with external data is made anew: what was written must not depend on the file beside the old model. */
static bool is_kept(const Onnx__AttributeProto *origin)
{
    return origin && !(origin->t && origin->t->n_external_data);
}

Onnx__AttributeProto *rf_onnx_encode_attr(rf_arena *arena, const rf_attr *attr)
{
    if (is_kept(attr->origin))
        return rf_unconst(attr->origin);
    Onnx__AttributeProto *proto = rf_arena_alloc(arena, sizeof *proto);
    if (!proto)
        return NULL;
    onnx__attribute_proto__init(proto);
    proto->name = rf_unconst(attr->name);
    proto->has_type = 1;
    return encode_value(arena, attr, proto) ? proto : NULL;
}
