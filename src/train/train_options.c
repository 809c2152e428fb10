/* Defaults and limits of the training options. */
#include <math.h>

#include "train/trainer.h"

static rf_status check_number(rf_context *ctx, const char *name, double value, double least,
                              double below)
{
    if (value >= least && value < below)
        return RF_OK;
    if (isinf(below))
        return rf_fail(ctx, RF_EARG, "%s %g: expected a finite number of %g or more", name, value,
                       least);
    return rf_fail(ctx, RF_EARG, "%s %g: expected %g or more and less than %g", name, value, least,
                   below);
}

static rf_status check_count(rf_context *ctx, const char *name, int64_t value)
{
    return value >= 0
               ? RF_OK
               : rf_fail(ctx, RF_EARG, "%s %lld: expected 0 or more", name, (long long)value);
}

static rf_status check(rf_context *ctx, const rf_train_options *o)
{
    const double none = (double)INFINITY;

    RF_TRY(check_count(ctx, "epochs", o->epochs));
    RF_TRY(check_count(ctx, "steps", o->steps));
    RF_TRY(check_count(ctx, "batch", o->batch));
    RF_TRY(check_count(ctx, "checkpoint-every", o->checkpoint_every));
    RF_TRY(check_number(ctx, "learning rate", o->learning_rate, 0.0, none));
    RF_TRY(check_number(ctx, "momentum", o->momentum, 0.0, 1.0));
    RF_TRY(check_number(ctx, "weight decay", o->weight_decay, 0.0, none));
    RF_TRY(check_number(ctx, "encoding learning rate", o->encoding_learning_rate, 0.0, none));
    RF_TRY(check_number(ctx, "label smoothing", o->label_smoothing, 0.0, 1.0));
    if (o->resume && !o->checkpoint)
        return rf_fail(ctx, RF_EARG, "resume needs the file to resume from: give a checkpoint");
    return RF_OK;
}

rf_status rf_train_options_resolve(rf_context *ctx, const rf_train_options *in,
                                   rf_train_options *out)
{
    rf_train_options o = in ? *in : (rf_train_options)RF_TRAIN_OPTIONS_INIT;

    /* Exactly 0 is what an options struct that was not filled in holds. */
    if (fpclassify(o.learning_rate) == FP_ZERO)
        o.learning_rate = 0.01;
    if (o.momentum < 0.0)
        o.momentum = 0.9;
    if (o.weight_decay < 0.0)
        o.weight_decay = 1e-4;
    if (o.encoding_learning_rate < 0.0)
        o.encoding_learning_rate = o.learning_rate;
    if (o.epochs == 0 && o.steps == 0)
        o.epochs = 1;
    if (o.batch == 0)
        o.batch = 128;
    RF_TRY(check(ctx, &o));
    *out = o;
    return RF_OK;
}
