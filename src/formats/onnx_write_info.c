/* What an ONNX file says of its tensors: inputs, outputs, shapes of those between. */
#include <string.h>

#include "formats/onnx_parts.h"

typedef struct infos {
    const rf_graph *g;
    rf_arena *arena;
    const Onnx__GraphProto *old; /* NULL: the graph was not read from a file */
    bool with_initializers;      /* listed as inputs too */
    bool opened;                 /* a batch of 0 is written as any */
    rf_map by_name;              /* -> ValueInfoProto of old */
    rf_map made;                 /* name -> NodeProto of old that makes it */
    rf_map listed;               /* name -> ValueInfoProto among the inputs of old */
    Onnx__GraphProto *out;
} infos;

/* --- types and shapes --- */

static Onnx__TensorShapeProto__Dimension *encode_dim(infos *w, int64_t value, int axis)
{
    Onnx__TensorShapeProto__Dimension *dim = rf_arena_alloc(w->arena, sizeof *dim);
    if (!dim)
        return NULL;
    onnx__tensor_shape_proto__dimension__init(dim);
    if (value >= 0) {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = value;
    } else if (axis == 0) {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dim->dim_param = rf_unconst("batch");
    }
    return dim;
}

static Onnx__TensorShapeProto *encode_shape(infos *w, const rf_shape *shape)
{
    Onnx__TensorShapeProto *proto = rf_arena_alloc(w->arena, sizeof *proto);
    Onnx__TensorShapeProto__Dimension **dims =
        rf_arena_array(w->arena, (size_t)shape->rank, sizeof *dims);
    if (!proto || !dims)
        return NULL;
    onnx__tensor_shape_proto__init(proto);
    proto->n_dim = (size_t)shape->rank;
    proto->dim = dims;
    for (int i = 0; i < shape->rank; i++)
        if (!(dims[i] = encode_dim(w, shape->dims[i], i)))
            return NULL;
    return proto;
}

