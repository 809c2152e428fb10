/* What the files that turn TensorFlow nodes into ONNX nodes share; nobody outside this room includes it. */
#ifndef RF_FORMATS_TF_IMPORT_H
#define RF_FORMATS_TF_IMPORT_H

#include "formats/net.h"
#include "formats/tf_bundle.h"
#include "formats/tf_graph.h"

/* An integer that is not known yet, in constants made of shapes: mostly the batch. */
#define RF_TF_UNKNOWN INT64_MIN

/* One output of a node. */
typedef struct rf_tf_made {
    rf_net_tensor t;
    bool partial; /* a constant with unknown elements */
    bool dead;    /* the branch that a Switch does not take */
} rf_tf_made;

/* A FakeQuant node's; min and max as they were trained, one a channel or one. */
typedef struct rf_tf_range {
    const char *tensor;
    bool is_param, narrow;
    int bits;
    const rf_tensor *min, *max;
} rf_tf_range;

typedef struct rf_tf_import {
    rf_net net;
    rf_tf_graph *g;
    const rf_tf_bundle *bundle;
    rf_map keys;   /* variable's node name -> key in the bundle */
    rf_map inputs; /* node name -> itself: what is fed */
    rf_map read; /* key in the bundle -> rf_net_tensor *: variables that several nodes stand for */
    rf_map shapes;       /* node name -> rf_shape *: from --input-shape */
    bool channels_first; /* the graph's convolutions are NCHW: so is the user's data */
    rf_tf_made **made;   /* [node index] outputs */
    int *made_count;
    int64_t folded;             /* elements of all constants that were computed */
    RF_VEC(rf_tf_range) ranges; /* what FakeQuant nodes say */
} rf_tf_import;

typedef void (*rf_tf_handler)(rf_tf_import *in, rf_tf_node *n);
typedef struct rf_tf_operator {
    const char *op;
    rf_tf_handler convert;
    const char *onnx; /* of handlers that serve several operators */
} rf_tf_operator;

/* Lists that end with a NULL name. */
extern const rf_tf_operator rf_tf_element_operators[];
extern const rf_tf_operator rf_tf_layer_operators[];
extern const rf_tf_operator rf_tf_shape_operators[];
extern const rf_tf_operator rf_tf_flow_operators[];
const rf_tf_operator *rf_tf_operator_find(const char *op); /* NULL: none */
/* The graph is left to in->net; messages name node and operator. */
rf_status rf_tf_import_nodes(rf_tf_import *in, const rf_tf_nodes *order);

/* --- for handlers --- */

rf_net_name rf_tf_names(rf_tf_import *in, const rf_tf_node *n);
const rf_tf_made *rf_tf_made_of(rf_tf_import *in, rf_tf_ref ref); /* NULL and a failure if absent */
/* Input i for computing with: a failure where it is missing or partly unknown. */
rf_net_tensor rf_tf_operand(rf_tf_import *in, const rf_tf_node *n, int i);
/* As it is, which may be partly unknown; a failure where it is missing. */
rf_tf_made rf_tf_any_operand(rf_tf_import *in, const rf_tf_node *n, int i);
/* The constant behind input i as at most `room` integers; unknown ones are RF_TF_UNKNOWN. */
int rf_tf_ints(rf_tf_import *in, const rf_tf_node *n, int i, int room, int64_t *out);
/* All of them must be known. */
int rf_tf_known_ints(rf_tf_import *in, const rf_tf_node *n, int i, int room, int64_t *out);
void rf_tf_set(rf_tf_import *in, const rf_tf_node *n, rf_net_tensor t); /* output 0 */
void rf_tf_set_output(rf_tf_import *in, const rf_tf_node *n, int output, rf_tf_made made);
/* Room for outputs 0 to count - 1; unset ones are a failure for who reads them. */
bool rf_tf_reserve(rf_tf_import *in, const rf_tf_node *n, int count);
/* A list attribute such as strides; 0 where it is absent. */
int rf_tf_attr_ints(rf_tf_import *in, const rf_tf_node *n, const char *key, int room, int64_t *out);
bool rf_tf_is_nchw(const rf_tf_node *n);

/* --- parts --- */

/* The node becomes an input of the network. */
void rf_tf_feed(rf_tf_import *in, rf_tf_node *n);
/* Handler: the network stays float, the range is noted. */
void rf_tf_fake_quant(rf_tf_import *in, rf_tf_node *n);
/* Noted ranges as encodings in the graph's metadata, for the simulation to begin with. */
rf_status rf_tf_keep_ranges(rf_tf_import *in);

/* Counts elements that no file holds; a failure where a small graph asks for too many of them. */
void rf_tf_count_computed(rf_tf_import *in, int64_t count);
/* Whether the node was evaluated: all of its inputs are constants, and it is one of the foldable. */
bool rf_tf_fold(rf_tf_import *in, const rf_tf_node *n);
/* The Add at the end of a batch normalization that is spelt out. */
bool rf_tf_match_batch_norm(rf_tf_import *in, const rf_tf_node *n);
/* SpaceToBatchND, convolution, BatchToSpaceND: one dilated convolution. Before sorting. */
void rf_tf_find_atrous(rf_tf_graph *g);
/* A vector added to what a layer makes is its bias. */
rf_status rf_tf_absorb_biases(rf_graph *g);
/* Which variable has which key: by the part of the graph that restores them. */
rf_status rf_tf_bind_variables(rf_tf_import *in);

#endif
