/* An inspection while it is being made: the public report in front, and what the files of this room share. */
#ifndef RF_INSPECT_INSPECTION_H
#define RF_INSPECT_INSPECTION_H

#include "base/arena.h"
#include "base/vec.h"
#include "graph/bn_pairs.h"
#include "sim/sim.h"

typedef struct rf_looking {
    rf_inspection report; /* first: the handle users hold */
    rf_arena arena;       /* of all strings and arrays in it */
    rf_context *ctx;
    rf_graph *graph; /* an outline of the caller's network */
    rf_sim *planned; /* what quantize would build on it; NULL: it is a simulation already, or QDQ */
    rf_graph *simulated; /* an outline of the simulation's network, quantizers on; NULL for QDQ */
    rf_bn_pairs pairs;   /* of graph */
    RF_VEC(const char *) unsupported; /* become the report's at the end */
    RF_VEC(const char *) advice;
    RF_VEC(rf_planned_quantizer) quantizers;
} rf_looking;

/* Append a sentence of advice. */
rf_status rf_advise(rf_looking *l, const char *format, ...) RF_PRINTF(2, 3);

/* counts.c: operators by type, parameters. */
rf_status rf_look_count(rf_looking *l);
/* placed_quantizers.c: what quantize would place, or what `sim` has; makes l->simulated. */
rf_status rf_look_quantizers(rf_looking *l, const rf_sim_options *options, rf_sim *sim);
/* runnable.c: multiply-adds, memory, nodes without support. */
rf_status rf_look_runs(rf_looking *l, int64_t batch);
/* provenance.c: a network whose BN are gone, who did it, and how to keep them. */
rf_status rf_look_provenance(rf_looking *l);
/* advice.c: everything else that is worth saying. */
rf_status rf_look_advice(rf_looking *l);

bool rf_looking_has(const rf_looking *l, const char *op_type);

#endif
