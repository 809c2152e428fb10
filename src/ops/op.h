/*
 * What an operator is: one table a file. infer says shapes, prepare builds what depends on shapes only, forward
 * and backward compute. Adding one: docs/ADDING_AN_OP.md.
 */
#ifndef RF_OPS_OP_H
#define RF_OPS_OP_H

#include "base/context.h"
#include "base/status.h"
#include "graph/graph.h"
#include "tensor/view.h"

#define RF_OP_MAX_IO 64 /* inputs or outputs of one node */

typedef struct rf_op rf_op;

/* Type and shape of one tensor while shapes are inferred; `constant` where its contents are known already. */
typedef struct rf_spec {
    bool present;
    rf_dtype dtype;
    rf_shape shape; /* known */
    const rf_tensor *constant;
} rf_spec;

typedef struct rf_inference {
    rf_context *ctx;
    const rf_node *node;
    int64_t opset;           /* of the node's domain */
    int in_count, out_count; /* as the node lists them */
    const rf_spec *in;
    rf_spec *out;         /* to be filled: dtype, shape */
    bool depends_on_data; /* it failed because a shape depends on contents that are not known yet */
} rf_inference;

typedef enum rf_mode {
    RF_MODE_INFER, /* BN uses running statistics; Dropout passes through */
    RF_MODE_TRAIN, /* BN uses batch statistics and updates the running ones; backward follows */
    RF_MODE_BN_BATCH /* re-estimation: as INFER, but BN uses batch statistics and reports them; nothing is updated */
} rf_mode;

/* One node, prepared to run. Views keep their dims and strides; data pointers are set before each call. */
typedef struct rf_step {
    rf_context *ctx;
    const rf_node *node;
    const rf_node *activation, *quantizer; /* also done by this step, behind `node`; mostly NULL */
    const rf_op *op;
    int64_t opset;
    rf_mode mode;
    int in_count, out_count;
    rf_view *in, *out; /* data NULL: left out */
    const rf_tensor *
        *in_constant; /* [in_count] contents known when prepared (shapes, axes, pads), else NULL */
    rf_view *diff_in,
        *diff_out; /* backward. diff_in[i].data NULL: nobody wants it. Overwrite, never add; diff_out[i].data NULL: zero */
    int64_t run_step; /* TRAIN: number of this call in the run, which random operators draw from */
    int64_t first_sample; /* TRAIN: place of the first sample in the batch of all processes */
    bool bn_sync;         /* TRAIN: batch statistics are those of all processes together */
    bool bn_frozen;       /* TRAIN with running statistics kept (--freeze-bn-after) */
    bool late; /* shapes depend on the data: views, and what prepare makes, are set at each call */
    void *state;           /* the operator's own: attributes, oneDNN primitives; freed by release */
    size_t scratch_bytes;  /* asked for in prepare: valid within one call */
    size_t saved_bytes;    /* asked for in prepare: forward to backward */
    void *scratch, *saved; /* 64-byte aligned, set before each call */
    rf_codes codes;        /* a quantizer's step: grid of out[0] this time */
} rf_step;

typedef enum rf_layout_policy {
    RF_LAYOUT_ANY, /* takes any dense or strided views; outputs follow the first input of the same rank, else PLAIN */
    RF_LAYOUT_NEED_PLAIN, /* all inputs and outputs PLAIN (Reshape, MatMul, Transpose's result, ...) */
    RF_LAYOUT_NEED_CHANNELS_LAST /* input 0 and output 0 (and all other flowing tensors of rank >= 3) CHANNELS_LAST */
} rf_layout_policy;

/* AIMET's quantizer placement (docs/NUMERICS.md). */
typedef enum rf_quant_role {
    RF_QUANT_OUTPUT, /* its output gets a quantizer (the configuration may say otherwise) */
    RF_QUANT_NONE    /* shape and index work, Identity, Dropout: never quantized */
} rf_quant_role;

