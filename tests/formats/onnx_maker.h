/* ONNX files by hand, message by message, so that tests can write what no exporter would. */
#ifndef RF_TESTS_ONNX_MAKER_H
#define RF_TESTS_ONNX_MAKER_H

#include <onnx.pb-c.h>

#include "base/arena.h"
#include "formats/onnx.h"
#include "graph/copy.h"
#include "testing.h"

/* One model; all of its messages lie in the arena. */
typedef struct maker {
    rf_context *ctx;
    rf_arena arena;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
} maker;

/* Append to a repeated field of message pointers. */
#define APPEND(m, count, list, message)                                                            \
    do {                                                                                           \
        void **append_ = rf_arena_array(&(m)->arena, (count) + 1, sizeof *append_);                \
        assert_non_null(append_);                                                                  \
        if (count)                                                                                 \
            memcpy(append_, (list), (count) * sizeof *append_);                                    \
        append_[(count)++] = (message);                                                            \
        *(void ***)&(list) = append_;                                                              \
    } while (0)

#define NEW(m, variable, init)                                                                     \
    do {                                                                                           \
        (variable) = rf_arena_alloc(&(m)->arena, sizeof *(variable));                              \
        assert_non_null(variable);                                                                 \
        init(variable);                                                                            \
    } while (0)

static inline char *text(maker *m, const char *s)
{
    return rf_arena_strdup(&m->arena, s);
}

static inline void add_opset(maker *m, const char *domain, int64_t version)
{
    Onnx__OperatorSetIdProto *opset;
    NEW(m, opset, onnx__operator_set_id_proto__init);
    opset->domain = text(m, domain);
    opset->has_version = 1;
    opset->version = version;
    APPEND(m, m->model.n_opset_import, m->model.opset_import, opset);
}

static inline void begin_empty(maker *m)
{
    memset(m, 0, sizeof *m);
    m->ctx = test_context();
    rf_arena_init(&m->arena, m->ctx);
    onnx__model_proto__init(&m->model);
    onnx__graph_proto__init(&m->graph);
    m->model.has_ir_version = 1;
    m->model.ir_version = 7;
    m->model.graph = &m->graph;
    m->graph.name = text(m, "net");
}

static inline void end(maker *m)
{
    rf_arena_release(&m->arena);
    rf_context_free(m->ctx);
}

static inline Onnx__ValueInfoProto *make_info(maker *m, const char *name, int element, int rank,
                                              const int64_t *dims)
{
    Onnx__ValueInfoProto *info;
    NEW(m, info, onnx__value_info_proto__init);
    info->name = text(m, name);
    NEW(m, info->type, onnx__type_proto__init);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    NEW(m, info->type->tensor_type, onnx__type_proto__tensor__init);
    info->type->tensor_type->has_elem_type = 1;
    info->type->tensor_type->elem_type = element;
    NEW(m, info->type->tensor_type->shape, onnx__tensor_shape_proto__init);
    Onnx__TensorShapeProto *shape = info->type->tensor_type->shape;
    for (int i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim;
        NEW(m, dim, onnx__tensor_shape_proto__dimension__init);
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = dims[i];
        APPEND(m, shape->n_dim, shape->dim, dim);
    }
    return info;
}

static inline void add_input(maker *m, const char *name, int rank, const int64_t *dims)
{
    APPEND(m, m->graph.n_input, m->graph.input, make_info(m, name, 1, rank, dims));
}

static inline void add_output(maker *m, const char *name)
{
    Onnx__ValueInfoProto *info;
    NEW(m, info, onnx__value_info_proto__init);
    info->name = text(m, name);
    APPEND(m, m->graph.n_output, m->graph.output, info);
}

static inline Onnx__TensorProto *make_tensor(maker *m, const char *name, int type, int rank,
                                             const int64_t *dims)
{
    Onnx__TensorProto *t;
    NEW(m, t, onnx__tensor_proto__init);
    t->name = name ? text(m, name) : NULL;
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = (size_t)rank;
    t->dims = rf_arena_array(&m->arena, (size_t)rank, sizeof *t->dims);
    if (rank)
        memcpy(t->dims, dims, (size_t)rank * sizeof *dims);
    return t;
}

static inline void set_raw(maker *m, Onnx__TensorProto *t, const void *bytes, size_t size)
{
    t->has_raw_data = 1;
    t->raw_data.len = size;
    t->raw_data.data = rf_arena_alloc(&m->arena, size + 1);
    memcpy(t->raw_data.data, bytes, size);
}

