/** Step 2, training: FP32, or through the quantizers of a simulation. */
#ifndef REFOLD_TRAIN_H
#define REFOLD_TRAIN_H

#include <refold/evaluate.h>
#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What one step, or the end of an epoch, gave. */
typedef struct rf_train_event {
    int64_t step;           /* steps done in all, also by the runs before a resume */
    int64_t epoch;          /* the present one, from 1 */
    bool epoch_end;         /* loss and top1 are of the whole epoch; else of this step's batch */
    double loss, top1;      /* mean cross-entropy; percent */
    double learning_rate;   /* that the step was taken with */
    rf_accuracy validation; /* at an epoch's end; samples 0 without */
} rf_train_event;
/** Called on the thread that trains, after every step and at every epoch's end; on every rank of a job. */
typedef void (*rf_train_event_fn)(void *user, const rf_train_event *event);

typedef struct rf_train_options {
    int64_t epochs;        /* 0: 1, unless steps is given */
    int64_t steps;         /* stop after so many steps; 0: by epochs */
    int64_t batch;         /* samples a step; 0: 128. A graph with a fixed batch uses that */
    const char *optimizer; /* "sgd" (default) or "adam" (betas 0.9, 0.999; eps 1e-8) */
    double learning_rate;  /* > 0; 0: 0.01 */
    double momentum;       /* sgd: v = momentum v + g; w -= lr v. Negative: 0.9 */
    /* added to the gradient of weights, not of BN parameters, biases, ranges. Negative: 1e-4 */
    double weight_decay;
    double encoding_learning_rate; /* of the ranges; negative: learning_rate */
    const char *schedule; /* "constant" (default), "cosine", "step:E,..." (tenth at these epochs) */
    double warmup;        /* epochs of linear warm-up, may be a fraction; default 0 */
    double label_smoothing; /* 0 <= s < 1 */
    /* epochs, from then on BN uses and keeps its running statistics; negative: never */
    int64_t freeze_bn_after;
    bool no_shuffle; /* batches are consecutive */
    /* among several processes: BN statistics over the whole batch, not of each one's share */
    bool sync_bn;
    bool no_augment;              /* default: as the data set says */
    const rf_dataset *validation; /* evaluated after each epoch; NULL: none */
    /* file; NULL: none. Written at each epoch's end, on interruption, and every
       checkpoint_every steps; the one before it stays as FILE.1 (docs/FILE_FORMAT.md) */
    const char *checkpoint;
    int64_t checkpoint_every; /* steps; 0: epochs only */
    /* continue from `checkpoint` where it exists; epochs and steps count from the first one */
    bool resume;
    rf_train_event_fn on_event; /* NULL: none */
    void *on_event_user;
} rf_train_options;
#define RF_TRAIN_OPTIONS_INIT                                                                      \
    {                                                                                              \
        .momentum = -1.0, .weight_decay = -1.0, .encoding_learning_rate = -1.0,                    \
        .freeze_bn_after = -1                                                                      \
    }

typedef struct rf_training {
    int64_t epochs, steps;        /* done in all */
    double first_loss, last_loss; /* of the first step, and the mean over the last epoch */
    double train_top1;            /* percent, running, last epoch */
    rf_accuracy validation;       /* after the last epoch; samples 0 without */
    double seconds, img_per_s;
    bool interrupted; /* stopped by rf_context_interrupt; what was learned until then is kept */
    int processes;    /* that trained together */
    double bytes_per_step; /* that this process gave to the others: gradients, statistics, counts */
    double seconds_waited; /* for the others, and for sums that were still under way */
} rf_training;

/**
 * Train by cross-entropy of the first output, as rf_evaluate takes it. A sim learns weights, BN and, with a "-init"
 * scheme, ranges (AIMET v1 gradients, arXiv 1912.09356 for range learning; ranges gated m <= 0 <= M, M >= m + 1e-5
 * before each forward); static ranges of weights follow the weights. State: trained. The same seed, thread count and
 * data give the same bits. Values learned before a failure or an interruption stay.
 * @param out  may be NULL
 * @return RF_OK (also when interrupted), RF_EARG (options, or a checkpoint of another run), RF_ESTATE (not calibrated,
 *         folded, or quantized by QDQ), RF_EDATA (no labels, label out of range, too few samples, damaged checkpoint),
 *         RF_ESHAPE, RF_EUNSUPPORTED (nothing to train), RF_ENUMERIC (loss not finite: names step and layer), RF_EIO,
 *         RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_train_graph(rf_graph *graph, const rf_dataset *dataset,
                                            const rf_train_options *options, rf_training *out);
RF_API RF_MUST_USE rf_status rf_train_sim(rf_sim *sim, const rf_dataset *dataset,
                                          const rf_train_options *options, rf_training *out);

#ifdef __cplusplus
}
#endif
#endif
