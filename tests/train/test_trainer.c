/* The training loop on small networks: it learns, counts, freezes, stops and refuses as it says. */
#include "bn/bn_nets.h"

#define SAMPLES 48
#define CLASSES 3

static const int64_t image_dims[4] = { SAMPLES, 3, 6, 6 };

static rf_train_options options_of(int64_t epochs, int64_t batch)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    o.epochs = epochs;
    o.batch = batch;
    return o;
}

static void training_lowers_the_loss(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_small(ctx, CLASSES);
    net_data d = net_data_new(ctx, 4, image_dims, CLASSES);
    rf_train_options o = options_of(12, 16);
    rf_training result;
    (void)state;
    o.learning_rate = 0.05;
    o.validation = d.dataset;
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, &result));
    assert_int_equal(result.epochs, 12);
    assert_int_equal(result.steps, 36);
    assert_true(result.last_loss < 0.5 * result.first_loss);
    assert_true(result.train_top1 > 70.0);
    assert_int_equal(result.validation.samples, SAMPLES);
    assert_false(result.interrupted);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void the_first_loss_is_that_of_the_untrained_network(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    rf_train_options o = options_of(0, SAMPLES);
    rf_training result;
    rf_accuracy before;
    (void)state;
    o.steps = 1;
    o.freeze_bn_after = 0; /* BN as in evaluation */
    CHECK_OK(ctx, rf_evaluate(g, d.dataset, SAMPLES, &before));
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, &result));
    CHECK_NEAR(result.first_loss, before.loss, 1e-5);
    assert_int_equal(result.steps, 1);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void frozen_bn_keeps_its_statistics_and_learns_gamma(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_small(ctx, CLASSES);
    net_data d = net_data_new(ctx, 4, image_dims, CLASSES);
    rf_train_options o = options_of(1, 16);
    float mean[4], gamma[4];
    (void)state;
    o.freeze_bn_after = 0;
    memcpy(mean, net_floats(g, "bn1.running_mean"), sizeof mean);
    memcpy(gamma, net_floats(g, "bn1.weight"), sizeof gamma);
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, NULL));
    assert_memory_equal(mean, net_floats(g, "bn1.running_mean"), sizeof mean);
    assert_memory_not_equal(gamma, net_floats(g, "bn1.weight"), sizeof gamma);
    o.freeze_bn_after = 1;
    o.epochs = 2;
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, NULL));
    assert_memory_not_equal(mean, net_floats(g, "bn1.running_mean"), sizeof mean);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void weight_decay_touches_weights_only(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *plain = bn_net_linear(ctx, CLASSES), *decayed = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    rf_train_options o = options_of(0, SAMPLES);
    (void)state;
    o.steps = 1;
    o.weight_decay = 0.0;
    CHECK_OK(ctx, rf_train_graph(plain, d.dataset, &o, NULL));
    o.weight_decay = 0.5;
    CHECK_OK(ctx, rf_train_graph(decayed, d.dataset, &o, NULL));
    assert_memory_equal(net_floats(plain, "bn1.weight"), net_floats(decayed, "bn1.weight"),
                        8 * sizeof(float));
    assert_memory_equal(net_floats(plain, "fc2.bias"), net_floats(decayed, "fc2.bias"),
                        8 * sizeof(float));
    assert_memory_not_equal(net_floats(plain, "fc1.weight"), net_floats(decayed, "fc1.weight"),
                            48 * sizeof(float));
    net_data_close(&d);
    rf_graph_free(plain);
    rf_graph_free(decayed);
    rf_context_free(ctx);
}

