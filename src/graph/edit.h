/* What the editing files of this room share: linking uses, owning tensors. The readers in formats/ use it too. */
#ifndef RF_GRAPH_EDIT_H
#define RF_GRAPH_EDIT_H

#include "graph/graph.h"

/* Put v into slot i of n's inputs, which must be empty, and record the use; v may be NULL. */
void rf_use_link(rf_node *n, int i, rf_value *v);
void rf_use_unlink(rf_node *n, int i);
/* g owns t from here on, even on failure. */
rf_status rf_graph_own_tensor(rf_graph *g, rf_tensor *t);
void rf_graph_drop_tensor(rf_graph *g, rf_tensor *t);
/* Take out the values that the test picks; they must have no uses, no producer, and be neither input nor output. */
void rf_graph_remove_values(rf_graph *g, bool (*leads_nowhere)(const rf_value *v));
/* Attribute `name` of n as a new, zeroed entry in place of an old one; NULL when out of memory. */
rf_attr *rf_node_new_attr(rf_graph *g, rf_node *n, const char *name);
rf_status rf_node_set_tensor(rf_graph *g, rf_node *n, const char *name, rf_tensor *t);

#endif
