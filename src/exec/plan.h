/*
 * A plan: a graph made ready to run for one batch size and mode. Order, layouts, constant folding of shape
 * arithmetic, lifetimes and buffers are decided once; a step allocates nothing. Constants (weights, ranges,
 * statistics) are read from the graph at each call, so training and re-estimation need no new plan.
 */
#ifndef RF_EXEC_PLAN_H
#define RF_EXEC_PLAN_H

#include "ops/op.h"

typedef struct rf_plan rf_plan;

/* Called after the forward step of an (activation) FakeQuant node, with the values it was given. */
typedef rf_status (*rf_observe_fn)(void *user, const rf_node *node, const rf_view *src);

/* Called for a node that a survey leaves out, with the failure that rf_context_message describes. Planning goes on with
 * the shapes that the file declares; nodes behind tensors without such a shape are left out silently. */
typedef void (*rf_skip_fn)(void *user, const rf_node *node, rf_status status);

typedef struct rf_plan_options {
    int64_t batch; /* size of the graph's unknown (batch) dims; a fixed dim 0 must agree */
    const rf_shape *input_shapes; /* [inputs] overrides declared shapes; NULL: take them */
    rf_mode mode;
    bool bn_sync;   /* TRAIN: batch statistics are those of all processes together */
    bool bn_frozen; /* TRAIN: BN keeps its running statistics */
    rf_compute compute;
    bool
        bypass_activations; /* activation quantizers pass through but for frozen ones (calibration, as AIMET v1 observes) */
    rf_observe_fn observe;
    void *observe_user;
    bool survey; /* to be looked at, never run: no memory is bound */
    rf_skip_fn
        skip; /* survey: told of nodes that cannot be planned; NULL: the first one is a failure */
    void *skip_user;
} rf_plan_options;

rf_status rf_plan_new(rf_graph *g, const rf_plan_options *options, rf_plan **out);
void rf_plan_free(rf_plan *plan);

/* Buffers of graph inputs and outputs. Inputs: fill before forward (in the view's layout: see strides). */
rf_view *rf_plan_input(rf_plan *plan, int index);
const rf_view *rf_plan_output(const rf_plan *plan, int index);
/* Gradient of the loss with respect to output `index` (TRAIN): fill before backward; zeroed by rf_plan_forward. */
rf_view *rf_plan_diff_output(rf_plan *plan, int index);
/* Copy row-major floats into input `index`. */
void rf_plan_set_input(rf_plan *plan, int index, const float *values);

rf_status rf_plan_forward(rf_plan *plan);
rf_status rf_plan_backward(rf_plan *plan);
/*
 * Called during backward for each trainable constant as soon as its gradient, rf_plan_diff_param, is final: those of the
 * last layers first.
 */
typedef void (*rf_diff_ready_fn)(void *user, const rf_plan *plan, const rf_value *param);
void rf_plan_on_diff_ready(rf_plan *plan, rf_diff_ready_fn fn, void *user);
/* What random operators draw from: the number of the step in the whole run, and where in the batch this plan's first
 * sample stands. Until called: every forward counts as the next step. */
void rf_plan_set_position(rf_plan *plan, int64_t step, int64_t first_sample);
/* Gradient of a trainable constant after backward: PLAIN, its dims. NULL data if it gets none. */
const rf_view *rf_plan_diff_param(const rf_plan *plan, const rf_value *v);
/* Any value of the graph after forward, where it is still there (outputs, constants; everything in TRAIN mode is not promised). NULL otherwise. */
const rf_view *rf_plan_value(const rf_plan *plan, const rf_value *v);

int rf_plan_step_count(const rf_plan *plan);
const rf_step *rf_plan_step(const rf_plan *plan, int index);
/* Whether forward, and whether backward, runs it. */
void rf_plan_step_use(const rf_plan *plan, int index, bool *forward_out, bool *backward_out);
/* Why a layer that could compute with codes does not; NULL: it does, or that is no question. */
const char *rf_plan_step_why_float(const rf_plan *plan, int index);
const rf_step *rf_plan_step_of(const rf_plan *plan, const rf_node *node); /* NULL if folded away */
size_t rf_plan_bytes(const rf_plan *plan);      /* memory of all buffers */
size_t rf_plan_live_bytes(const rf_plan *plan); /* largest sum of tensors alive at one moment */

#endif
