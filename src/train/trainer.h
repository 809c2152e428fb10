/* One training run: what it was asked for, its engine, and where it stands. Shared by the loop and the checkpoints. */
#ifndef RF_TRAIN_TRAINER_H
#define RF_TRAIN_TRAINER_H

#include "base/clock.h"
#include "ops/params.h"
#include "sim/feed.h"
#include "sim/sim.h"
#include "train/code_changes.h"
#include "train/exchange.h"
#include "train/health.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/schedule.h"

/* Everything besides values and moments that a continued run needs to take the same steps. */
typedef struct rf_train_position {
    int64_t epoch;     /* epochs finished; the order of samples depends on it and the seed only */
    int64_t batch;     /* batches taken of the present epoch */
    rf_loss_sums sums; /* of the present epoch */
    double first_loss, last_loss, train_top1; /* as in rf_training */
} rf_train_position;

typedef struct rf_trainer {
    rf_context *ctx;
    rf_graph *g;
    rf_sim *sim; /* NULL: a plain graph */
    const rf_dataset *data;
    rf_train_options o; /* every default filled in */
    rf_schedule schedule;
    rf_params params;
    rf_health health;
    rf_optimizer optimizer; /* its step counts the whole run */
    rf_exchange exchange;
    rf_feed *feed;
    bool feed_frozen; /* the feed's plans keep the BN statistics */
    bool has_bn;
    int64_t per_epoch, total; /* steps */
    rf_train_position at;
    rf_accuracy validation;
    double learning_rate; /* of the last step */
    rf_code_changes changes;
    int64_t saved_step; /* of the last checkpoint; 0: none yet */
    rf_meter meter;
    int64_t images; /* trained on in this call */
    double train_seconds;
    int64_t steps_before; /* taken before this call */
    rf_group_traffic traffic_before;
} rf_trainer;

/* train_options.c: fill in defaults; RF_EARG names the option. */
rf_status rf_train_options_resolve(rf_context *ctx, const rf_train_options *in,
                                   rf_train_options *out);

/* RF_ESTATE before calibration and after the fold. */
rf_status rf_sim_need_trainable(const rf_sim *sim);
/* After the last update: the state is trained. */
rf_status rf_sim_finish_training(rf_sim *sim);

/*
 * checkpoint.c. The newest checkpoint is o.checkpoint, the one before it o.checkpoint with ".1" behind. Both are safetensors files:
 * "value/NAME" for each parameter, statistic and range, "moment0/NAME" ... for the optimizer, metadata for the rest.
 */
rf_status rf_checkpoint_write(const rf_trainer *t); /* by rank 0 */
/*
 * Continue where the newest readable checkpoint stands; without any, log so and start from the beginning. RF_EDATA or
 * RF_EARG, with nothing changed, when it belongs to another network, optimizer, seed, batch size or data set.
 */
rf_status rf_checkpoint_resume(rf_trainer *t);

#endif
