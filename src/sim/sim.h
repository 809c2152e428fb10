/*
 * The simulation: a copy of the graph with FakeQuant nodes, and the ladder of states. A quantizer's description lives in
 * its node's attributes (ops/params.h), its range in the node's two constants; nothing is kept twice.
 */
#ifndef RF_SIM_SIM_H
#define RF_SIM_SIM_H

#include "graph/graph.h"
#include "quant/analyzer.h"
#include "sim/config.h"

struct rf_sim {
    rf_context *ctx;
    rf_graph *graph;
    rf_state state;
    int param_bw, output_bw;
    rf_scheme scheme;
    double percentile;
    bool learned; /* ranges are trained (range learning schemes) */
    rf_grid grid;
    bool compat_aimet;       /* AIMET's behaviour, of either generation */
    bool compat_v2;          /* of its v2: that grid, its analyzers, its way to calibrate */
    const char *config_name; /* as given; for files and reports; in the graph's arena */
    bool param_symmetric, per_channel; /* what its defaults say of parameters: exports tell that */
    RF_VEC(rf_node *) quantizers;      /* FakeQuant nodes in graph order */
    struct rf_sim_view *views;         /* what rf_sim_quantizer hands out */
};

/*
 * Channels of negative gamma in pairs that fold: W, bias, mean and gamma change sign, and so does the range of W. Their
 * number is added to the BN's attribute RF_NEGATIVE_GAMMA.
 */
rf_status rf_sim_flip_negative_gamma(rf_sim *sim);
#define RF_NEGATIVE_GAMMA "refold_negative_gamma"
/* Set the ranges of all parameters from their present values, as static schemes do while they train. */
rf_status rf_sim_calibrate_params(rf_sim *sim);

rf_status rf_sim_need_state(const rf_sim *sim, rf_state least,
                            const char *step); /* RF_ESTATE names the missing step */
rf_status rf_sim_refresh(rf_sim *sim);         /* after edits: collect quantizers anew; RF_ENOMEM */

/* The quantizer that reads a tensor, looking from a value: the FakeQuant node consuming v, or NULL. */
rf_node *rf_value_quantizer(const rf_value *v);
rf_qspec rf_quantizer_spec(const rf_node *fakequant);
bool rf_quantizer_enabled(const rf_node *fakequant);
int rf_quantizer_axis(const rf_node *fakequant); /* -1: per tensor */
bool rf_quantizer_is_param(const rf_node *fakequant);
/* Stored ends as constants' data; count channels. */
float *rf_quantizer_min(const rf_node *fakequant);
float *rf_quantizer_max(const rf_node *fakequant);
int64_t rf_quantizer_count(const rf_node *fakequant);
/* The real tensor behind a quantizer: its input value. */
rf_value *rf_quantizer_tensor(const rf_node *fakequant);
/* The node that owns the parameter or makes the activation; NULL for an input of the model. */
rf_node *rf_quantizer_layer(const rf_node *fakequant);
/* Replace min/max by arrays of `count` floats. */
rf_status rf_quantizer_set_range(rf_sim *sim, rf_node *fakequant, const float *min,
                                 const float *max, int64_t count);
/* Insert a FakeQuant node behind `v`, for every consumer (params: for every consumer). */
typedef struct rf_quantizer_desc {
    rf_value *tensor;
    bool is_param, enabled, frozen;
    rf_qspec spec;
    int axis;
} rf_quantizer_desc;
rf_status rf_sim_insert(rf_sim *sim, const rf_quantizer_desc *desc, rf_node **out);
/* Integer codes of a param quantizer's tensor under its present range; codes in the signed or unsigned grid as q - no offset: q in [0, steps]. [count of tensor], rf_free. */
rf_status rf_quantizer_codes(rf_context *ctx, const rf_node *fakequant, int32_t **out);
/* Share of a parameter's codes that the last epoch of training changed; NaN: not known. */
double rf_quantizer_changed(const rf_node *fakequant);
#define RF_CHANGED_CODES "refold_changed_codes"

/* The simulation that rf_sim_new would build, to look at: on the constants of `graph`, which must outlive it; channels of
 * negative gamma keep their signs. */
rf_status rf_sim_outline(const rf_graph *graph, const rf_sim_options *options, rf_sim **out);

/* The float graph without quantizers, outputs under their own names: what files hold. */
rf_status rf_sim_strip(const rf_sim *sim, rf_graph **out);

#endif
