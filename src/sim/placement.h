/*
 * Where quantizers go. An op is what AIMET calls one: mostly a node, but MatMul -> Add of a linear layer is one op. A
 * tensor has at most one activation quantizer, whoever asked for it: its maker's output or a reader's input.
 */
#ifndef RF_SIM_PLACEMENT_H
#define RF_SIM_PLACEMENT_H

#include "ops/op.h"
#include "sim/modules.h"
#include "sim/sim_impl.h"

/* A float tensor that depends on the network's inputs. */
typedef struct rf_placed_tensor {
    rf_value *value;
    int maker; /* op, or -1: an input of the model */
    bool wanted;
    rf_flag request; /* in the section of the configuration that is being applied */
    bool symmetric;
    const rf_config_op *constraint; /* fixed range; NULL: calibrated */
} rf_placed_tensor;

typedef struct rf_placed_op {
    rf_node *node;
    bool is_layer;
    rf_layer layer;             /* where is_layer */
    const char *types[2];       /* names in the configuration, best first; the second may be NULL */
    const rf_config_op *config; /* its op_type section or NULL */
    rf_value *output;           /* the one that supergroups follow */
    bool transparent;           /* moves data only: the quantizer of its source serves */
    bool
        inner; /* only its own activation, or module (compat aimet), reads what it makes: the whole's output is quantized */
    bool folds;  /* a BN that will be folded, or the layer before one */
    int matched; /* last supergroup that it was part of, -1 none */
} rf_placed_op;

typedef struct rf_placement {
    rf_sim *sim;
    const rf_config *config;
    rf_bn_pairs pairs;
    rf_modules modules; /* none but with compat aimet */
    RF_VEC(rf_placed_op) ops;
    RF_VEC(rf_placed_tensor) tensors;
    rf_map op_of, tensor_of; /* node and value names -> index + 1 */
} rf_placement;

/* Graph -> ops and tensors. */
rf_status rf_placement_survey(rf_placement *p);
/* NULL where the node is no op of its own, the value no float that flows. */
rf_placed_op *rf_placement_op(const rf_placement *p, const rf_node *n);
rf_placed_tensor *rf_placement_tensor(const rf_placement *p, const rf_value *v);

/* Decide `wanted` of every tensor. RF_EMODEL on requests that contradict each other. */
rf_status rf_placement_activations(rf_placement *p);
/* Insert the quantizers of parameters. */
rf_status rf_placement_params(rf_placement *p);

#endif
