/* Softmax cross-entropy of class logits, with its gradient and the counts that accuracy needs. */
#ifndef RF_TRAIN_LOSS_H
#define RF_TRAIN_LOSS_H

#include "base/context.h"
#include "tensor/view.h"

/* Sums over samples; add up over batches. */
typedef struct rf_loss_sums {
    double loss; /* natural logarithm, not yet divided by samples */
    int64_t samples, top1, top5;
} rf_loss_sums;

/* What one call needs to know besides the logits. */
typedef struct rf_loss_batch {
    const int64_t *labels; /* [count] */
    int64_t count;         /* samples that count, <= dims[0] of the logits */
    int64_t total;         /* samples of all processes; 0: count */
    int64_t batch;         /* samples that went in, which dims[0] has to be; 0: not asked for */
    int64_t first;         /* position of sample 0 in the epoch, for messages */
    double smoothing;      /* 0 <= s < 1: target (1-s) one-hot + s/classes */
} rf_loss_batch;

/*
 * Add this batch's sums to *sums. logits is [n, c] or [n, c, 1, ...], any strides; diff (may be NULL) has the same
 * dims and receives the gradient of the mean loss over `total` samples. RF_ESHAPE, RF_EDATA (label; names the sample).
 */
rf_status rf_loss_add(rf_context *ctx, const rf_view *logits, const rf_loss_batch *batch,
                      rf_view *diff, rf_loss_sums *sums);

void rf_loss_sums_add(rf_loss_sums *sums, const rf_loss_sums *more);

/* Percent and means; top5 is NaN with fewer than five classes. */
double rf_loss_percent(int64_t part, int64_t samples);
double rf_loss_mean(const rf_loss_sums *sums);

#endif
