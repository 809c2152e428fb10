/* The steps of a life behind calibration, each as AIMET was run. */
#include "golden_life.h"

#define TOL_LOSS 1e-4

static void check_loss(const golden *g, const char *which, double actual, double expected)
{
    if (!(fabs(actual - expected) <= TOL_LOSS * fmax(1.0, expected)))
        fail_msg("%s %s: the %s loss is %.9g, AIMET has %.9g", g->model, g->life, which, actual,
                 expected);
}

void golden_train(golden *g, rf_sim *sim)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    rf_dataset *data = golden_dataset(g, "train", "train_y");
    json_t *losses = json_object_get(json_object_get(g->info, "sgd"), "losses");
    rf_training result;
    o.batch = GOLDEN_BATCH;
    o.epochs = 1;
    o.learning_rate = 0.01;
    o.weight_decay = 0.0;
    o.no_shuffle = true;
    o.no_augment = true;
    CHECK_OK(g->ctx, rf_train_sim(sim, data, &o, &result));
    assert_int_equal(result.steps, 5);
    check_loss(g, "first", result.first_loss, json_real_value(json_array_get(losses, 0)));
    double mean = 0.0;
    for (size_t i = 0; i < 5; i++)
        mean += json_real_value(json_array_get(losses, i)) / 5.0;
    check_loss(g, "mean", result.last_loss, mean);
    rf_dataset_free(data);
}

rf_reestimation *golden_reestimate(golden *g, rf_sim *sim)
{
    rf_reestimation *report = NULL;
    rf_reestimate_options o = RF_REESTIMATE_OPTIONS_INIT;
    rf_dataset *data = golden_dataset(g, "reest", NULL);
    o.batch = GOLDEN_BATCH;
    o.no_shuffle = true;
    CHECK_OK(g->ctx, rf_reestimate_sim(sim, data, &o, &report));
    rf_dataset_free(data);
    return report;
}

/* AIMET lists every pair it found, those that it only warns about as well; refold refuses these by name. */
static void check_fold(rf_status st, const rf_fold_report *report, json_t *info)
{
    const size_t left = json_array_size(json_object_get(info, "bn_left"));
    assert_int_equal(st, report->refused_count ? RF_EREFUSED : RF_OK);
    assert_int_equal(report->folded_count + report->refused_count,
                     json_array_size(json_object_get(info, "pairs")));
    assert_int_equal(report->refused_count + report->standalone_count, left);
}

void golden_fold(golden *g, rf_sim *sim)
{
    json_t *info = json_object_get(g->info, "fold");
    rf_fold_report *report = NULL;
    if (json_is_null(json_object_get(info, "error"))) {
        const rf_status st = rf_fold_to_scale(sim, &report);
        check_fold(st, report, info);
    } else {
        CHECK_FAILS(g->ctx, RF_EREFUSED, "orward folding", rf_fold_to_scale(sim, &report));
        assert_int_equal(report->folded_count, 0);
    }
    rf_fold_report_free(report);
}
