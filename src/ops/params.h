/* Parameters of a network: which constants training changes, and in which role. */
#ifndef RF_OPS_PARAMS_H
#define RF_OPS_PARAMS_H

#include "ops/op.h"
#include "quant/qparams.h"

typedef struct rf_param {
    rf_value *value;
    rf_role role;
    rf_node
        *node; /* the operator that uses it (behind quantizers); for ranges the FakeQuant node */
} rf_param;
typedef RF_VEC(rf_param) rf_params;

/*
 * Parameters in graph order, each value once, and value->trainable set for them (BN statistics are listed but not
 * trainable). Looks through FakeQuant and Transpose nodes on weights. A constant float vector added to (Add, Sub) or
 * multiplied with a flowing tensor is a parameter too if it has more than one element.
 * Ranges of disabled or frozen quantizers are not trainable. Release with RF_VEC_RELEASE.
 */
rf_status rf_params_collect(rf_graph *g, rf_params *out);
/* The constant behind quantizers, transpositions and nodes that only give it another shape; v itself where nothing leads
 * to one. */
rf_value *rf_param_behind(rf_value *v);

/* --- BatchNormalization's batch statistics, for re-estimation and training (ops/batch_normalization.c) --- */
typedef struct rf_bn_batch {
    int64_t channels;
    int64_t count;      /* values a channel in this batch */
    const double *mean; /* [channels] */
    const double *var;  /* [channels] population variance (divided by count) */
} rf_bn_batch;
/* Of the last forward call in TRAIN or BN_BATCH mode. */
void rf_bn_step_batch(const rf_step *s, rf_bn_batch *out);

/* --- FakeQuant, the quantizer node: inputs (x, min, max), domain "refold" (ops/fake_quant.c) ---
 * Attributes: kind "param"|"activation", bitwidth, symmetric, strict, unsigned (0/1), axis (-1: per tensor),
 * enabled (0/1), frozen (0/1), grid "learned"|"static"|"v2". min and max are float32 constants [1] or [channels]. */
#define RF_FAKEQUANT "FakeQuant"
#define RF_DOMAIN "refold"
bool rf_node_is_fakequant(const rf_node *n);
/* Its grid; gated: the ends are kept in order at every call. Infer has checked the attributes. */
rf_qspec rf_fakequant_spec(const rf_node *n, bool *gated_out);

#endif
