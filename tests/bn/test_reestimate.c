/* Re-estimation against statistics computed from the data directly, and its way back. Restates AIMET's test_bn_reestimation.py. */
#include "bn/bn_nets.h"

#define SAMPLES 40
#define CHANNELS 3
#define PIXELS 16
#define BATCH 8
#define TOL 1e-5 /* relative; float32 batch statistics */

/* x [n, 3, 4, 4] -> BN -> BN -> Relu: the first BN sees the data themselves, the second what the first makes of them. */
static rf_graph *two_bn(rf_context *ctx)
{
    bn_net n = bn_net_new(ctx, 4, (int64_t[]){ -1, CHANNELS, 4, 4 });
    bn_net_bn(&n, "bn1", CHANNELS);
    bn_net_bn(&n, "bn2", CHANNELS);
    bn_net_op(&n, "Relu", "relu");
    return bn_net_finish(&n);
}

static net_data image_data(rf_context *ctx, rf_tensor **x_out)
{
    const int64_t dims[4] = { SAMPLES, CHANNELS, 4, 4 };
    *x_out = random_tensor(ctx, 4, dims, 11);
    return net_data_open(ctx, random_tensor(ctx, 4, dims, 11), NULL);
}

static rf_reestimate_options in_order(int64_t batches)
{
    rf_reestimate_options o = RF_REESTIMATE_OPTIONS_INIT;
    o.batches = batches;
    o.batch = BATCH;
    o.no_shuffle = true;
    return o;
}

/* Mean and unbiased variance of channel c over samples [first, first + count). */
static void direct(const rf_tensor *x, int64_t first, int64_t count, int64_t c, double *mean,
                   double *var)
{
    const double n = (double)(count * PIXELS);
    *mean = *var = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t s = first; s < first + count; s++)
            for (int64_t p = 0; p < PIXELS; p++) {
                const double v = (double)rf_tensor_f32(x)[(s * CHANNELS + c) * PIXELS + p];
                if (pass == 0)
                    *mean += v / n;
                else
                    *var += (v - *mean) * (v - *mean) / (n - 1.0);
            }
}

static void mean_of_batches(const rf_tensor *x, int64_t batches, int64_t c, double *mean,
                            double *var)
{
    *mean = *var = 0.0;
    for (int64_t b = 0; b < batches; b++) {
        double m, v;
        direct(x, b * BATCH, BATCH, c, &m, &v);
        *mean += m / (double)batches;
        *var += v / (double)batches;
    }
}

