/*
 * The graph: nodes and values in one arena, in topological order, with ONNX's names and semantics.
 * A value is a tensor that flows (one producer or none) or a constant (initializer, Constant node).
 */
#ifndef RF_GRAPH_GRAPH_H
#define RF_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "tensor/tensor.h"

typedef struct rf_value rf_value;
typedef struct rf_node rf_node;

typedef enum rf_attr_type {
    RF_ATTR_INT,
    RF_ATTR_FLOAT,
    RF_ATTR_STRING,
    RF_ATTR_INTS,
    RF_ATTR_FLOATS,
    RF_ATTR_TENSOR,
    RF_ATTR_OTHER /* graphs, sparse tensors, string lists: kept for writing, not understood */
} rf_attr_type;

typedef struct rf_attr {
    const char *name;
    rf_attr_type type;
    int64_t i;
    double f;
    const char *s;
    int64_t count; /* of ints or floats */
    const int64_t *ints;
    const float *floats;
    rf_tensor *tensor; /* owned by the graph */
    const void *
        origin; /* the reader's AttributeProto; NULL once the attribute was changed or for new ones */
} rf_attr;

/* One use of a value as an input of a node. */
typedef struct rf_use {
    rf_node *node;
    int index;
    struct rf_use *next,
        **link; /* link: what points to this use: the value's head or a neighbour's next */
} rf_use;

struct rf_value {
    const char *name;
    rf_dtype dtype;
    rf_shape shape;    /* as declared; rank -1 unknown. Planning infers the real ones */
    rf_node *producer; /* NULL: graph input or initializer */
    rf_use *uses;      /* in no particular order; rf_value_use_count, rf_value_is_used_once */
    rf_tensor *
        constant; /* owned by the graph: initializer or Constant node; NULL: computed. Training writes into it */
    bool is_input, is_output;
    bool
        pinned; /* a subgraph of If, Loop or Scan reads it by name: it has a use that is not listed */
    bool trainable; /* a constant that training changes; set by rf_mark_trainable (ops/params.h) */
    int onnx_type; /* ONNX data type in files; 0: that of dtype. 22 (INT4), 21 (UINT4): the writer packs the codes of
                             an int8 (uint8) constant. Others: a type that refold only keeps for writing; constant is NULL then */
    const void *
        origin; /* the reader's TensorProto; NULL once `constant` was changed (rf_value_touch) or for new values */
};

struct rf_node {
    const char *name; /* unique; made up where the file has none (then name_made_up) */
    bool name_made_up;
    const char *op_type, *domain; /* domain "" is ONNX's */
    int input_count, output_count;
    rf_value **inputs;  /* NULL entries: optional inputs left out */
    rf_use *input_uses; /* [input_count] */
    rf_value **outputs; /* NULL entries: outputs left out */
    int attr_count;
    rf_attr *attrs;
    const void *
        origin; /* the reader's NodeProto: what the writer keeps besides inputs, outputs and attributes; NULL for new nodes */
    rf_node *prev, *next;
    int mark; /* scratch of whoever walks the graph */
};

typedef struct rf_opset {
    const char *domain;
    int64_t version;
} rf_opset;
typedef struct rf_metadata {
    const char *key, *value;
} rf_metadata;

struct rf_graph {
    rf_context *ctx;
    rf_arena arena;
    const char *name;
    const char *producer; /* "pytorch 2.1.0": what wrote the file; "" where it does not say */
    bool
        open_batch; /* a batch that the file gives as 0 is written as open, which is how it was read */
    bool training_form; /* BN or Dropout came in training form; the reader made it inference form */
    bool is_outline;    /* constants belong to another graph, which outlives it: only read */
    rf_node *first, *last; /* topological order */
    int node_count;
    RF_VEC(rf_value *) values; /* all, in order of creation */
    RF_VEC(rf_value *) inputs; /* without initializers */
    RF_VEC(rf_value *) outputs;
    RF_VEC(rf_opset) opsets;
    RF_VEC(rf_metadata) metadata;
    rf_map value_by_name, node_by_name;
    RF_VEC(rf_tensor *) tensors; /* owned */
    /* What the reader keeps so that unchanged parts are written back as they were read; shared by copies. */
    void *origin;
    void (*origin_retain)(void *origin);
    void (*origin_release)(void *origin);
};

rf_status rf_graph_new(rf_context *ctx, const char *name, rf_graph **out);

/* --- looking --- */
rf_value *rf_graph_find_value(const rf_graph *g, const char *name); /* NULL if absent */
rf_node *rf_graph_find_node(const rf_graph *g, const char *name);
int64_t rf_graph_opset(const rf_graph *g,
                       const char *domain); /* version of a domain; 0 if not imported */