static inline Onnx__TensorProto *add_initializer(maker *m, const char *name, int type, int rank,
                                                 const int64_t *dims)
{
    Onnx__TensorProto *t = make_tensor(m, name, type, rank, dims);
    APPEND(m, m->graph.n_initializer, m->graph.initializer, t);
    return t;
}

/* FLOAT of rank 1 with `count` ones, in raw_data. */
static inline Onnx__TensorProto *add_ones(maker *m, const char *name, int64_t count)
{
    Onnx__TensorProto *t = add_initializer(m, name, 1, 1, &count);
    float *ones = rf_arena_array(&m->arena, (size_t)count, sizeof *ones);
    for (int64_t i = 0; i < count; i++)
        ones[i] = 1.0F;
    set_raw(m, t, ones, (size_t)count * sizeof *ones);
    return t;
}

/* `inputs` and `outputs`: names, separated by commas; an empty one is an input left out. */
static inline void add_names(maker *m, size_t *count, char ***list, const char *names)
{
    const char *at = names;
    while (at) {
        const char *comma = strchr(at, ',');
        const size_t length = comma ? (size_t)(comma - at) : strlen(at);
        APPEND(m, *count, *list, rf_arena_strndup(&m->arena, at, length));
        at = comma ? comma + 1 : NULL;
    }
}

static inline Onnx__NodeProto *add_node(maker *m, const char *op_type, const char *name,
                                        const char *inputs, const char *outputs)
{
    Onnx__NodeProto *n;
    NEW(m, n, onnx__node_proto__init);
    n->op_type = text(m, op_type);
    n->name = name ? text(m, name) : NULL;
    if (inputs)
        add_names(m, &n->n_input, &n->input, inputs);
    add_names(m, &n->n_output, &n->output, outputs);
    APPEND(m, m->graph.n_node, m->graph.node, n);
    return n;
}

static inline Onnx__AttributeProto *add_attr(maker *m, Onnx__NodeProto *n, const char *name,
                                             Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a;
    NEW(m, a, onnx__attribute_proto__init);
    a->name = text(m, name);
    a->has_type = 1;
    a->type = type;
    APPEND(m, n->n_attribute, n->attribute, a);
    return a;
}

static inline void add_int(maker *m, Onnx__NodeProto *n, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = add_attr(m, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

/* x [n, 4] -> Relu 'relu' -> y, operator set 13. */
static inline void begin_relu(maker *m)
{
    static const int64_t dims[] = { 0, 4 };
    begin_empty(m);
    add_opset(m, "", 13);
    add_input(m, "x", 2, dims);
    add_node(m, "Relu", "relu", "x", "y");
    add_output(m, "y");
}

static inline uint8_t *pack(maker *m, size_t *size)
{
    *size = onnx__model_proto__get_packed_size(&m->model);
    uint8_t *bytes = rf_arena_alloc(&m->arena, *size + 1);
    assert_non_null(bytes);
    onnx__model_proto__pack(&m->model, bytes);
    return bytes;
}

static inline rf_status decode(maker *m, const char *folder, rf_graph **out)
{
    size_t size = 0;
    const uint8_t *bytes = pack(m, &size);
    return rf_onnx_decode(m->ctx, bytes, size, folder, "net.onnx", out);
}

static inline rf_graph *read_model(maker *m)
{
    rf_graph *g = NULL;
    CHECK_OK(m->ctx, decode(m, NULL, &g));
    CHECK_OK(m->ctx, rf_graph_check(g));
    return g;
}

/* What is written for g, unpacked; free with onnx__model_proto__free_unpacked(.., NULL). */
static inline Onnx__ModelProto *written(const rf_graph *g)
{
    void *bytes = NULL;
    size_t size = 0;
    CHECK_OK(g->ctx, rf_onnx_encode(g, &bytes, &size));
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    assert_non_null(model);
    rf_free(g->ctx, bytes);
    return model;
}

/* Read, copied, written: the same bytes, since protobuf-c packs fields in one order. */
static inline void assert_comes_back(maker *m)
{
    size_t before_size = 0, after_size = 0;
    const uint8_t *before = pack(m, &before_size);
    void *after = NULL;
    rf_graph *g = read_model(m), *copy = NULL;
    CHECK_OK(m->ctx, rf_graph_clone(g, &copy));
    rf_graph_free(g);
    CHECK_OK(m->ctx, rf_onnx_encode(copy, &after, &after_size));
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, before_size);
    rf_free(m->ctx, after);
    rf_graph_free(copy);
}

#define DIMS(...)                                                                                  \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#endif
