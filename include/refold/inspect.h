/** What a network holds, and what would become of it, without running it. */
#ifndef REFOLD_INSPECT_H
#define REFOLD_INSPECT_H

#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A BatchNormalization and where it would go. */
typedef struct rf_bn_info {
    const char *bn;         /* node name */
    const char *folds_into; /* node name of the layer before it, or NULL */
    const char *reason;     /* why not, or NULL */
} rf_bn_info;

typedef struct rf_count {
    const char *name;
    int64_t count;
} rf_count;

/** A quantizer that a simulation has, or would get. */
typedef struct rf_planned_quantizer {
    const char *tensor; /* ONNX tensor that it quantizes */
    const char *kind;   /* "param" or "activation" */
    const char *op;     /* node that owns the parameter or makes the tensor; "" for a model input */
    const char *op_type;
    int bitwidth;
    bool symmetric;
    int axis;         /* channel axis; -1: per tensor */
    int64_t channels; /* encodings that it has: 1 per tensor */
} rf_planned_quantizer;

typedef struct rf_inspection {
    const char *producer; /* "pytorch 2.1.0": what wrote the file; "" where it does not say */
    int64_t opset;        /* of ONNX's own operators */
    int64_t parameters;   /* elements of the trainable tensors and BN statistics */
    /* multiply-adds of one sample in Conv, ConvTranspose, Gemm and MatMul; 0 if shapes are
       unknown */
    int64_t macs;
    int operator_count;
    const rf_count *operators; /* by type, most frequent first */
    int batch_norm_count;
    const rf_bn_info *batch_norms; /* in graph order */
    /* likely exporter, where BN seem to have been fused before; else NULL */
    const char *bn_fused_by;
    int64_t negative_gamma_channels, dead_channels; /* of all BN */
    int param_quantizers, activation_quantizers;    /* numbers of the two kinds among: */
    int quantizer_count;
    const rf_planned_quantizer *quantizers; /* in graph order; none for a QDQ model */
    int64_t batch;                          /* samples a pass that the bytes below are for */
    int64_t activation_bytes; /* largest sum of tensors alive at one moment of inference */
    /* Predicted peaks: weights, tensors, gradients, scratch, SGD's velocities, batches ahead of their use; without the
       program itself and the file while it is read. 0 where it cannot run. qat and reestimate: with the quantizers. */
    int64_t infer_bytes, train_bytes, qat_bytes, reestimate_bytes;
    int unsupported_count;
    /* "TopK (node 'nms/top')"; with ": why" where a known operator has a form refold lacks */
    const char *const *unsupported;
    int advice_count;
    const char *const *advice; /* whole sentences: what to do next */
} rf_inspection;

typedef struct rf_inspect_options {
    int64_t batch; /* of the memory predictions; 0: 128. A graph with a fixed batch uses that */
    rf_sim_options simulation; /* what quantize would be told */
    /* the simulation of this graph, whose enabled quantizers are listed instead; NULL: none */
    rf_sim *sim;
} rf_inspect_options;
#define RF_INSPECT_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Look at a network without running or changing it; it need not be one that refold can run. Strings live with the result,
 * which is freed with rf_inspection_free. @param options  may be NULL
 * @return RF_OK, RF_EARG, RF_EIO/RF_EMODEL (configuration), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_inspect(const rf_graph *graph, const rf_inspect_options *options,
                                        rf_inspection **out);
RF_API void rf_inspection_free(rf_inspection *inspection);

#ifdef __cplusplus
}
#endif
#endif