static Onnx__ValueInfoProto *new_info(infos *w, const rf_value *v)
{
    Onnx__ValueInfoProto *info = rf_arena_alloc(w->arena, sizeof *info);
    Onnx__TypeProto *type = rf_arena_alloc(w->arena, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = rf_arena_alloc(w->arena, sizeof *tensor);
    if (!info || !type || !tensor)
        return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    info->name = rf_unconst(v->name);
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = rf_onnx_type_of_value(v);
    if (v->shape.rank >= 0 && !(tensor->shape = encode_shape(w, &v->shape)))
        return NULL;
    return info;
}

/* --- a batch of 0 --- */

/* NULL where none is declared. */
static const Onnx__TensorShapeProto *declared_shape(const Onnx__ValueInfoProto *info)
{
    const Onnx__TypeProto *type = info->type;
    const bool is_tensor = type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    return is_tensor ? type->tensor_type->shape : NULL;
}

static bool has_empty_batch(const Onnx__ValueInfoProto *info)
{
    const Onnx__TensorShapeProto *shape = declared_shape(info);
    return shape && shape->n_dim > 1 &&
           shape->dim[0]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
           shape->dim[0]->dim_value == 0;
}

static bool opens_batch(const infos *w)
{
    bool found = false;
    for (size_t i = 0; w->g->open_batch && w->old && i < w->old->n_input; i++)
        found = found || has_empty_batch(w->old->input[i]);
    return found;
}

/* A copy of the file's shape, with the batch open. */
static Onnx__TensorShapeProto *opened_shape(infos *w, const Onnx__TensorShapeProto *old)
{
    Onnx__TensorShapeProto *shape = rf_arena_alloc(w->arena, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = rf_arena_array(w->arena, old->n_dim, sizeof *dims);
    if (!shape || !dims || !(dims[0] = encode_dim(w, -1, /*axis=*/0)))
        return NULL;
    for (size_t i = 1; i < old->n_dim; i++)
        dims[i] = old->dim[i];
    *shape = *old;
    shape->dim = dims;
    return shape;
}

/* The file's own, with its dim names and documentation. */
static Onnx__ValueInfoProto *old_info(infos *w, Onnx__ValueInfoProto *old)
{
    if (!w->opened || !has_empty_batch(old))
        return old;
    Onnx__ValueInfoProto *info = rf_arena_alloc(w->arena, sizeof *info);
    Onnx__TypeProto *type = rf_arena_alloc(w->arena, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = rf_arena_alloc(w->arena, sizeof *tensor);
    if (!info || !type || !tensor)
        return NULL;
    *info = *old;
    *type = *old->type;
    *tensor = *old->type->tensor_type;
    info->type = type;
    type->tensor_type = tensor;
    return (tensor->shape = opened_shape(w, tensor->shape)) ? info : NULL;
}

static Onnx__ValueInfoProto *encode_info(infos *w, const rf_value *v)
{
    Onnx__ValueInfoProto *old = rf_map_find(&w->by_name, v->name);
    return old ? old_info(w, old) : new_info(w, v);
}

static rf_status index_infos(rf_map *map, size_t count, Onnx__ValueInfoProto *const *list)
{
    for (size_t i = 0; i < count; i++)
        if (list[i]->name)
            RF_TRY(rf_map_put(map, list[i]->name, list[i]));
    return RF_OK;
}

static rf_status index_old(infos *w)
{
    const Onnx__GraphProto *graph = w->old;
    if (!graph)
        return RF_OK;
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++)
            RF_TRY(rf_map_put(&w->made, graph->node[i]->output[k], graph->node[i]));
    RF_TRY(index_infos(&w->by_name, graph->n_value_info, graph->value_info));
    RF_TRY(index_infos(&w->by_name, graph->n_input, graph->input));
    RF_TRY(index_infos(&w->listed, graph->n_input, graph->input));
    return index_infos(&w->by_name, graph->n_output, graph->output);
}

/* --- inputs, outputs, shapes between --- */

static bool is_still_input(const rf_graph *g, const Onnx__ValueInfoProto *info)
{
    const rf_value *v = rf_graph_find_value(g, info->name ? info->name : "");
    return v && (v->is_input || rf_onnx_is_initializer(v));
}

static rf_status encode_inputs(infos *w)
{
    const rf_graph *g = w->g;
    const Onnx__GraphProto *old = w->old;
    const size_t at_most = g->values.count + (old ? old->n_input : 0);
    Onnx__ValueInfoProto **list = rf_arena_array(w->arena, at_most, sizeof *list);
    size_t count = 0;
    if (!list)
        return RF_ENOMEM;
    for (size_t i = 0; old && i < old->n_input; i++)
        if (is_still_input(g, old->input[i]) && !(list[count++] = old_info(w, old->input[i])))
            return RF_ENOMEM;
    for (size_t i = 0; i < g->values.count; i++) {
        const rf_value *v = g->values.items[i];
        const bool wanted = v->is_input || (w->with_initializers && rf_onnx_is_initializer(v));
        if (!wanted || rf_map_find(&w->listed, v->name))
            continue;
        if (!(list[count++] = encode_info(w, v)))
            return RF_ENOMEM;
    }
    w->out->n_input = count;
    w->out->input = list;
    return RF_OK;
}

static rf_status encode_outputs(infos *w)
{
    const size_t count = w->g->outputs.count;
    Onnx__ValueInfoProto **list = rf_arena_array(w->arena, count, sizeof *list);
    if (!list)
        return RF_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (!(list[i] = encode_info(w, w->g->outputs.items[i])))
            return RF_ENOMEM;
    w->out->n_output = count;
    w->out->output = list;
    return RF_OK;
}

/* Tensors that are gone lose their line; lines about tensors that never were stay, as all that is not ours. */
static bool is_gone(const infos *w, const char *name)
{
    return name && rf_map_find(&w->made, name) && !rf_graph_find_value(w->g, name);
}

static rf_status encode_value_info(infos *w)
{
    const Onnx__GraphProto *old = w->old;
    if (!old)
        return RF_OK;
    Onnx__ValueInfoProto **list = rf_arena_array(w->arena, old->n_value_info, sizeof *list);
    size_t count = 0;
    if (!list)
        return RF_ENOMEM;
    for (size_t i = 0; i < old->n_value_info; i++) {
        if (!is_gone(w, old->value_info[i]->name) &&
            !(list[count++] = old_info(w, old->value_info[i])))
            return RF_ENOMEM;
    }
    w->out->n_value_info = count;
    w->out->value_info = list;
    return RF_OK;
}

static rf_status encode_all(infos *w)
{
    RF_TRY(index_old(w));
    w->opened = opens_batch(w);
    RF_TRY(encode_inputs(w));
    RF_TRY(encode_outputs(w));
    return encode_value_info(w);
}

rf_status rf_onnx_encode_infos(rf_arena *arena, const rf_graph *g, const Onnx__GraphProto *old,
                               bool with_initializers, Onnx__GraphProto *out)
{
    infos w = {
        .g = g, .arena = arena, .old = old, .with_initializers = with_initializers, .out = out
    };
    rf_map_init(&w.by_name, g->ctx);
    rf_map_init(&w.made, g->ctx);
    rf_map_init(&w.listed, g->ctx);
    const rf_status st = encode_all(&w);
    rf_map_release(&w.by_name);
    rf_map_release(&w.made);
    rf_map_release(&w.listed);
    return st;
}
