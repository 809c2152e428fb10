/** Several processes: the same steps, shared by the ranks of an MPI job. */
#ifndef REFOLD_DISTRIBUTED_H
#define REFOLD_DISTRIBUTED_H

#include <refold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Join the MPI job that a launcher (mpirun) started this process in; without a launcher, or in a library built without
 * MPI, do nothing. From then on rf_sim_calibrate, rf_train_*, rf_reestimate_* and rf_evaluate are collective: every rank
 * calls them with the same arguments, reads its share of each epoch, and has the same result; `batch` is that of all
 * ranks together. Rank 0 alone reads and writes checkpoints. One context of a process may do this, once.
 * Docs: SCALING.md; formulas: NUMERICS.md, section 11.
 * @param timeout seconds that a rank waits for the others before it gives up and names those that did not come
 * @return RF_OK, RF_EARG (timeout), RF_ESTATE (joined already), RF_EIO (MPI), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_distributed_init(rf_context *ctx, double timeout);
/** Wait for the others and leave; before rf_context_free. */
RF_API RF_MUST_USE rf_status rf_distributed_finalize(rf_context *ctx);
/** End all processes of the job at once; for a rank that met a fault of its own. Does nothing for a process alone. */
RF_API void rf_distributed_abort(rf_context *ctx, int exit_code);
RF_API int rf_distributed_rank(const rf_context *ctx); /**< from 0; 0 alone */
RF_API int rf_distributed_size(const rf_context *ctx); /**< processes; 1 alone */
RF_API bool rf_distributed_available(void);            /**< built with MPI */

#ifdef __cplusplus
}
#endif
#endif
