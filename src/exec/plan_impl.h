/* The inside of a plan, shared by the files of exec/: lower -> lifetimes -> memory -> run. */
#ifndef RF_EXEC_PLAN_IMPL_H
#define RF_EXEC_PLAN_IMPL_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "exec/plan.h"

#define RF_NO_SLOT (-1)

/* One piece of the plan's memory: alive from the first to the last of these moments, both included. Moments count
 * steps: forward of step i is i, its backward 2n - 1 - i; -1 is before the first step. */
typedef struct rf_buffer {
    size_t bytes, offset;
    int birth, death;
} rf_buffer;

/* One tensor of the plan. */
typedef struct rf_slot {
    rf_view view;
    const rf_value *value;    /* NULL: made by the planner (other layout, dequantized) */
    const rf_value *constant; /* graph constant behind it: data is read there at each call */
    rf_tensor *folded;        /* computed at planning, or late; owned by the plan */
    const rf_tensor *known;   /* contents that planning may read: shape arithmetic */
    int producer;             /* step; -1: graph input or constant */
    int consumer_count;
    int last_use; /* last step that reads it; -1 */
    bool is_input, is_output, has_codes;
    bool late; /* its shape is known, and its tensor made (in `folded`), at each call */
    int maker; /* step that says what the codes mean; it may be further up than the producer */
    bool wants_diff;
    int storage; /* slot whose buffer this one shares (in place); itself mostly */
    int plain, channels_last, real; /* slots of the same tensor in another form, or RF_NO_SLOT */
    int buffer, diff_buffer;        /* into plan->buffers; RF_NO_SLOT: none */
    int last_diff;  /* step whose backward writes the gradient last; RF_NO_SLOT: none */
    int first_diff; /* step whose backward writes the gradient first; RF_NO_SLOT: none */
    rf_view diff;   /* data NULL: no gradient */
    void *own_diff; /* gradient of a parameter: outlives the plan's reuse of buffers */
} rf_slot;

typedef struct rf_planned {
    rf_step s;
    int *in, *out; /* slots; RF_NO_SLOT: left out */
    bool bypass;   /* quantizer that passes through: only observed */
    bool needed;
    bool has_backward;
    const char *why_float; /* a layer that could compute with codes but does not; else NULL */
    int *
        diff_temp; /* [in_count] buffer for a gradient that must be added to another, or RF_NO_SLOT */
    int saved_buffer;
} rf_planned;

struct rf_plan {
    rf_context *ctx;
    rf_graph *graph;
    rf_plan_options options;
    rf_arena arena;
    RF_VEC(rf_slot) slots;
    RF_VEC(rf_planned) steps;
    RF_VEC(rf_buffer) buffers;
    RF_VEC(int) inputs; /* slots */
    RF_VEC(int) outputs;
    RF_VEC(int) params;            /* slots of trainable constants */
    RF_VEC(const rf_node *) fused; /* done by an earlier node's step */
    rf_map slot_of;                /* value name -> slot index + 1 */
    rf_diff_ready_fn diff_ready;   /* NULL: nobody waits for gradients */
    void *diff_ready_user;
    int64_t run_step, first_sample; /* of the forward call to come */
    size_t memory_bytes, scratch_bytes, own_bytes;
    unsigned char *memory, *scratch;
};

/* Slot of a graph value; RF_NO_SLOT if the plan does not have it. */
int rf_plan_slot_of(const rf_plan *plan, const rf_value *v);
rf_status rf_plan_add_slot(rf_plan *plan, const rf_value *v, const rf_view *view, int *out);
/* --- pieces of lowering (lower.c) --- */
rf_status rf_plan_find_constant(rf_plan *plan, const rf_value *v, int *out);
/* Slots of a node's inputs; constants get theirs at first use. */
rf_status rf_plan_find_inputs(rf_plan *plan, const rf_node *n, int *in);
/* *late_out (may be NULL): it failed because a shape depends on the data. */
rf_status rf_plan_infer(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                        rf_spec *out, bool *late_out);
/* Bring input i into the form that the operator reads: real numbers or codes, and its layout. */
rf_status rf_plan_fit_input(rf_plan *plan, const rf_op *op, bool integers, int i, int *slot);
/* The slot holds integers, whose meaning step `maker` knows. */
void rf_plan_mark_codes(rf_plan *plan, int slot, int maker);
rf_status rf_plan_new_step(rf_plan *plan, const rf_node *n, const rf_op *op, int in_count,
                           rf_planned *out);
