/* The inside of the simulation room: scheme names, the rewrite of negative gammas, placement. */
#ifndef RF_SIM_SIM_IMPL_H
#define RF_SIM_SIM_IMPL_H

#include "graph/bn_pairs.h"
#include "sim/sim.h"

/* What rf_sim_quantizer has handed out for one quantizer. */
struct rf_sim_view {
    int64_t count;
    double *scale;
    int64_t *offset;
};

/* "tf-init", "percentile:99.9", an AIMET name; NULL: tf-init. RF_EARG lists the names. */
rf_status rf_scheme_parse(rf_context *ctx, const char *name, rf_scheme *scheme_out,
                          double *percentile_out, bool *learned_out);
#define RF_SCHEME_TEXT 80
/* The name that rf_scheme_parse reads back to the same; returns buffer. */
const char *rf_scheme_text(const rf_sim *sim, char buffer[RF_SCHEME_TEXT]);

/* A sim around `graph`, with everything but its quantizers; takes the graph, also on failure. */
rf_status rf_sim_take_graph(rf_graph *graph, const rf_sim_options *options, rf_sim **out);

/* Insert quantizers by the configuration's rules. */
rf_status rf_sim_place(rf_sim *sim, const rf_config *config);

/* Store ranges as the quantizer's grid keeps them (learned symmetric ones: min = -max), and enable it. */
rf_status rf_quantizer_store(rf_sim *sim, rf_node *fakequant, const rf_encoding *encodings,
                             int64_t count);

/* Values of the metadata key that holds a simulation. */
#define RF_SIM_KEY "refold"
#define RF_SIM_FORMAT 1

#endif
