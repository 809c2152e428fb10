/* Training through the simulation: what learns under which scheme, the ladder of states, and signs of gammas. */
#include "bn/bn_nets.h"

#define SAMPLES 48
#define CLASSES 5

typedef struct qat {
    rf_context *ctx;
    rf_sim *sim;
    net_data data;
    rf_train_options options;
} qat;

static rf_sim *calibrated(rf_context *ctx, const rf_dataset *data, const char *scheme,
                          const char *compat)
{
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    rf_graph *g = bn_net_small(ctx, CLASSES);
    rf_sim *sim = NULL;
    o.param_bw = 4;
    o.scheme = scheme;
    o.compat = compat;
    CHECK_OK(ctx, rf_sim_new(g, &o, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    rf_graph_free(g);
    return sim;
}

static qat qat_new(const char *scheme, const char *compat)
{
    qat q = { .ctx = test_context(), .options = RF_TRAIN_OPTIONS_INIT };
    q.data = net_data_new(q.ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, CLASSES);
    q.sim = calibrated(q.ctx, q.data.dataset, scheme, compat);
    q.options.batch = 16;
    q.options.epochs = 2;
    q.options.learning_rate = 0.02;
    return q;
}

static void qat_free(qat *q)
{
    rf_sim_free(q->sim);
    net_data_close(&q->data);
    rf_context_free(q->ctx);
}

static rf_node *quantizer_of(const rf_sim *sim, const char *tensor)
{
    rf_node *n = rf_value_quantizer(rf_graph_find_value(sim->graph, tensor));
    assert_non_null(n);
    return n;
}

static void weights_bn_and_ranges_learn(void **state)
{
    qat q = qat_new("tf-init", NULL);
    const float activation = rf_quantizer_max(quantizer_of(q.sim, "relu1_out"))[0];
    const float weight = rf_quantizer_max(quantizer_of(q.sim, "conv1.weight"))[0];
    const float gamma = net_floats(q.sim->graph, "bn2.weight")[0];
    rf_training result;
    (void)state;
    CHECK_OK(q.ctx, rf_train_sim(q.sim, q.data.dataset, &q.options, &result));
    assert_int_equal(rf_sim_state(q.sim), RF_STATE_TRAINED);
    assert_true(result.last_loss < result.first_loss);
    assert_memory_not_equal(&activation, rf_quantizer_max(quantizer_of(q.sim, "relu1_out")), 4);
    assert_memory_not_equal(&weight, rf_quantizer_max(quantizer_of(q.sim, "conv1.weight")), 4);
    assert_memory_not_equal(&gamma, net_floats(q.sim->graph, "bn2.weight"), 4);
    /* Symmetric ranges stay mirrored: their two gradients are opposite. */
    CHECK_NEAR(rf_quantizer_min(quantizer_of(q.sim, "conv1.weight"))[0],
               -rf_quantizer_max(quantizer_of(q.sim, "conv1.weight"))[0], 1e-6);
    qat_free(&q);
}

static void a_rate_of_0_keeps_the_ranges(void **state)
{
    qat q = qat_new("tf-init", NULL);
    const float activation = rf_quantizer_max(quantizer_of(q.sim, "relu1_out"))[0];
    (void)state;
    q.options.encoding_learning_rate = 0.0;
    CHECK_OK(q.ctx, rf_train_sim(q.sim, q.data.dataset, &q.options, NULL));
    assert_memory_equal(&activation, rf_quantizer_max(quantizer_of(q.sim, "relu1_out")), 4);
    qat_free(&q);
}

static void static_schemes_keep_activations_and_follow_the_weights(void **state)
{
    qat q = qat_new("tf", NULL);
    const float activation = rf_quantizer_max(quantizer_of(q.sim, "relu1_out"))[0];
    float largest = 0.0F;
    (void)state;
    CHECK_OK(q.ctx, rf_train_sim(q.sim, q.data.dataset, &q.options, NULL));
    assert_memory_equal(&activation, rf_quantizer_max(quantizer_of(q.sim, "relu1_out")), 4);
    for (int i = 0; i < 27; i++)
        largest = fmaxf(largest, fabsf(net_floats(q.sim->graph, "conv1.weight")[i]));
    CHECK_NEAR(rf_quantizer_max(quantizer_of(q.sim, "conv1.weight"))[0], largest, 1e-6);
    qat_free(&q);
}

static void the_ladder_is_kept(void **state)
{
    qat q = qat_new("tf-init", NULL);
    rf_graph *g = bn_net_small(q.ctx, CLASSES);
    rf_sim *fresh = NULL;
    (void)state;
    CHECK_OK(q.ctx, rf_sim_new(g, NULL, &fresh));
    CHECK_FAILS(q.ctx, RF_ESTATE, "calibrat",
                rf_train_sim(fresh, q.data.dataset, &q.options, NULL));
    CHECK_OK(q.ctx, rf_fold_to_scale(q.sim, NULL));
    CHECK_FAILS(q.ctx, RF_ESTATE, "folded", rf_train_sim(q.sim, q.data.dataset, &q.options, NULL));
    rf_sim_free(fresh);
    rf_graph_free(g);
    qat_free(&q);
}

static void a_gamma_that_crossed_0_changes_sign_after_training(void **state)
{
    qat q = qat_new("tf-init", NULL);
    rf_fold_report *report = NULL;
    (void)state;
    net_floats(q.sim->graph, "bn1.weight")[2] = -0.4F;
    CHECK_OK(q.ctx, rf_train_sim(q.sim, q.data.dataset, &q.options, NULL));
    assert_true(net_floats(q.sim->graph, "bn1.weight")[2] > 0.0F);
    CHECK_OK(q.ctx, rf_fold_to_scale(q.sim, &report));
    assert_int_equal(report->folded[0].negative_gamma, 1);
    assert_int_equal(report->folded[0].max_code_difference, 0);
    rf_fold_report_free(report);
    qat_free(&q);
}

static void compat_keeps_the_sign(void **state)
{
    qat q = qat_new("tf-init", "aimet");
    (void)state;
    net_floats(q.sim->graph, "bn1.weight")[2] = -0.4F;
    CHECK_OK(q.ctx, rf_train_sim(q.sim, q.data.dataset, &q.options, NULL));
    assert_true(net_floats(q.sim->graph, "bn1.weight")[2] < 0.0F);
    qat_free(&q);
}

/* Weights of an asymmetric grid: the mirrored range holds the mirrored weights, and the outputs stay as they are. */
static void changing_a_sign_keeps_the_outputs(void **state)
{
    qat q = qat_new("tf-init", NULL);
    rf_node *n = quantizer_of(q.sim, "conv1.weight");
    rf_tensor *x = random_tensor(q.ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, 3), *before = NULL,
              *after = NULL;
    (void)state;
    CHECK_OK(q.ctx, rf_node_set_int(q.sim->graph, n, "symmetric", 0));
    rf_quantizer_min(n)[1] = -0.9F;
    rf_quantizer_max(n)[1] = 0.6F;
    net_floats(q.sim->graph, "bn1.weight")[1] = -0.8F;
    before = net_run(q.sim->graph, x);
    CHECK_OK(q.ctx, rf_sim_flip_negative_gamma(q.sim));
    assert_true(net_floats(q.sim->graph, "bn1.weight")[1] > 0.0F);
    after = net_run(q.sim->graph, x);
    CHECK_NEAR(largest_distance(before, after), 0.0, 1e-6);
    rf_tensor_free(x);
    rf_tensor_free(before);
    rf_tensor_free(after);
    qat_free(&q);
}

static void a_resumed_simulation_ends_with_the_same_bits(void **state)
{
    qat q = qat_new("tf-init", NULL);
    rf_sim *cut = calibrated(q.ctx, q.data.dataset, "tf-init", NULL), *rest = NULL;
    char path[512], older[520];
    (void)state;
    temp_path(&q.data.folder, "sim.safetensors", path);
    snprintf(older, sizeof older, "%s.1", path);
    rest = calibrated(q.ctx, q.data.dataset, "tf-init", NULL);
    CHECK_OK(q.ctx, rf_train_sim(q.sim, q.data.dataset, &q.options, NULL));
    q.options.checkpoint = path;
    q.options.checkpoint_every = 4;
    CHECK_OK(q.ctx, rf_train_sim(cut, q.data.dataset, &q.options, NULL));
    assert_int_equal(rename(older, path), 0);
    q.options.resume = true;
    CHECK_OK(q.ctx, rf_train_sim(rest, q.data.dataset, &q.options, NULL));
    for (size_t i = 0; i < q.sim->graph->values.count; i++) {
        const rf_value *v = q.sim->graph->values.items[i];
        if (v->constant && v->constant->dtype == RF_DTYPE_F32)
            assert_memory_equal(v->constant->data, net_floats(rest->graph, v->name),
                                (size_t)v->constant->count * 4);
    }
    rf_sim_free(cut);
    rf_sim_free(rest);
    qat_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_bn_and_ranges_learn),
        cmocka_unit_test(a_rate_of_0_keeps_the_ranges),
        cmocka_unit_test(static_schemes_keep_activations_and_follow_the_weights),
        cmocka_unit_test(the_ladder_is_kept),
        cmocka_unit_test(a_gamma_that_crossed_0_changes_sign_after_training),
        cmocka_unit_test(compat_keeps_the_sign),
        cmocka_unit_test(changing_a_sign_keeps_the_outputs),
        cmocka_unit_test(a_resumed_simulation_ends_with_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
