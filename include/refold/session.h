/** Training taken apart: a loop, a loss and gradients of your own. */
#ifndef REFOLD_SESSION_H
#define REFOLD_SESSION_H

#include <refold/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rf_session rf_session;

/**
 * Get ready to take steps. Of the options count optimizer, learning_rate, momentum, weight_decay and
 * encoding_learning_rate; freeze_bn_after 0 keeps the BN statistics. While the session lives, the graph or sim is
 * changed through it alone, and through the values of its parameters.
 * @param options  may be NULL
 * @return RF_OK, RF_EARG, RF_ESTATE (not calibrated, folded, or quantized by QDQ), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_session_new_graph(rf_graph *graph, const rf_train_options *options,
                                                  rf_session **out);
RF_API RF_MUST_USE rf_status rf_session_new_sim(rf_sim *sim, const rf_train_options *options,
                                                rf_session **out);
/** Accepts NULL. Before the graph or sim. */
RF_API void rf_session_free(rf_session *session);
/** All parameters; values may be written between a step and the next forward. */
RF_API const rf_parameters *rf_session_parameters(const rf_session *session);
/**
 * Run a batch in training form: BN on the statistics of the batch, running ones updated. The first batch decides the
 * memory that is kept ready, and so does the last one of another size.
 * @param inputs  [rf_graph_input_count] float32 [n, ...] each, the same n; a graph with a fixed batch takes only that
 * @return RF_OK, RF_EDATA (an input does not fit), RF_EUNSUPPORTED (names the operator), RF_ENUMERIC (an input, parameter or
 *         output is not finite: names it, its layer and the step), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_session_forward(rf_session *session,
                                                const rf_tensor *const *inputs);
/** Output `index` of the last forward, until the next one; NULL: no such output, or no forward since the last step. */
RF_API const rf_tensor *rf_session_output(const rf_session *session, int index);
/**
 * From the gradient of a loss with respect to the outputs to that of every parameter. Quantizers pass gradients straight
 * through inside their range.
 * @param diff_outputs  [rf_graph_output_count] float32, shaped as the outputs; NULL: zeros
 * @return RF_OK, RF_ESTATE (no forward before), RF_ESHAPE, RF_EUNSUPPORTED (that output reaches no parameter), RF_ENUMERIC
 *         (a gradient that is not finite; names the output). Nothing was changed then: it may be called again
 */
RF_API RF_MUST_USE rf_status rf_session_backward(rf_session *session,
                                                 const rf_tensor *const *diff_outputs);
/** Gradient of parameter `index`, [count]; it may be changed (clipped, averaged) before the step. NULL: it has none. */
RF_API float *rf_session_gradient(rf_session *session, int index);
/** Let the optimizer take a step with the learning rates times `factor` (a schedule's; 1).
 *  @return RF_OK, RF_ESTATE (no backward before), RF_EARG (factor), RF_ENUMERIC (a gradient is not finite, and nothing was
 *  updated; or a range has exploded: names layer and step) */
RF_API RF_MUST_USE rf_status rf_session_step(rf_session *session, double factor);
/** After the last step: what was learned reaches files, and a sim's state is trained.
 *  @return RF_OK, RF_ENUMERIC (a parameter is not finite; names it), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_session_finish(rf_session *session);

#ifdef __cplusplus
}
#endif
#endif