/* What a constant input means: for trainable parameters, weight decay, and which quantizer it gets. */
typedef enum rf_role {
    RF_ROLE_NONE,   /* shapes, axes, clip bounds: no parameter */
    RF_ROLE_WEIGHT, /* trainable, decays, param quantizer "weight" */
    RF_ROLE_BIAS,   /* trainable, no decay, param quantizer "bias" (off by default) */
    RF_ROLE_BN_SCALE,
    RF_ROLE_BN_BIAS, /* trainable, no decay; quantizers "weight", "bias" of a BN that does not fold */
    RF_ROLE_BN_MEAN,
    RF_ROLE_BN_VAR, /* statistics: not trainable */
    RF_ROLE_RANGE_MIN,
    RF_ROLE_RANGE_MAX /* of a quantizer: trainable with their own learning rate */
} rf_role;

/* Ask with rf_op_needs_in and rf_op_needs_out. */
#define RF_NEEDS_IN(i) (1u << (i))         /* i < 15 */
#define RF_NEEDS_EVERY_IN (1u << 15)       /* of operators that take any number */
#define RF_NEEDS_OUT(i) (1u << (16 + (i))) /* i < 16 */

/* A layer whose sums can be had from codes: what decides whether they are exact. */
typedef struct rf_int8_layer {
    int64_t terms;        /* of a sum */
    int axis;             /* of the weights: output channels */
    bool never_saturates; /* but for 32 bits that overflow; else as rf_dnn_int8_is_exact says */
} rf_int8_layer;

struct rf_op {
    const char *onnx_name;
    const char *domain; /* NULL: ONNX's */
    const char *limits; /* forms that are refused, in a few words for the docs; NULL: none */
    int since_opset;    /* oldest version understood */
    int min_in, max_in, min_out, max_out; /* max -1: RF_OP_MAX_IO */
    int weight_axis;                      /* output-channel axis of input 1; -1: no weights */
    rf_quant_role quant;
    rf_layout_policy layout;
    rf_role roles[5]; /* of inputs 0..4, where constant */
    unsigned
        backward_needs; /* RF_NEEDS_IN(i) | RF_NEEDS_OUT(i): forward tensors that backward reads */
    bool takes_codes;   /* reads in[0] as U8 codes (view.codes) without a Dequantize step */
    bool takes_sums;    /* reads in[0] as I32 sums */
    bool moves_codes;   /* in[0] U8 codes -> out[0] U8 codes of the same grid */
    bool in_place; /* out[0] may be in[0]'s memory, of the same order, unless backward needs that */
    bool diff_in_place; /* backward may write diff_in[0] over diff_out[0], element by element */
    bool
        never_constant; /* not evaluated at planning although all inputs are constant (quantizers) */
    const void *rule; /* for functions below that a family shares: its header says of which type */
    rf_status (*infer)(rf_inference *io);
    /*
     * A layer on codes: whether it can do shape x with weights w. Its step then gets in[0] U8, in[1] I8, and makes
     * out[0] I32 sums. NULL: never.
     */
    bool (*int8)(rf_context *ctx, const rf_node *n, const rf_shape *x, const rf_shape *w,
                 rf_int8_layer *out);
    rf_status (*prepare)(rf_step *s); /* NULL: nothing to do */
    rf_status (*forward)(rf_step *s);
    rf_status (*backward)(rf_step *s); /* NULL: not differentiable; gradients end here */
    void (*release)(rf_step *s);       /* frees s->state; called also after a failed prepare */
    int64_t (*macs)(const rf_step *s); /* multiply-adds of one call; NULL: 0 */
};

/* Whether backward reads forward input (output) i. */
static inline bool rf_op_needs_in(const rf_op *op, int i)
{
    const unsigned needs = op->backward_needs;
    return (needs & RF_NEEDS_EVERY_IN) || (i < 15 && (needs & RF_NEEDS_IN(i)));
}
static inline bool rf_op_needs_out(const rf_op *op, int i)
{
    return i < 16 && (op->backward_needs & RF_NEEDS_OUT(i));
}

/* NULL where refold has no such operator. */
const rf_op *rf_op_find(const char *op_type, const char *domain);
/* All operators, ordered by name; for docs and inspect. */
const rf_op *const *rf_op_list(int *count_out);

#endif
