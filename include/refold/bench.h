/** Speed: images a second, by part, and what the machine would allow. */
#ifndef REFOLD_BENCH_H
#define REFOLD_BENCH_H

#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Parts of a step: name, value, key in documents, text. Every moment of a step belongs to exactly one. */
#define RF_PART_MAP(X)                                                                             \
    X(CONV_FORWARD, 0, "conv_forward", "convolution, forward")                                     \
    X(CONV_BACKWARD_DATA, 1, "conv_backward_data", "convolution, backward data")                   \
    X(CONV_BACKWARD_WEIGHTS, 2, "conv_backward_weights", "convolution, backward weights")          \
    X(MATRIX_PRODUCTS, 3, "matrix_products", "matrix products")                                    \
    X(FUSED_KERNELS, 4, "fused_kernels", "fused kernels")                                          \
    X(QUANTIZE_WEIGHTS, 5, "quantize_weights", "quantizing weights")                               \
    X(OPTIMIZER, 6, "optimizer", "optimizer")                                                      \
    X(DATA, 7, "data", "waiting for data")                                                         \
    X(ALL_REDUCE, 8, "all_reduce", "all-reduce")                                                   \
    X(OTHER, 9, "other", "loss and the rest")
#define RF_PART_COUNT 10

typedef enum rf_step_part {
#define RF_PART_ENUM(name, value, key, text) RF_PART_##name = (value),
    RF_PART_MAP(RF_PART_ENUM)
#undef RF_PART_ENUM
} rf_step_part;
/** "conv_forward" and "convolution, forward"; static, never NULL. */
RF_API const char *rf_part_key(rf_step_part part);
RF_API const char *rf_part_text(rf_step_part part);

typedef enum rf_bench_mode { RF_BENCH_INFER, RF_BENCH_TRAIN, RF_BENCH_REESTIMATE } rf_bench_mode;

typedef struct rf_bench_options {
    int64_t batch;  /* samples a step; 0: 128. A graph with a fixed batch uses that */
    int64_t repeat; /* steps that are timed, behind two that are not; 0: 10 */
} rf_bench_options;
#define RF_BENCH_OPTIONS_INIT                                                                      \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Medians over the steps timed. The limit is what the same step would take if nothing but these happened: each
 * convolution and matrix product as a bare oneDNN primitive of its shape (on codes where the engine computes on codes and
 * that is faster), and once each the bytes that the other steps, the optimizer and the batch must read and write, at the
 * rate at which this machine copies memory with as many threads; inputs of batch statistics twice. Small tensors stay in
 * caches, so that a step can be faster than that.
 */
typedef struct rf_speed {
    int64_t batch, steps;              /* samples a step; steps timed */
    double img_per_s;                  /* batch / step_seconds */
    double step_seconds;               /* of the step of median length */
    double seconds[RF_PART_COUNT];     /* of its parts, which add up to it */
    int64_t peak_bytes;                /* largest resident memory of the process meanwhile */
    double limit_seconds, limit_ratio; /* of the step; limit_seconds / step_seconds */
    double copy_bytes_per_s;           /* read and written, as measured for the limit */
} rf_speed;

/**
 * Time steps of a network: of a float graph, or of a calibrated simulation through its quantizers (RF_BENCH_TRAIN is QAT
 * then). TRAIN and REESTIMATE change it as rf_train_... and rf_reestimate_... do. The log (debug) names the layers of a
 * simulation that compute in float32, with the reason. @param options  may be NULL
 * @return RF_OK, or the failure of what was timed; RF_EDATA (too few samples)
 */
RF_API RF_MUST_USE rf_status rf_bench_graph(rf_graph *graph, rf_bench_mode mode,
                                            const rf_dataset *dataset,
                                            const rf_bench_options *options, rf_speed *out);
RF_API RF_MUST_USE rf_status rf_bench_sim(rf_sim *sim, rf_bench_mode mode,
                                          const rf_dataset *dataset,
                                          const rf_bench_options *options, rf_speed *out);

#ifdef __cplusplus
}
#endif
#endif