static void a_last_batch_of_one_sample_is_left_out_with_bn(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ 33, 6 }, CLASSES);
    const rf_train_options o = options_of(2, 16);
    rf_training result;
    (void)state;
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, &result));
    assert_int_equal(result.steps, 4);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_loss_that_explodes_names_step_and_layer(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    rf_train_options o = options_of(1, 16);
    (void)state;
    net_floats(g, "fc2.bias")[0] = NAN;
    CHECK_FAILS(ctx, RF_ENUMERIC, "step 1 (epoch 1)", rf_train_graph(g, d.dataset, &o, NULL));
    CHECK_FAILS(ctx, RF_ENUMERIC, "'fc2'", rf_train_graph(g, d.dataset, &o, NULL));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void an_interrupted_run_keeps_what_it_learned(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    const rf_train_options o = options_of(1, 16);
    rf_training result;
    (void)state;
    rf_context_interrupt(ctx);
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, &result));
    assert_true(result.interrupted);
    assert_int_equal(result.steps, 0);
    CHECK_OK(ctx, rf_train_graph(g, d.dataset, &o, &result));
    assert_false(result.interrupted);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void options_outside_their_limits_are_refused(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    rf_train_options o = options_of(1, 16);
    (void)state;
    o.learning_rate = -0.1;
    CHECK_FAILS(ctx, RF_EARG, "learning rate -0.1", rf_train_graph(g, d.dataset, &o, NULL));
    o = options_of(1, 16);
    o.label_smoothing = 1.0;
    CHECK_FAILS(ctx, RF_EARG, "label smoothing", rf_train_graph(g, d.dataset, &o, NULL));
    o = options_of(1, 16);
    o.resume = true;
    CHECK_FAILS(ctx, RF_EARG, "checkpoint", rf_train_graph(g, d.dataset, &o, NULL));
    o = options_of(-1, 16);
    CHECK_FAILS(ctx, RF_EARG, "epochs -1", rf_train_graph(g, d.dataset, &o, NULL));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void data_without_labels_is_refused(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, 0);
    const rf_train_options o = options_of(1, 16);
    (void)state;
    CHECK_FAILS(ctx, RF_EDATA, "no labels", rf_train_graph(g, d.dataset, &o, NULL));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_network_without_weights_is_refused(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 6 });
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    const rf_train_options o = options_of(1, 16);
    (void)state;
    bn_net_op(&n, "Tanh", "tanh");
    rf_graph *g = bn_net_finish(&n);
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "'tanh_out' depends on no weight",
                rf_train_graph(g, d.dataset, &o, NULL));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void an_exported_qdq_model_is_refused(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 6 });
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    const rf_train_options o = options_of(1, 16);
    rf_sim *sim = NULL;
    (void)state;
    bn_net_gemm(&n, "fc", 6, CLASSES);
    rf_value *scale = bn_net_constant(&n, "fc", "scale", (rf_shape){ 0 }, 1.0, 0.0);
    bn_net_node(&n, "QuantizeLinear", "q", n.at, scale, NULL, NULL, NULL);
    n.at->dtype = RF_DTYPE_U8;
    bn_net_node(&n, "DequantizeLinear", "dq", n.at, scale, NULL, NULL, NULL);
    rf_graph *g = bn_net_finish(&n);
    CHECK_FAILS(ctx, RF_ESTATE, "quantized already, by QuantizeLinear 'q'",
                rf_train_graph(g, d.dataset, &o, NULL));
    CHECK_FAILS(ctx, RF_ESTATE, "quantized already", rf_sim_new(g, NULL, &sim));
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_lowers_the_loss),
        cmocka_unit_test(the_first_loss_is_that_of_the_untrained_network),
        cmocka_unit_test(frozen_bn_keeps_its_statistics_and_learns_gamma),
        cmocka_unit_test(weight_decay_touches_weights_only),
        cmocka_unit_test(a_last_batch_of_one_sample_is_left_out_with_bn),
        cmocka_unit_test(a_loss_that_explodes_names_step_and_layer),
        cmocka_unit_test(an_interrupted_run_keeps_what_it_learned),
        cmocka_unit_test(options_outside_their_limits_are_refused),
        cmocka_unit_test(data_without_labels_is_refused),
        cmocka_unit_test(a_network_without_weights_is_refused),
        cmocka_unit_test(an_exported_qdq_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
