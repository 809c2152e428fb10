/** Steps 3 and 4: BN statistics measured anew, with the way back; and BN folded into scales or weights. */
#ifndef REFOLD_BN_H
#define REFOLD_BN_H

#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rf_estimator {
    /* mean over batches of the batch mean and of the unbiased batch variance (AIMET) */
    RF_ESTIMATOR_MEAN_OF_BATCHES,
    /* mean and unbiased variance of all values together */
    RF_ESTIMATOR_POOLED
} rf_estimator;

typedef struct rf_reestimate_options {
    int64_t batches; /* at most; 0: 100. A short last batch is left out */
    int64_t batch;   /* samples; 0: 128. A graph with a fixed batch uses that */
    rf_estimator estimator;
    bool no_augment; /* default: the data set's augmentation is on, as training saw it */
    bool no_shuffle;
} rf_reestimate_options;
#define RF_REESTIMATE_OPTIONS_INIT                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_bn_layer {
    const char *bn, *mean, *var; /* node and tensor names */
    int64_t channels;
    const float *mean_before, *mean_after, *var_before, *var_after; /* [channels] */
} rf_bn_layer;

/** What a re-estimation did, and the way back. */
typedef struct rf_reestimation rf_reestimation;

/**
 * Re-estimate the statistics of every BN that has them: the network runs in inference form, quantizers active and
 * frozen, BN alone on batch statistics. Each of the n batches gives mean and unbiased variance a channel; the
 * averages become the running statistics. State: bn_reestimated, also of a sim without BN, which is only warned of. For
 * a plain graph: rf_reestimate_graph.
 * @param out  may be NULL; else free with rf_reestimation_free
 * @return RF_OK, RF_ESTATE, RF_EDATA (no batch, one value a channel; names the layer), RF_ENUMERIC. On failure and on
 *         interruption the statistics are as before. Source: AIMET 1.x reestimate_bn_stats (torch).
 */
RF_API RF_MUST_USE rf_status rf_reestimate_sim(rf_sim *sim, const rf_dataset *dataset,
                                               const rf_reestimate_options *options,
                                               rf_reestimation **out);
RF_API RF_MUST_USE rf_status rf_reestimate_graph(rf_graph *graph, const rf_dataset *dataset,
                                                 const rf_reestimate_options *options,
                                                 rf_reestimation **out);
/** Batches that were averaged. */
RF_API int64_t rf_reestimation_batches(const rf_reestimation *reestimation);
RF_API int rf_reestimation_layer_count(const rf_reestimation *reestimation);
/** Describe layer `index`, from 0, in graph order; pointers live with the re-estimation. @return RF_OK, RF_EARG */
RF_API RF_MUST_USE rf_status rf_reestimation_layer(const rf_reestimation *reestimation, int index,
                                                   rf_bn_layer *out);
/** Put the old statistics back, bit for bit, and the sim's old state. A second call does nothing. Call it while the
 *  graph or sim lives and before a fold. */
RF_API void rf_reestimation_undo(rf_reestimation *reestimation);
RF_API void rf_reestimation_free(rf_reestimation *reestimation);

typedef struct rf_folded {
    const char *layer, *bn;
    int64_t channels;
    /* largest difference of an integer weight code before and after: 0; may be more with compat
       "aimet", which leaves ties and mirrored lowest codes where rounding takes them */
    int64_t max_code_difference;
    /* channels whose sign was changed before calibration, or mirrored here (compat) */
    int64_t negative_gamma;
    int64_t dead_channels; /* gamma ~ 0: codes 0, output beta */
} rf_folded;

typedef struct rf_fold_refusal {
    const char *layer, *bn, *reason; /* layer NULL: stand-alone BN */
} rf_fold_refusal;

typedef struct rf_fold_report {
    int folded_count;
    const rf_folded *folded;
    int refused_count; /* pairs that could not be folded exactly */
    const rf_fold_refusal *refused;
    int standalone_count; /* BN without a layer before it: stays, as a multiply-add */
    const rf_fold_refusal *standalone;
} rf_fold_report;
RF_API void rf_fold_report_free(rf_fold_report *report);

/**
 * Fold each BN into the quantization scale of the layer before it: c = gamma / sqrt(var + eps); W' = W c, range' =
 * range |c|, bias' = beta + (bias - mean) c; the integer codes of W stay, and this is proven channel by channel.
 * Then biases behind quantized input and weights are rounded to multiples of input scale * weight scale, as integer
 * targets add them (not with compat "aimet"). State: folded. A second call finds nothing to fold and changes nothing.
 * @param out  may be NULL; else free with rf_fold_report_free; written on RF_EREFUSED as well
 * @return RF_OK; RF_EREFUSED if a pair was refused (the others are folded; report and message name it and the cure);
 *         RF_ESTATE before calibration. Source: AIMET 1.x fold_all_batch_norms_to_scale.
 */
RF_API RF_MUST_USE rf_status rf_fold_to_scale(rf_sim *sim, rf_fold_report **out);
/** The ordinary fold of a plain graph, into the weights; BN before an unpadded layer is folded too, what is left
 *  becomes a stand-alone multiply-add. max_code_difference is 0 by definition. @return RF_OK, RF_ENOMEM.
 *  Source: AIMET fold_all_batch_norms. */
RF_API RF_MUST_USE rf_status rf_fold_to_weight(rf_graph *graph, rf_fold_report **out);

#ifdef __cplusplus
}
#endif
#endif
