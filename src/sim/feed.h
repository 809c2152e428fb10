/* A graph fed from a data set: the loop that calibration, evaluation, re-estimation and training share. */
#ifndef RF_SIM_FEED_H
#define RF_SIM_FEED_H

#include "data/loader.h"
#include "exec/plan.h"

typedef struct rf_feed_options {
    int64_t batch, limit; /* as rf_loader_options; batch is ignored where the graph fixes its own */
    bool shuffle, augment, drop_last;
    bool finite; /* NaN and infinity in the data are RF_ENUMERIC: quantizers would hide them */
    rf_share_of share;    /* what each process of a job takes; RF_SHARE_OF_SAMPLES by default */
    rf_plan_options plan; /* batch and input_shapes are filled in */
} rf_feed_options;

typedef struct rf_feed rf_feed;

rf_status rf_feed_new(rf_graph *g, const rf_dataset *dataset, const rf_feed_options *options,
                      rf_feed **out);
void rf_feed_free(rf_feed *feed);
int64_t rf_feed_batches(const rf_feed *feed);                 /* an epoch, of all processes */
int64_t rf_feed_samples(const rf_feed *feed);                 /* the same, after limit */
int64_t rf_feed_images(const rf_feed *feed, int64_t batches); /* samples in the first `batches` */
rf_plan *rf_feed_plan(const rf_feed *feed); /* of a full batch; NULL: this process has no share */
/* As rf_loader_set_share; then start anew. */
void rf_feed_set_share(rf_feed *feed, rf_share_of of);
rf_status rf_feed_start(rf_feed *feed, int64_t epoch, int64_t first);
/*
 * Next batch, copied into the inputs of a plan of its size, ready for rf_plan_forward. batch->total 0: epoch over;
 * batch->count 0: nothing for this process, and *plan_out is NULL. A graph of fixed batch gets its last, short batch with
 * zeros behind: use batch->count.
 */
rf_status rf_feed_next(rf_feed *feed, rf_plan **plan_out, rf_batch *batch_out);

#endif
