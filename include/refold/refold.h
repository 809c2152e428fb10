/**
 * refold: quantization-aware training with batch-norm re-estimation, in C.
 *
 * Include this header; it brings the others, each of which is the manual of one subject. In the order in which a network
 * passes through them:
 *
 *     context.h      errors, memory, threads, messages, progress, interruption
 *     tensor.h       dense arrays, .npy files
 *     graph.h        float networks: read, look at, save; untrained ones
 *     data.h         images, arrays, samples of your own; preprocessing
 *     evaluate.h     outputs, accuracy
 *     sim.h          1  the simulation: quantizers, calibration, encodings
 *     train.h        2  training, FP32 or through the quantizers
 *     session.h         the same taken apart: a loop and a loss of your own
 *     bn.h           3  BN re-estimation, and its undo
 *                    4  BN folded into the quantization scale, or into the weights
 *     export.h       5  ONNX, encodings, QDQ ONNX; back into Keras
 *
 * and to look at what there is on the way:
 *
 *     inspect.h      what a network holds, and what would become of it
 *     compare.h      two networks on the same samples, tensor by tensor
 *     analyze.h      which layer's quantizers cost what
 *     report.h       the report; event files for TensorBoard
 *     bench.h        images a second, by part, and what the machine would allow
 *     distributed.h  the same steps, shared by the ranks of an MPI job
 *
 * The five steps, as examples/quickstart.c has them with options and accuracy in between:
 * @code
 *     if ((st = rf_graph_load(ctx, "model.onnx", &graph)) ||
 *         (st = rf_dataset_open(ctx, "train/", &images, &data)) ||
 *         (st = rf_sim_new(graph, &bits, &sim)) ||
 *         (st = rf_sim_calibrate(sim, data, NULL, &calibration)) ||
 *         (st = rf_train_sim(sim, data, &train, NULL)) ||
 *         (st = rf_reestimate_sim(sim, data, NULL, NULL)) ||
 *         (st = rf_fold_to_scale(sim, NULL)) ||
 *         (st = rf_export(sim, "out", NULL, NULL)))
 *         fprintf(stderr, "%s\n", rf_context_message(ctx));
 * @endcode
 *
 * Conventions. A function that can fail returns rf_status; on failure no output argument has been written, and
 * rf_context_message() tells the fault, its place and the cure in one line. Pointers to const are only read, other pointers
 * may be written through; apart from its context an object keeps none of them. What comes back through `T **out` the caller
 * frees with the matching rf_..._free, which accepts NULL; what is returned as `const T *` lives as long as the object that
 * was asked. A context and all that was made with it belong to one thread at a time; two contexts share nothing. Shapes,
 * names and axes are ONNX's (channels first). Options structs start from their _INIT macro.
 */
#ifndef REFOLD_REFOLD_H
#define REFOLD_REFOLD_H

#include <refold/context.h>
#include <refold/tensor.h>
#include <refold/graph.h>
#include <refold/data.h>
#include <refold/evaluate.h>
#include <refold/sim.h>
#include <refold/train.h>
#include <refold/session.h>
#include <refold/bn.h>
#include <refold/export.h>
#include <refold/inspect.h>
#include <refold/compare.h>
#include <refold/analyze.h>
#include <refold/report.h>
#include <refold/bench.h>
#include <refold/distributed.h>

#endif
