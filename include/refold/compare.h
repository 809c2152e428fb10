/** Two networks on the same samples, tensor by tensor; one of them in another runtime, if you like. */
#ifndef REFOLD_COMPARE_H
#define REFOLD_COMPARE_H

#include <refold/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A tensor that both networks have, over all samples compared. */
typedef struct rf_compared_tensor {
    const char *name;        /* without what quantization adds to it */
    const char *in_a, *in_b; /* what was compared: behind the tensor's quantizer where it has one */
    double max_abs;          /* largest |b - a|; NaN where one alone is not finite */
    double max_rel;          /* max_abs as a share of the largest |a| */
    double sqnr_db;          /* 10 log10 of sum a^2 over sum (b - a)^2; infinite where equal */
    double mse;              /* mean of (b - a)^2 */
    bool differs;            /* max_rel beyond the tolerance */
} rf_compared_tensor;

typedef struct rf_compared {
    int64_t samples;
    double top1_agreement; /* percent, of the first output; NaN where that is not [n, classes] */
    int output_count;
    const rf_compared_tensor *outputs;
    int tensor_count;
    /* between inputs and outputs, in the order in which a computes them */
    const rf_compared_tensor *tensors;
    const char *first_difference; /* first of all these, in that order, that differs; NULL: none */
} rf_compared;

/** Runs a network outside of refold. Both functions may fail with a status of their own, which comes back. */
typedef struct rf_runner {
    /** Get ready to give `graph`'s outputs. *handle_out names it in calls of run. */
    rf_status (*open)(void *user, const rf_graph *graph, int *handle_out);
    /** @param inputs [rf_graph_input_count] float32  @param outputs [rf_graph_output_count] receives new tensors */
    rf_status (*run)(void *user, int handle, const rf_tensor *const *inputs, rf_tensor **outputs);
    void *user;
} rf_runner;

typedef struct rf_compare_options {
    const rf_dataset *dataset;      /* samples in order, not augmented; or */
    const rf_tensor *const *inputs; /* [inputs of a] float32 [n, ...] */
    int64_t samples;                /* 0: all */
    int64_t batch; /* at most; 0: 128. Cut where all tensors at once would take too much memory */
    double tolerance;        /* of max_rel; default 1e-4 */
    bool outputs_only;       /* leave the tensors between out */
    const rf_runner *runner; /* of b; NULL: refold runs it */
} rf_compare_options;
#define RF_COMPARE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .tolerance = 1e-4                                                                          \
    }

/**
 * Run two networks on the same samples: plain, rf_sim_graph, or QDQ, in any pairing. Outputs are matched by name, else by
 * position, and come from the networks as they are; tensors between are matched by name and come from a second run that
 * keeps them all. Inputs are matched like outputs.
 * @return RF_OK, RF_EARG (inputs or outputs do not match), RF_EDATA, RF_ESHAPE (an output), RF_EUNSUPPORTED, RF_ENOMEM,
 *         RF_EINTERRUPTED; or what the runner gave
 */
RF_API RF_MUST_USE rf_status rf_compare(const rf_graph *a, const rf_graph *b,
                                        const rf_compare_options *options, rf_compared **out);
RF_API void rf_compared_free(rf_compared *compared);

#ifdef __cplusplus
}
#endif
#endif