const char *rf_graph_metadata(const rf_graph *g, const char *key); /* NULL if absent */
rf_value *rf_node_input(const rf_node *n, int i); /* NULL if left out or beyond the end */
rf_value *rf_node_output(const rf_node *n, int i);
bool rf_node_is(const rf_node *n, const char *op_type); /* in ONNX's domain */
int rf_value_use_count(const rf_value *v);
bool rf_value_is_used_once(const rf_value *v); /* without counting, where there may be thousands */
/* The one consumer of a value that is no graph output; NULL when there are more or none. */
rf_node *rf_value_only_consumer(const rf_value *v);

const rf_attr *rf_node_attr(const rf_node *n, const char *name); /* NULL if absent */
int64_t rf_attr_int(const rf_node *n, const char *name, int64_t fallback);
float rf_attr_float(const rf_node *n, const char *name, float fallback);
const char *rf_attr_string(const rf_node *n, const char *name, const char *fallback);
/* NULL and *count_out = 0 if absent. */
const int64_t *rf_attr_ints(const rf_node *n, const char *name, int64_t *count_out);

/* --- editing; all names must be new unless said otherwise. Names and arrays are copied. --- */
rf_status rf_graph_add_value(rf_graph *g, const char *name, rf_dtype dtype, const rf_shape *shape,
                             rf_value **out);
rf_status rf_graph_add_input(rf_graph *g, const char *name, rf_dtype dtype, const rf_shape *shape,
                             rf_value **out);
rf_status rf_graph_mark_output(rf_graph *g, rf_value *v);
/* g owns t from here on, even on failure. */
rf_status rf_graph_take_constant(rf_graph *g, const char *name, rf_tensor *t, rf_value **out);

typedef struct rf_node_desc {
    const char *name;             /* NULL: made up from the op type */
    const char *op_type, *domain; /* domain NULL: "" */
    rf_value *const *inputs;
    int input_count;
    rf_value *const *outputs; /* must have no producer yet */
    int output_count;
    rf_node *before; /* insert in front of this node; NULL: at the end */
} rf_node_desc;
rf_status rf_graph_add_node(rf_graph *g, const rf_node_desc *desc, rf_node **out);
rf_status rf_graph_remove_node(rf_graph *g,
                               rf_node *n); /* outputs stay as values without producer */
/* Let input i take v (NULL: left out); the list of inputs grows where needed. */
rf_status rf_node_set_input(rf_graph *g, rf_node *n, int i, rf_value *v);
rf_status rf_node_set_output(rf_graph *g, rf_node *n, int i, rf_value *v);
/* Every consumer of `from` but `except` (may be NULL), and the list of outputs, takes `to` instead. */
rf_status rf_graph_replace_uses(rf_graph *g, rf_value *from, rf_value *to, const rf_node *except);
rf_status rf_node_set_int(rf_graph *g, rf_node *n, const char *name, int64_t value);
rf_status rf_node_set_float(rf_graph *g, rf_node *n, const char *name, double value);
rf_status rf_node_set_string(rf_graph *g, rf_node *n, const char *name, const char *value);
rf_status rf_node_set_ints(rf_graph *g, rf_node *n, const char *name, const int64_t *values,
                           int64_t count);
void rf_node_remove_attr(rf_node *n, const char *name);
rf_status rf_graph_set_metadata(rf_graph *g, const char *key,
                                const char *value); /* value NULL: remove */
rf_status rf_graph_set_opset(rf_graph *g, const char *domain, int64_t version);
/* The constant's contents have changed: it must be written anew. */
void rf_value_touch(rf_value *v);
/* Replace the constant of v (same name); g owns t from here on, even on failure. */
rf_status rf_value_take_constant(rf_graph *g, rf_value *v, rf_tensor *t);
/* A name not in use: `base`, else `base` with a number behind it; in the arena. NULL when out of memory. */
const char *rf_graph_unique_name(rf_graph *g, const char *base);
/* node->mark of each node: it leads to an output of the graph. */
void rf_graph_mark_needed(rf_graph *g);
/* Drop constants and nodes that lead nowhere. */
rf_status rf_graph_prune(rf_graph *g);
rf_status rf_graph_sort(rf_graph *g); /* topological order; RF_EMODEL names a node on a cycle */
/* Invariants: unique names, uses match inputs, producers match outputs, topological order. RF_EMODEL. */
rf_status rf_graph_check(const rf_graph *g);
/* One line a node: "Conv 'conv1' (input, conv1.weight) -> (3)"; for tests and -v. Freed with rf_free. */
rf_status rf_graph_text(const rf_graph *g, char **out);

#define RF_GRAPH_EACH_NODE(n, g) (rf_node *n = (g)->first; n; n = n->next)

#endif