static void statistics_become_the_mean_over_batches(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    const rf_reestimate_options o = in_order(3);
    rf_reestimation *r = NULL;
    (void)state;
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, &r));
    assert_int_equal(rf_reestimation_batches(r), 3);
    assert_int_equal(rf_reestimation_layer_count(r), 2);
    for (int64_t c = 0; c < CHANNELS; c++) {
        double mean, var;
        mean_of_batches(x, 3, c, &mean, &var);
        CHECK_NEAR(net_floats(g, "bn1.running_mean")[c], mean, TOL);
        CHECK_NEAR(net_floats(g, "bn1.running_var")[c], var, TOL);
    }
    rf_reestimation_free(r);
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void later_layers_see_what_batch_statistics_made(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    const rf_reestimate_options o = in_order(1);
    const double n = BATCH * PIXELS;
    (void)state;
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, NULL));
    for (int64_t c = 0; c < CHANNELS; c++) {
        const double gamma = (double)net_floats(g, "bn1.weight")[c];
        double mean, var;
        direct(x, 0, BATCH, c, &mean, &var);
        const double biased = var * (n - 1.0) / n;
        CHECK_NEAR(net_floats(g, "bn2.running_mean")[c], net_floats(g, "bn1.bias")[c], TOL);
        CHECK_NEAR(net_floats(g, "bn2.running_var")[c], gamma * gamma * var / (biased + 1e-5), TOL);
    }
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void pooled_takes_all_values_together(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    rf_reestimate_options o = in_order(4);
    (void)state;
    o.estimator = RF_ESTIMATOR_POOLED;
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, NULL));
    for (int64_t c = 0; c < CHANNELS; c++) {
        double mean, var;
        direct(x, 0, 4 * BATCH, c, &mean, &var);
        CHECK_NEAR(net_floats(g, "bn1.running_mean")[c], mean, TOL);
        CHECK_NEAR(net_floats(g, "bn1.running_var")[c], var, TOL);
    }
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_short_last_batch_is_left_out(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    rf_reestimate_options o = in_order(0);
    rf_reestimation *r = NULL;
    (void)state;
    o.batch = 16; /* 40 samples: two batches and a half */
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, &r));
    assert_int_equal(rf_reestimation_batches(r), 2);
    rf_reestimation_free(r);
    o.batch = 64; /* all there is */
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, &r));
    assert_int_equal(rf_reestimation_batches(r), 1);
    rf_reestimation_free(r);
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void undo_restores_every_bit_and_parameters_never_change(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_small(ctx, 3), *before = NULL;
    net_data d = net_data_new(ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, 0);
    rf_reestimate_options o = RF_REESTIMATE_OPTIONS_INIT;
    rf_reestimation *r = NULL;
    (void)state;
    o.batch = BATCH;
    CHECK_OK(ctx, rf_graph_copy(g, &before));
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, &r));
    assert_memory_not_equal(net_floats(g, "bn2.running_var"), net_floats(before, "bn2.running_var"),
                            16);
    assert_memory_equal(net_floats(g, "bn2.weight"), net_floats(before, "bn2.weight"), 16);
    rf_reestimation_undo(r);
    for (size_t i = 0; i < before->values.count; i++) {
        const rf_value *v = before->values.items[i];
        if (v->constant)
            assert_memory_equal(v->constant->data, net_floats(g, v->name),
                                (size_t)v->constant->count * 4);
    }
    rf_reestimation_undo(r);
    rf_reestimation_free(r);
    net_data_close(&d);
    rf_graph_free(before);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void the_report_holds_both_statistics(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    const rf_reestimate_options o = in_order(2);
    const float before = net_floats(g, "bn2.running_mean")[1];
    rf_reestimation *r = NULL;
    rf_bn_layer layer;
    (void)state;
    CHECK_OK(ctx, rf_reestimate_graph(g, d.dataset, &o, &r));
    CHECK_OK(ctx, rf_reestimation_layer(r, 1, &layer));
    assert_string_equal(layer.bn, "bn2");
    assert_string_equal(layer.var, "bn2.running_var");
    assert_int_equal(layer.channels, CHANNELS);
    assert_memory_equal(&layer.mean_before[1], &before, sizeof before);
    assert_memory_equal(layer.mean_after, net_floats(g, "bn2.running_mean"),
                        CHANNELS * sizeof(float));
    CHECK_FAILS(ctx, RF_EARG, "layer 2", rf_reestimation_layer(r, 2, &layer));
    rf_reestimation_free(r);
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void one_value_a_channel_is_refused_by_name(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, 3);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ 4, 6 }, 0);
    rf_reestimate_options o = in_order(0);
    float var[8];
    (void)state;
    o.batch = 1;
    memcpy(var, net_floats(g, "bn1.running_var"), sizeof var);
    CHECK_FAILS(ctx, RF_EDATA, "'bn1'", rf_reestimate_graph(g, d.dataset, &o, NULL));
    assert_memory_equal(var, net_floats(g, "bn1.running_var"), sizeof var);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void statistics_that_are_not_finite_change_nothing(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    const int64_t dims[4] = { SAMPLES, CHANNELS, 4, 4 };
    rf_tensor *x = random_tensor(ctx, 4, dims, 11);
    float var[CHANNELS];
    (void)state;
    rf_tensor_f32(x)[20] = NAN;
    net_data d = net_data_open(ctx, x, NULL);
    const rf_reestimate_options o = in_order(2);
    memcpy(var, net_floats(g, "bn1.running_var"), sizeof var);
    CHECK_FAILS(ctx, RF_ENUMERIC, "NaN or infinity in input",
                rf_reestimate_graph(g, d.dataset, &o, NULL));
    net_data_close(&d);
    x = random_tensor(ctx, 4, dims, 11);
    rf_tensor_f32(x)[20] = 1e38F; /* a number, but not one that the sums of the layers can hold */
    d = net_data_open(ctx, x, NULL);
    CHECK_FAILS(ctx, RF_ENUMERIC, "'bn1'", rf_reestimate_graph(g, d.dataset, &o, NULL));
    assert_memory_equal(var, net_floats(g, "bn1.running_var"), sizeof var);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void an_interruption_changes_nothing(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = two_bn(ctx);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    float var[CHANNELS];
    (void)state;
    memcpy(var, net_floats(g, "bn1.running_var"), sizeof var);
    rf_context_interrupt(ctx);
    assert_int_equal(rf_reestimate_graph(g, d.dataset, NULL, NULL), RF_EINTERRUPTED);
    assert_memory_equal(var, net_floats(g, "bn1.running_var"), sizeof var);
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* The quantizer on the model's input; what BN sees is x on its grid. */
static void quantize_as_input(rf_sim *sim, rf_tensor *x)
{
    for (int i = 0; i < rf_sim_quantizer_count(sim); i++) {
        rf_quantizer q;
        CHECK_OK(sim->ctx, rf_sim_quantizer(sim, i, &q));
        if (strcmp(q.tensor, "x") != 0 || !q.enabled)
            continue;
        for (int64_t j = 0; j < x->count; j++) {
            const double r =
                nearbyint((double)rf_tensor_f32(x)[j] / q.scale[0]) - (double)q.offset[0];
            rf_tensor_f32(x)[j] =
                (float)((fmin(fmax(r, 0.0), 255.0) + (double)q.offset[0]) * q.scale[0]);
        }
        return;
    }
    fail_msg("%s", "the input has no quantizer");
}

static void a_sim_is_estimated_on_its_quantized_activations(void **state)
{
    static const char *const schemes[] = { "tf-init", "tf-enhanced-init", "tf", "tf-enhanced" };
    (void)state;
    for (size_t s = 0; s < sizeof schemes / sizeof schemes[0]; s++) {
        rf_context *ctx = test_context();
        rf_graph *g = two_bn(ctx);
        rf_tensor *x = NULL;
        net_data d = image_data(ctx, &x);
        rf_sim_options options = RF_SIM_OPTIONS_INIT;
        rf_sim *sim = NULL;
        const rf_reestimate_options o = in_order(3);
        rf_reestimation *r = NULL;
        options.scheme = schemes[s];
        CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
        CHECK_FAILS(ctx, RF_ESTATE, "calibrat", rf_reestimate_sim(sim, d.dataset, &o, NULL));
        CHECK_OK(ctx, rf_sim_calibrate(sim, d.dataset, NULL, NULL));
        CHECK_OK(ctx, rf_reestimate_sim(sim, d.dataset, &o, &r));
        assert_int_equal(rf_sim_state(sim), RF_STATE_BN_REESTIMATED);
        quantize_as_input(sim, x);
        for (int64_t c = 0; c < CHANNELS; c++) {
            double mean, var;
            mean_of_batches(x, 3, c, &mean, &var);
            CHECK_NEAR(net_floats(sim->graph, "bn1.running_mean")[c], mean, TOL);
            CHECK_NEAR(net_floats(sim->graph, "bn1.running_var")[c], var, TOL);
        }
        rf_reestimation_undo(r);
        assert_int_equal(rf_sim_state(sim), RF_STATE_CALIBRATED);
        rf_reestimation_free(r);
        rf_sim_free(sim);
        rf_tensor_free(x);
        net_data_close(&d);
        rf_graph_free(g);
        rf_context_free(ctx);
    }
}

/* Networks that were never given any go through all steps too. */
static void a_sim_without_bn_goes_on_unchanged(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 4, (int64_t[]){ -1, CHANNELS, 4, 4 });
    bn_net_conv(&n, "conv", (bn_conv){ .in = CHANNELS, .out = 2, .kernel = 1, .bias = true });
    rf_graph *g = bn_net_finish(&n);
    rf_tensor *x = NULL;
    net_data d = image_data(ctx, &x);
    rf_sim *sim = NULL;
    rf_reestimation *r = NULL;
    CHECK_FAILS(ctx, RF_ESTATE, "no BatchNormalization",
                rf_reestimate_graph(g, d.dataset, NULL, NULL));
    CHECK_OK(ctx, rf_sim_new(g, NULL, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, d.dataset, NULL, NULL));
    CHECK_OK(ctx, rf_reestimate_sim(sim, d.dataset, NULL, &r));
    assert_int_equal(rf_reestimation_layer_count(r), 0);
    assert_int_equal(rf_sim_state(sim), RF_STATE_BN_REESTIMATED);
    rf_reestimation_undo(r);
    assert_int_equal(rf_sim_state(sim), RF_STATE_CALIBRATED);
    rf_reestimation_free(r);
    rf_sim_free(sim);
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_become_the_mean_over_batches),
        cmocka_unit_test(later_layers_see_what_batch_statistics_made),
        cmocka_unit_test(pooled_takes_all_values_together),
        cmocka_unit_test(a_short_last_batch_is_left_out),
        cmocka_unit_test(undo_restores_every_bit_and_parameters_never_change),
        cmocka_unit_test(the_report_holds_both_statistics),
        cmocka_unit_test(one_value_a_channel_is_refused_by_name),
        cmocka_unit_test(statistics_that_are_not_finite_change_nothing),
        cmocka_unit_test(an_interruption_changes_nothing),
        cmocka_unit_test(a_sim_is_estimated_on_its_quantized_activations),
        cmocka_unit_test(a_sim_without_bn_goes_on_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
