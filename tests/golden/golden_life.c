/* The steps of a life behind calibration, each as AIMET was run. */
#include "golden_life.h"

#include "ops/params.h"

#include "tensor/tensor.h"

#define TOL_LOSS 1e-4
#define TOL_LOGITS 1e-4 /* sums of some hundred terms in another order */
/* Codes from the boundary: an activation that lies on a tie itself moves the output by some hundredths of a code. */
#define TIE 0.1f

static int flipped_logits; /* over all lives */

int golden_flipped_logits(void)
{
    return flipped_logits;
}

/* What the quantizer of the outputs reads. */
static rf_tensor *real_logits(const golden *g, rf_sim *sim, rf_node *quantizer)
{
    CHECK_OK(g->ctx, rf_node_set_int(sim->graph, quantizer, "enabled", 0));
    rf_tensor *real = golden_logits(g, rf_sim_graph(sim));
    CHECK_OK(g->ctx, rf_node_set_int(sim->graph, quantizer, "enabled", 1));
    return real;
}

/* Ours becomes AIMET's where both are neighbours and the real output lies between them. */
static void settle_ties(const golden *g, rf_sim *sim, const char *name, float *actual,
                        const rf_tensor *expected)
{
    rf_node *quantizer = sim->graph->outputs.items[0]->producer;
    if (!rf_node_is_fakequant(quantizer))
        return;
    const rf_qspec spec = rf_quantizer_spec(quantizer);
    rf_tensor *real = real_logits(g, sim, quantizer);
    float scale;
    int32_t offset;
    rf_scale_offset(&spec, *rf_quantizer_min(quantizer), *rf_quantizer_max(quantizer), &scale,
                    &offset);
    for (int64_t i = 0; i < expected->count; i++) {
        const float e = rf_tensor_f32(expected)[i], code = rf_tensor_f32(real)[i] / scale;
        const float distance = fabsf(code - floorf(code) - 0.5f);
        if (fabsf(fabsf(actual[i] - e) / scale - 1.0f) > 0.1f || distance > TIE)
            continue;
        print_message("%s %s: %s[%lld] lies %.1e codes from a tie, AIMET has the other code\n",
                      g->model, g->life, name, (long long)i, (double)distance);
        actual[i] = e;
        flipped_logits++;
    }
    rf_tensor_free(real);
}

void golden_check_logits(const golden *g, rf_sim *sim, const char *name)
{
    const rf_tensor *expected = golden_get(g, name);
    rf_tensor *logits = golden_logits(g, rf_sim_graph(sim));
    if (!golden_agrees(rf_tensor_f32(logits), expected, TOL_LOGITS))
        settle_ties(g, sim, name, rf_tensor_f32(logits), expected);
    golden_check(g, name, rf_tensor_f32(logits), expected, TOL_LOGITS);
    rf_tensor_free(logits);
}

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

static int bn_count(const rf_graph *graph)
{
    int count = 0;
    for (const rf_node *n = graph->first; n; n = n->next)
        count += rf_node_is(n, "BatchNormalization");
    return count;
}

/* The same BN are left. AIMET lists pairs that it only warned about as folded; refold lists them as left. */
static void check_fold(const golden *g, const rf_fold_report *report, json_t *info)
{
    const int left = (int)json_array_size(json_object_get(info, "bn_left"));
    assert_int_equal(report->refused_count, 0);
    assert_int_equal(report->standalone_count, left);
    assert_int_equal(report->folded_count, bn_count(g->graph) - left);
}

void golden_fold(golden *g, rf_sim *sim)
{
    json_t *info = json_object_get(g->info, "fold");
    rf_fold_report *report = NULL;
    if (json_is_null(json_object_get(info, "error"))) {
        CHECK_OK(g->ctx, rf_fold_to_scale(sim, &report));
        check_fold(g, report, info);
    } else {
        CHECK_FAILS(g->ctx, RF_EREFUSED, "orward folding", rf_fold_to_scale(sim, &report));
        assert_int_equal(report->folded_count, 0);
    }
    rf_fold_report_free(report);
}