/* Give the step its views, prepare it, and append it. */
rf_status rf_plan_push_step(rf_plan *plan, rf_planned *step);
/* A quantizer that does nothing in this plan. */
bool rf_plan_passes_through(const rf_plan *plan, const rf_node *n);
/* --- the integer engine's choices (integers.c) --- */
/* Whether the output is kept as integer codes: a per-tensor activation of at most 8 bits that somebody reads so. */
bool rf_plan_keeps_codes(const rf_plan *plan, const rf_node *n);
bool rf_plan_value_reads_codes(const rf_plan *plan, const rf_value *v);
/* Whether a layer computes with codes; else why not, or NULL where that is no question. */
void rf_plan_choose_integers(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                             bool *chosen_out, const char **reason_out);
/* What an output of `dtype` is kept as, and the step that knows its codes; -1: it has none. */
rf_dtype rf_plan_output_dtype(const rf_plan *plan, const rf_planned *step, bool integers,
                              rf_dtype dtype, int *maker_out);
/* With --compute int8: say which layers compute in real numbers, and why. */
void rf_plan_tell_float_layers(const rf_plan *plan);

/* Where a BatchNormalization has an activation or a quantizer behind it, make one step of them (fuse.c). */
rf_status rf_plan_fuse(rf_plan *plan, const rf_node *n, const int *in, bool *fused_out);
/* Whether an Add becomes one step with the activation and the quantizer behind it, which reads codes. */
bool rf_plan_fuses_sum(const rf_plan *plan, const rf_node *n);
/* Whether an activation or a quantizer takes codes to other codes in one step. */
bool rf_plan_requantizes(const rf_plan *plan, const rf_node *n);
bool rf_plan_is_fused(const rf_plan *plan, const rf_node *n); /* done by an earlier node's step */

/* Give the step's views what their slots say. */
void rf_plan_fill_views(const rf_plan *plan, rf_planned *step);
/* The slot itself, or the one that holds its codes as real numbers. */
rf_status rf_plan_real_form(rf_plan *plan, int slot, int *out);
/* ... and then row-major. */
rf_status rf_plan_plain_form(rf_plan *plan, int slot, int *out);
/* Layout of an output of `rank`, by the operator's policy and what flows in. */
rf_layout rf_plan_output_layout(const rf_plan *plan, const rf_planned *step, int rank);
/* Whether planning knows every input's contents. */
bool rf_plan_all_known(const rf_plan *plan, const rf_node *n, const int *in);
/* Evaluate a node whose inputs are known, or whose result depends on shapes only; `specs` are its outputs'. */
rf_status rf_plan_fold_node(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in,
                            const rf_spec *specs);
/* Prepare the step, run it forward and release it; its views are row-major, and set. */
rf_status rf_plan_evaluate(rf_step *s);
/* --- nodes whose shapes depend on the data (late.c) --- */
bool rf_plan_reads_late(const rf_plan *plan, const rf_node *n, const int *in);
rf_status rf_plan_add_late(rf_plan *plan, const rf_node *n, const rf_op *op, const int *in);
/* Of a quantizer that passes through: its view of what it is given. */
rf_status rf_plan_run_late(rf_plan *plan, rf_planned *step);
/* One node (lower.c); in a survey a fault leaves it out (left_out.c). */
rf_status rf_plan_lower_node(rf_plan *plan, const rf_node *n);
rf_status rf_plan_survey_node(rf_plan *plan, const rf_node *n);
/* nodes -> slots and prepared steps: shapes, constant folding, layouts, codes. */
rf_status rf_plan_lower(rf_plan *plan);
/* Drop steps that lead to no output; decide gradients, sharing, lifetimes and buffers. */
rf_status rf_plan_lifetimes(rf_plan *plan);
/* Place the buffers so that those alive at the same moment do not overlap; returns the bytes needed. */
rf_status rf_plan_place(rf_context *ctx, rf_buffer *buffers, size_t count, size_t *bytes_out);

#endif
