/* What training tells while it runs: events of steps and epochs, and the share of codes that the last epoch changed. */
#include "bn/bn_nets.h"

#define SAMPLES 48
#define CLASSES 3

typedef struct heard {
    int steps, epochs;
    double last_loss, epoch_loss, sum, rate;
    int64_t validated;
} heard;

static void hear(void *user, const rf_train_event *e)
{
    heard *h = user;
    if (e->epoch_end) {
        h->epochs++;
        h->epoch_loss = e->loss;
        h->validated = e->validation.samples;
        CHECK_NEAR(e->loss, h->sum / 3.0, 1e-9);
        h->sum = 0.0;
        assert_int_equal(e->epoch, h->epochs);
    } else {
        h->steps++;
        h->sum += e->loss;
        h->rate = e->learning_rate;
        assert_int_equal(e->step, h->steps);
        assert_int_equal(e->epoch, h->epochs + 1);
        assert_true(e->top1 >= 0.0 && e->top1 <= 100.0);
    }
}

static rf_sim *calibrated(rf_context *ctx, const rf_dataset *data)
{
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    rf_graph *g = bn_net_small(ctx, CLASSES);
    rf_sim *sim = NULL;
    o.param_bw = 4;
    CHECK_OK(ctx, rf_sim_new(g, &o, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    rf_graph_free(g);
    return sim;
}

/* Codes of the first weight quantizer. */
static const rf_node *first_param(const rf_sim *sim)
{
    for (size_t i = 0; i < sim->quantizers.count; i++)
        if (rf_quantizer_is_param(sim->quantizers.items[i]) &&
            rf_quantizer_enabled(sim->quantizers.items[i]))
            return sim->quantizers.items[i];
    fail_msg("no weight is quantized");
    return NULL;
}

static void every_step_and_epoch_is_told(void **state)
{
    rf_context *ctx = test_context();
    net_data d = net_data_new(ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, CLASSES);
    rf_sim *sim = calibrated(ctx, d.dataset);
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    rf_training result;
    heard h = { 0 };
    (void)state;
    o.epochs = 2;
    o.batch = 16;
    o.learning_rate = 0.02;
    o.schedule = "step:1";
    o.validation = d.dataset;
    o.on_event = hear;
    o.on_event_user = &h;
    CHECK_OK(ctx, rf_train_sim(sim, d.dataset, &o, &result));
    assert_int_equal(h.steps, 6);
    assert_int_equal(h.epochs, 2);
    assert_int_equal(h.validated, SAMPLES);
    CHECK_NEAR(h.rate, 0.002, 1e-9);
    CHECK_NEAR(h.epoch_loss, result.last_loss, 1e-9);
    rf_sim_free(sim);
    net_data_close(&d);
    rf_context_free(ctx);
}

/* One epoch: the codes before and after it, counted here, are the share that is kept. */
static void the_share_of_changed_codes_is_that_of_the_last_epoch(void **state)
{
    rf_context *ctx = test_context();
    net_data d = net_data_new(ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, CLASSES);
    rf_sim *sim = calibrated(ctx, d.dataset);
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    int32_t *before = NULL, *after = NULL;
    int64_t changed = 0;
    (void)state;
    o.epochs = 1;
    o.batch = 16;
    o.learning_rate = 0.05;
    const rf_node *n = first_param(sim);
    const int64_t count = rf_quantizer_tensor(n)->constant->count;
    assert_true(isnan(rf_quantizer_changed(n)));
    CHECK_OK(ctx, rf_quantizer_codes(ctx, n, &before));
    CHECK_OK(ctx, rf_train_sim(sim, d.dataset, &o, NULL));
    n = first_param(sim);
    CHECK_OK(ctx, rf_quantizer_codes(ctx, n, &after));
    for (int64_t i = 0; i < count; i++)
        changed += before[i] != after[i];
    assert_true(changed > 0);
    CHECK_NEAR(rf_quantizer_changed(n), (double)changed / (double)count, 1e-6);
    rf_free(ctx, before);
    rf_free(ctx, after);
    rf_sim_free(sim);
    net_data_close(&d);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_and_epoch_is_told),
        cmocka_unit_test(the_share_of_changed_codes_is_that_of_the_last_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
