/* The steps of a life behind calibration, each as AIMET was run. */
#include "golden_life.h"

#define TOL_LOSS 1e-4

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
    CHECK_NEAR(result.first_loss, json_real_value(json_array_get(losses, 0)), TOL_LOSS);
    double mean = 0.0;
    for (size_t i = 0; i < 5; i++)
        mean += json_real_value(json_array_get(losses, i)) / 5.0;
    CHECK_NEAR(result.last_loss, mean, TOL_LOSS);
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

void golden_fold(golden *g, rf_sim *sim)
{
    json_t *info = json_object_get(g->info, "fold");
    rf_fold_report *report = NULL;
    if (json_is_null(json_object_get(info, "error"))) {
        CHECK_OK(g->ctx, rf_fold_to_scale(sim, &report));
        assert_int_equal(report->folded_count, json_array_size(json_object_get(info, "pairs")));
        assert_int_equal(report->standalone_count,
                         json_array_size(json_object_get(info, "bn_left")));
    } else {
        CHECK_FAILS(g->ctx, RF_EREFUSED, "orward folding", rf_fold_to_scale(sim, &report));
        assert_int_equal(report->folded_count, 0);
    }
    rf_fold_report_free(report);
}
