/*
 * PyTorch's modules, which its exporter leaves in the names of nodes: "/block/act/Mul" is a node Mul of module block.act,
 * "/block/Add" is a sum written as `a + b` in the code of module block. AIMET quantizes modules that hold no others, and
 * sees nothing of what goes on in one; names of another form say nothing.
 */
#ifndef RF_SIM_MODULES_H
#define RF_SIM_MODULES_H

#include "base/arena.h"
#include "base/map.h"
#include "graph/graph.h"

typedef struct rf_modules {
    rf_arena arena;
    rf_map parents; /* scopes that hold other scopes */
} rf_modules;

rf_status rf_modules_find(const rf_graph *g, rf_modules *out);
void rf_modules_release(rf_modules *m);

/* Whether the name has PyTorch's form at all. */
bool rf_node_has_scope(const rf_node *n);
/* It is part of a module that holds no others. */
bool rf_node_in_module(const rf_modules *m, const rf_node *n);
/* Both are part of the same such module. */
bool rf_nodes_share_module(const rf_modules *m, const rf_node *a, const rf_node *b);

#endif
