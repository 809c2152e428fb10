/** Sensitivity: which layer's quantizers cost what. */
#ifndef REFOLD_ANALYZE_H
#define REFOLD_ANALYZE_H

#include <refold/compare.h>
#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a choice of enabled quantizers gives, against the same network with all of them off. */
typedef struct rf_measured {
    double sqnr_db;   /* of the first output, 10 log10 of signal over noise; infinite where equal */
    double agreement; /* percent of samples with the float network's class; NaN without classes */
    double top1, loss; /* percent, cross-entropy; NaN without labels */
} rf_measured;

/** Quantizers of one layer that were switched together. */
typedef struct rf_sensitivity {
    /* node that owns the parameters or makes the activation; or an input's tensor */
    const char *layer;
    const char *op_type;     /* of the node; "" for an input */
    const char *kind;        /* "param", "activation", or "both" where the layer has the two */
    int param_bw, output_bw; /* widest of each; 0: none of the kind */
    int quantizers;
    rf_measured only;    /* these quantizers on, all others off */
    rf_measured all_but; /* these off, all others on */
    double harm;  /* by top1: points lost by `only`; by loss: its increase; by sqnr: -sqnr_db */
    int position; /* in graph order, parameters before activations before both */
} rf_sensitivity;

typedef struct rf_analysis {
    int64_t samples;
    const char *by; /* what rows are sorted by */
    /* with no quantizers on, all of a kind, and all */
    rf_measured fp32, params, activations, quantized;
    int row_count;
    const rf_sensitivity *rows; /* most harm first */
    /* with everything on: how far each tensor is from the float network's */
    int tensor_count;
    const rf_compared_tensor *tensors;
    double seconds;
} rf_analysis;

typedef struct rf_analyze_options {
    int64_t samples; /* first ones of the data, kept in memory; 0: 512 */
    int64_t batch;   /* samples a pass; 0: 128. A graph with a fixed batch uses that */
    const char *by;  /* "top1", "loss", "sqnr"; NULL: top1 with labels, else sqnr */
} rf_analyze_options;
#define RF_ANALYZE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Per-layer sensitivity: of a calibrated simulation every layer's enabled quantizers are switched on alone and off
 * alone; parameters, activations, and both. Ranges stay as they are, and so does the simulation. Samples come in order
 * and are not augmented. @param options  may be NULL
 * @return RF_OK, RF_ESTATE (not calibrated, no quantizer), RF_EARG, RF_EDATA (no samples; labels that `by` needs),
 *         RF_ESHAPE, RF_ENOMEM, RF_EINTERRUPTED. Source: AIMET QuantAnalyzer.
 */
RF_API RF_MUST_USE rf_status rf_analyze(const rf_sim *sim, const rf_dataset *dataset,
                                        const rf_analyze_options *options, rf_analysis **out);
RF_API void rf_analysis_free(rf_analysis *analysis);

#ifdef __cplusplus
}
#endif
#endif
