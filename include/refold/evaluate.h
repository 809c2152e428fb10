/** Running networks, and how accurate they are. */
#ifndef REFOLD_EVALUATE_H
#define REFOLD_EVALUATE_H

#include <refold/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Run samples through a graph (plain, or rf_sim_graph).
 * @param inputs   [rf_graph_input_count] float32 [n, ...] each, the same n
 * @param batch    samples a pass, >= 1; a graph with a fixed batch takes only that
 * @param outputs  [rf_graph_output_count] receives new tensors [n, ...]; the caller frees each
 * @return RF_OK, RF_EARG, RF_EDATA (an input does not fit the graph), RF_ESHAPE, RF_EUNSUPPORTED (names the operator),
 *         RF_ENOMEM, RF_EINTERRUPTED
 */
RF_API RF_MUST_USE rf_status rf_infer(const rf_graph *graph, const rf_tensor *const *inputs,
                                      int64_t batch, rf_tensor **outputs);

typedef struct rf_accuracy {
    int64_t samples;
    double top1, top5; /* percent; top5 is NaN with fewer than 5 classes */
    double loss;       /* mean cross-entropy, natural logarithm, over all samples */
    double seconds, img_per_s;
} rf_accuracy;

/**
 * Top-1, top-5 and loss of the graph's first output: float32 logits [n, classes] or [n, classes, 1, 1], before any
 * softmax. Samples come in order and are not augmented; of equal logits the lower class counts first.
 * @param batch  samples a pass, >= 1; a graph with a fixed batch uses that
 * @return RF_OK, RF_EARG, RF_EDATA (no labels or samples, label out of range), RF_ESHAPE, RF_EUNSUPPORTED (names the
 *         operator), RF_ENUMERIC (a sample or the loss is not finite; names it, or the weight), RF_ENOMEM, RF_EINTERRUPTED
 */
RF_API RF_MUST_USE rf_status rf_evaluate(const rf_graph *graph, const rf_dataset *dataset,
                                         int64_t batch, rf_accuracy *out);

#ifdef __cplusplus
}
#endif
#endif
