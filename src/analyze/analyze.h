/*
 * Which layer's quantizers cost what: the samples are read once, and every trial, a choice of quantizers that are on,
 * runs over them and is held against the network with all of them off.
 */
#ifndef RF_ANALYZE_ANALYZE_H
#define RF_ANALYZE_ANALYZE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/vec.h"
#include "exec/plan.h"
#include "sim/sim.h"

/* --- parts.c --- */

/* Quantizers of one layer that go on and off together. */
typedef struct rf_part {
    const char *layer, *op_type; /* "" where the layer is an input of the model */
    bool params, activations;    /* which kinds of the layer's quantizers; both: together */
    int bits_of_params, bits_of_activations; /* the widest; 0: none */
    int quantizers;
} rf_part;
typedef RF_VEC(rf_part) rf_parts;

/* Each layer's weights, activations, and where it has both the two together; of quantizers that are on. In graph order;
 * strings are the graph's. */
rf_status rf_parts_find(const rf_graph *g, rf_parts *out);

/* --- samples.c --- */

/* Samples as plans take them, with what the first trial, the float network's, makes of them. */
typedef struct rf_kept_samples {
    rf_context *ctx;
    int64_t count, batch, batches;
    int inputs;
    float **values;    /* [inputs] [count, sample...] as a plan's inputs lie */
    int64_t *labels;   /* [count]; NULL without */
    rf_view *expected; /* [batches] output 0 of the first trial; each owns its data */
} rf_kept_samples;

/* The first `limit` samples. */
rf_status rf_samples_keep(rf_graph *g, const rf_dataset *dataset, int64_t limit, int64_t batch,
                          rf_kept_samples *out);
int64_t rf_samples_in_batch(const rf_kept_samples *samples, int64_t batch);
void rf_samples_release(rf_kept_samples *samples);

/* --- trial.c --- */

/* The graph's quantizers as they are now, over all samples. `done` counts samples of all trials, for the meter. */
rf_status rf_trial_run(rf_graph *g, rf_kept_samples *samples, rf_meter *meter, int64_t *done,
                       rf_measured *out);

#endif
