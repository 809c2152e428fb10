/* A TensorFlow graph as one list of nodes: functions stand where they are called, control edges are gone. */
#ifndef RF_FORMATS_TF_GRAPH_H
#define RF_FORMATS_TF_GRAPH_H

#include <tensorflow.pb-c.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"

typedef struct rf_tf_node rf_tf_node;

/* One output of a node. */
typedef struct rf_tf_ref {
    rf_tf_node *node; /* NULL: none */
    int output;
} rf_tf_ref;

struct rf_tf_node {
    const char *name; /* unique: inlined ones that would collide have their call's name in front */
    const char *op;
    const Tf__NodeDef *def;
    rf_tf_ref *inputs; /* data only */
    int input_count;
    rf_tf_ref *results; /* calls: what the function returns stands for their outputs */
    int result_count;
    int index, mark;
    int consumers;        /* inputs of needed nodes and wanted outputs that read any output of it */
    rf_tf_node *consumer; /* the last of them */
    rf_tf_node *also;     /* needed before it, besides its inputs */
};

typedef RF_VEC(rf_tf_node *) rf_tf_nodes;

typedef struct rf_tf_graph {
    rf_context *ctx;
    rf_arena arena;
    rf_tf_nodes nodes;
    rf_map by_name;
    rf_map functions; /* name -> FunctionDef */
} rf_tf_graph;

/* The messages must outlive the graph. */
rf_status rf_tf_graph_init(rf_tf_graph *g, rf_context *ctx, const Tf__GraphDef *def);
void rf_tf_graph_release(rf_tf_graph *g);
rf_tf_node *rf_tf_graph_find(const rf_tf_graph *g, const char *name);
/* "name" or "name:1". RF_EARG where there is none, with names that come near. */
rf_status rf_tf_graph_tensor(const rf_tf_graph *g, const char *name, rf_tf_ref *out);

/* NULL if absent. */
const Tf__AttrValue *rf_tf_attr(const rf_tf_node *n, const char *key);
int64_t rf_tf_attr_int(const rf_tf_node *n, const char *key, int64_t fallback);
float rf_tf_attr_float(const rf_tf_node *n, const char *key, float fallback);
bool rf_tf_attr_bool(const rf_tf_node *n, const char *key, bool fallback);
int rf_tf_attr_type(const rf_tf_node *n, const char *key);
bool rf_tf_attr_is(const rf_tf_node *n, const char *key, const char *text); /* false if absent */
const char *rf_tf_attr_text(rf_arena *arena, const rf_tf_node *n, const char *key); /* NULL too */
bool rf_tf_is(const rf_tf_node *n, const char *op);
/* What stands behind nodes that hand on their input: Identity and others. */
rf_tf_ref rf_tf_source(rf_tf_ref ref);
rf_tf_ref rf_tf_input(const rf_tf_node *n,
                      int i); /* rf_tf_source of input i; node NULL if absent */

/*
 * Nodes that `outputs` need, each behind what it reads; `inputs` (node -> any value by name) are not looked behind. Counts
 * consumers. RF_EMODEL names a node on a cycle.
 */
rf_status rf_tf_graph_sort(rf_tf_graph *g, const rf_tf_ref *outputs, int output_count,
                           const rf_map *inputs, rf_tf_nodes *out);

#endif
