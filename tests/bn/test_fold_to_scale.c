/* Folding into scales: integer codes stay, outputs stay. Restates AIMET's TestTrainingExtensionBnFoldToScale. */
#include "bn/bn_nets.h"

#define SAMPLES 32
#define CLASSES 5

/* A calibrated simulation of 4-bit weights and 8-bit activations. */
typedef struct sim_bench {
    rf_context *ctx;
    rf_sim *sim;
    net_data data;
    rf_tensor *x;
} sim_bench;

/* Takes g. */
static sim_bench bench_of(rf_context *ctx, rf_graph *g, const rf_sim_options *options, int rank,
                          const int64_t *dims)
{
    sim_bench b = { .ctx = ctx };
    rf_sim_options o = *options;
    if (!o.param_bw)
        o.param_bw = 4;
    b.data = net_data_new(ctx, rank, dims, 0);
    b.x = random_tensor(ctx, rank, dims, 17);
    CHECK_OK(ctx, rf_sim_new(g, &o, &b.sim));
    CHECK_OK(ctx, rf_sim_calibrate(b.sim, b.data.dataset, NULL, NULL));
    rf_graph_free(g);
    return b;
}

static sim_bench image_bench(const rf_sim_options *options)
{
    rf_context *ctx = test_context();
    return bench_of(ctx, bn_net_small(ctx, CLASSES), options, 4, (int64_t[]){ SAMPLES, 3, 6, 6 });
}

static void bench_free(sim_bench *b)
{
    rf_tensor_free(b->x);
    rf_sim_free(b->sim);
    net_data_close(&b->data);
    rf_context_free(b->ctx);
}

static rf_node *quantizer_of(const sim_bench *b, const char *tensor)
{
    return rf_value_quantizer(rf_graph_find_value(b->sim->graph, tensor));
}

/* One step of the quantizer on the model's output. */
static double output_tick(const sim_bench *b, const char *tensor)
{
    const rf_node *q = quantizer_of(b, tensor);
    assert_non_null(q);
    return (double)(rf_quantizer_max(q)[0] - rf_quantizer_min(q)[0]) / 255.0;
}

/* Fold, and check AIMET's criterion on the outputs: within a step. */
static rf_fold_report *fold_and_compare(sim_bench *b, const char *output, double ticks)
{
    rf_tensor *before = net_run(b->sim->graph, b->x), *after = NULL;
    rf_fold_report *report = NULL;
    CHECK_OK(b->ctx, rf_fold_to_scale(b->sim, &report));
    CHECK_OK(b->ctx, rf_graph_check(b->sim->graph));
    assert_int_equal(rf_sim_state(b->sim), RF_STATE_FOLDED);
    after = net_run(b->sim->graph, b->x);
    assert_true(largest_distance(before, after) <= ticks * output_tick(b, output) * 1.001);
    rf_tensor_free(before);
    rf_tensor_free(after);
    return report;
}

static void check_exact(const rf_fold_report *report)
{
    assert_int_equal(report->refused_count, 0);
    for (int i = 0; i < report->folded_count; i++)
        assert_int_equal(report->folded[i].max_code_difference, 0);
}

static void codes_and_outputs_stay(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    int32_t *before = NULL, *after = NULL;
    (void)state;
    CHECK_OK(b.ctx, rf_quantizer_codes(b.ctx, quantizer_of(&b, "dw.weight"), &before));
    rf_fold_report *report = fold_and_compare(&b, "fc_out", 1.0);
    check_exact(report);
    assert_int_equal(report->folded_count, 3);
    assert_string_equal(report->folded[1].layer, "dw");
    assert_int_equal(report->folded[1].channels, 4);
    CHECK_OK(b.ctx, rf_quantizer_codes(b.ctx, quantizer_of(&b, "dw.weight"), &after));
    assert_memory_equal(before, after, 36 * sizeof *before);
    assert_string_equal(rf_graph_find_value(b.sim->graph, "bn1_out")->producer->name, "conv1");
    assert_non_null(rf_graph_find_value(b.sim->graph, "conv1.bias"));
    rf_free(b.ctx, before);
    rf_free(b.ctx, after);
    rf_fold_report_free(report);
    bench_free(&b);
}

/* W c and range |c| are rounded each on its own: some weights on a tie would change their code. */
static void weights_on_ties_keep_their_codes(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    const float *end = rf_quantizer_max(quantizer_of(&b, "conv1.weight"));
    float *w = net_floats(b.sim->graph, "conv1.weight");
    int32_t *before = NULL, *after = NULL;
    (void)state;
    for (int i = 0; i < 4 * 27; i++)
        w[i] = ((float)(i % 13 - 7) + 0.5F) * (end[i / 27] / 7.0F);
    CHECK_OK(b.ctx, rf_quantizer_codes(b.ctx, quantizer_of(&b, "conv1.weight"), &before));
    rf_fold_report *report = fold_and_compare(&b, "fc_out", 1.0);
    check_exact(report);
    CHECK_OK(b.ctx, rf_quantizer_codes(b.ctx, quantizer_of(&b, "conv1.weight"), &after));
    assert_memory_equal(before, after, 4 * 27 * sizeof *before);
    rf_free(b.ctx, before);
    rf_free(b.ctx, after);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void ranges_and_biases_follow_the_formula(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    const rf_graph *g = b.sim->graph;
    float range[5], bias[5];
    (void)state;
    for (int c = 0; c < 5; c++) {
        const float f =
            net_floats(g, "bn3.weight")[c] / sqrtf(net_floats(g, "bn3.running_var")[c] + 1e-5F);
        range[c] = rf_quantizer_max(quantizer_of(&b, "pw.weight"))[c] * f;
        bias[c] = net_floats(g, "bn3.bias")[c] -
                  (net_floats(g, "bn3.running_mean")[c] - net_floats(g, "pw.bias")[c]) * f;
    }
    CHECK_OK(b.ctx, rf_fold_to_scale(b.sim, NULL));
    const rf_node *input = rf_graph_find_node(g, "pw")->inputs[0]->producer;
    const float step = (rf_quantizer_max(input)[0] - rf_quantizer_min(input)[0]) / 255.0F;
    for (int c = 0; c < 5; c++) {
        CHECK_NEAR(rf_quantizer_max(quantizer_of(&b, "pw.weight"))[c], range[c], 1e-6);
        /* a target's biases are whole multiples of input step x weight step */
        assert_true(fabsf(net_floats(g, "pw.bias")[c] - bias[c]) <=
                    0.501F * step * range[c] / 7.0F);
    }
    bench_free(&b);
}

static void a_second_fold_finds_nothing(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    rf_fold_report *report = NULL;
    float weight;
    (void)state;
    CHECK_OK(b.ctx, rf_fold_to_scale(b.sim, NULL));
    weight = net_floats(b.sim->graph, "conv1.weight")[0];
    CHECK_OK(b.ctx, rf_fold_to_scale(b.sim, &report));
    assert_int_equal(report->folded_count, 0);
    assert_memory_equal(&weight, net_floats(b.sim->graph, "conv1.weight"), sizeof weight);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void linear_layers_fold_and_a_bare_matmul_gets_an_add(void **state)
{
    rf_context *ctx = test_context();
    sim_bench b = bench_of(ctx, bn_net_linear(ctx, CLASSES), &(rf_sim_options)RF_SIM_OPTIONS_INIT,
                           2, (int64_t[]){ SAMPLES, 6 });
    (void)state;
    rf_fold_report *report = fold_and_compare(&b, "fc3_out", 1.0);
    check_exact(report);
    assert_int_equal(report->folded_count, 2);
    assert_string_equal(rf_graph_find_value(b.sim->graph, "bn1_out")->producer->op_type, "Add");
    rf_fold_report_free(report);
    bench_free(&b);
}

/* Weights on an asymmetric grid; the ranges are put there by hand. */
static void asymmetric_weights_fold_as_well(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    rf_node *q = quantizer_of(&b, "conv1.weight");
    (void)state;
    CHECK_OK(b.ctx, rf_node_set_int(b.sim->graph, q, "symmetric", 0));
    for (int c = 0; c < 4; c++) {
        rf_quantizer_min(q)[c] = -0.31F - 0.1F * (float)c;
        rf_quantizer_max(q)[c] = 0.83F;
    }
    net_floats(b.sim->graph, "bn1.weight")[2] = -0.7F;
    rf_fold_report *report = fold_and_compare(&b, "fc_out", 1.0);
    check_exact(report);
    assert_int_equal(report->folded[0].negative_gamma, 1);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void a_negative_gamma_of_the_float_model_folds_exactly(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_small(ctx, CLASSES);
    (void)state;
    net_floats(g, "bn1.weight")[1] = -1.1F;
    net_floats(g, "bn3.weight")[0] = -0.6F;
    sim_bench b =
        bench_of(ctx, g, &(rf_sim_options)RF_SIM_OPTIONS_INIT, 4, (int64_t[]){ SAMPLES, 3, 6, 6 });
    rf_fold_report *report = fold_and_compare(&b, "fc_out", 1.0);
    check_exact(report);
    assert_int_equal(report->folded[0].negative_gamma, 1);
    assert_int_equal(report->folded[2].negative_gamma, 1);
    rf_fold_report_free(report);
    bench_free(&b);
}

/* A weight on code -8 in a channel whose gamma became negative after calibration. */
static sim_bench unmirrored_bench(const char *compat)
{
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    o.compat = compat;
    sim_bench b = image_bench(&o);
    net_floats(b.sim->graph, "bn1.weight")[0] = -0.9F;
    net_floats(b.sim->graph, "conv1.weight")[0] =
        -8.0F / 7.0F * rf_quantizer_max(quantizer_of(&b, "conv1.weight"))[0];
    return b;
}

static void a_code_without_mirror_image_is_refused_and_nothing_changes(void **state)
{
    sim_bench b = unmirrored_bench(NULL);
    rf_fold_report *report = NULL;
    const float weight = net_floats(b.sim->graph, "conv1.weight")[5];
    const float end = rf_quantizer_max(quantizer_of(&b, "conv1.weight"))[0];
    (void)state;
    CHECK_FAILS(b.ctx, RF_EREFUSED, "mirror", rf_fold_to_scale(b.sim, &report));
    assert_int_equal(report->refused_count, 1);
    assert_int_equal(report->folded_count, 2);
    assert_string_equal(report->refused[0].layer, "conv1");
    assert_memory_equal(&weight, &net_floats(b.sim->graph, "conv1.weight")[5], sizeof weight);
    assert_memory_equal(&end, rf_quantizer_max(quantizer_of(&b, "conv1.weight")), sizeof end);
    assert_non_null(rf_graph_find_node(b.sim->graph, "bn1"));
    rf_fold_report_free(report);
    bench_free(&b);
}

static void compat_mirrors_it_and_reports_the_difference(void **state)
{
    sim_bench b = unmirrored_bench("aimet");
    rf_fold_report *report = NULL;
    (void)state;
    CHECK_OK(b.ctx, rf_fold_to_scale(b.sim, &report));
    assert_int_equal(report->folded[0].max_code_difference, 1);
    assert_int_equal(report->folded[0].negative_gamma, 1);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void a_dead_channel_gets_code_0_and_its_beta(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    rf_fold_report *report = NULL;
    (void)state;
    net_floats(b.sim->graph, "bn1.weight")[1] = 0.0F;
    const float beta = net_floats(b.sim->graph, "bn1.bias")[1];
    report = fold_and_compare(&b, "fc_out", 1.0);
    check_exact(report);
    assert_int_equal(report->folded[0].dead_channels, 1);
    for (int i = 27; i < 54; i++)
        CHECK_NEAR(net_floats(b.sim->graph, "conv1.weight")[i], 0.0, 0.0);
    CHECK_NEAR(net_floats(b.sim->graph, "conv1.bias")[1], beta, 0.0);
    assert_true(rf_quantizer_max(quantizer_of(&b, "conv1.weight"))[1] > 0.0F);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void check_refused(sim_bench *b, const char *bn, const char *text)
{
    rf_fold_report *report = NULL;
    CHECK_FAILS(b->ctx, RF_EREFUSED, text, rf_fold_to_scale(b->sim, &report));
    assert_int_equal(report->refused_count, 1);
    assert_int_equal(report->folded_count, 2);
    assert_string_equal(report->refused[0].bn, bn);
    assert_non_null(rf_graph_find_node(b->sim->graph, bn));
    rf_fold_report_free(report);
    bench_free(b);
}

static void per_tensor_weights_are_refused_with_the_cure(void **state)
{
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    o.config = "default";
    sim_bench b = image_bench(&o);
    rf_fold_report *report = NULL;
    (void)state;
    CHECK_FAILS(b.ctx, RF_EREFUSED, "--config per-channel", rf_fold_to_scale(b.sim, &report));
    assert_int_equal(report->refused_count, 3);
    assert_int_equal(report->folded_count, 0);
    assert_int_equal(rf_sim_state(b.sim), RF_STATE_CALIBRATED);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void weights_without_quantizer_are_refused(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    (void)state;
    CHECK_OK(b.ctx, rf_node_set_int(b.sim->graph, quantizer_of(&b, "conv1.weight"), "enabled", 0));
    check_refused(&b, "bn1", "not quantized");
}

static void frozen_ranges_are_refused(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    (void)state;
    CHECK_OK(b.ctx, rf_node_set_int(b.sim->graph, quantizer_of(&b, "conv1.weight"), "frozen", 1));
    check_refused(&b, "bn1", "frozen");
}

static void a_quantizer_between_layer_and_bn_is_refused(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    const rf_quantizer_desc desc = { .tensor = rf_graph_find_value(b.sim->graph, "conv1_out"),
                                     .enabled = true,
                                     .spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED },
                                     .axis = -1 };
    (void)state;
    CHECK_OK(b.ctx, rf_sim_insert(b.sim, &desc, NULL));
    CHECK_OK(b.ctx, rf_sim_refresh(b.sim));
    check_refused(&b, "bn1", "same supergroup");
}

static void a_disabled_quantizer_in_between_goes_with_the_bn(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    const rf_quantizer_desc desc = { .tensor = rf_graph_find_value(b.sim->graph, "conv1_out"),
                                     .spec = { .bitwidth = 8, .grid = RF_GRID_LEARNED },
                                     .axis = -1 };
    (void)state;
    CHECK_OK(b.ctx, rf_sim_insert(b.sim, &desc, NULL));
    CHECK_OK(b.ctx, rf_sim_refresh(b.sim));
    rf_fold_report *report = fold_and_compare(&b, "fc_out", 1.0);
    check_exact(report);
    assert_int_equal(report->folded_count, 3);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void a_quantized_bias_is_refused(void **state)
{
    sim_bench b = image_bench(&(rf_sim_options)RF_SIM_OPTIONS_INIT);
    const rf_quantizer_desc desc = {
        .tensor = rf_graph_find_value(b.sim->graph, "pw.bias"),
        .is_param = true,
        .enabled = true,
        .spec = { .bitwidth = 8, .symmetric = true, .grid = RF_GRID_LEARNED },
        .axis = -1
    };
    (void)state;
    CHECK_OK(b.ctx, rf_sim_insert(b.sim, &desc, NULL));
    CHECK_OK(b.ctx, rf_sim_refresh(b.sim));
    check_refused(&b, "bn3", "bias quantizer is on");
}

static rf_graph *bn_first(rf_context *ctx)
{
    bn_net n = bn_net_new(ctx, 4, (int64_t[]){ -1, 3, 6, 6 });
    bn_net_bn(&n, "bn0", 3);
    bn_net_conv(&n, "conv1", (bn_conv){ .in = 3, .out = 4, .kernel = 3 });
    bn_net_op(&n, "Relu", "relu1");
    bn_net_conv(&n, "conv2", (bn_conv){ .in = 4, .out = 4, .kernel = 3 });
    bn_net_bn(&n, "bn2", 4);
    return bn_net_finish(&n);
}

static void a_bn_before_a_layer_stays_and_does_not_stop_the_rest(void **state)
{
    rf_context *ctx = test_context();
    const int64_t dims[4] = { SAMPLES, 3, 6, 6 };
    sim_bench b = bench_of(ctx, bn_first(ctx), &(rf_sim_options)RF_SIM_OPTIONS_INIT, 4, dims);
    (void)state;
    rf_fold_report *report = fold_and_compare(&b, "bn2_out", 1.0);
    assert_int_equal(report->folded_count, 1);
    assert_int_equal(report->standalone_count, 1);
    assert_string_equal(report->standalone[0].bn, "bn0");
    assert_non_null(report->standalone[0].reason);
    rf_fold_report_free(report);
    bench_free(&b);
}

static void compat_refuses_everything_when_a_bn_is_before_a_layer(void **state)
{
    rf_context *ctx = test_context();
    const int64_t dims[4] = { SAMPLES, 3, 6, 6 };
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    o.compat = "aimet";
    sim_bench b = bench_of(ctx, bn_first(ctx), &o, 4, dims);
    (void)state;
    CHECK_FAILS(ctx, RF_EREFUSED, "forward folding to scale is not possible",
                rf_fold_to_scale(b.sim, NULL));
    assert_non_null(rf_graph_find_node(b.sim->graph, "bn2"));
    assert_int_equal(rf_sim_state(b.sim), RF_STATE_CALIBRATED);
    bench_free(&b);
}

static void folding_needs_a_calibration(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = bn_net_small(ctx, CLASSES);
    rf_sim *sim = NULL;
    (void)state;
    CHECK_OK(ctx, rf_sim_new(g, NULL, &sim));
    CHECK_FAILS(ctx, RF_ESTATE, "calibrat", rf_fold_to_scale(sim, NULL));
    rf_sim_free(sim);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_outputs_stay),
        cmocka_unit_test(weights_on_ties_keep_their_codes),
        cmocka_unit_test(ranges_and_biases_follow_the_formula),
        cmocka_unit_test(a_second_fold_finds_nothing),
        cmocka_unit_test(linear_layers_fold_and_a_bare_matmul_gets_an_add),
        cmocka_unit_test(asymmetric_weights_fold_as_well),
        cmocka_unit_test(a_negative_gamma_of_the_float_model_folds_exactly),
        cmocka_unit_test(a_code_without_mirror_image_is_refused_and_nothing_changes),
        cmocka_unit_test(compat_mirrors_it_and_reports_the_difference),
        cmocka_unit_test(a_dead_channel_gets_code_0_and_its_beta),
        cmocka_unit_test(per_tensor_weights_are_refused_with_the_cure),
        cmocka_unit_test(weights_without_quantizer_are_refused),
        cmocka_unit_test(frozen_ranges_are_refused),
        cmocka_unit_test(a_quantizer_between_layer_and_bn_is_refused),
        cmocka_unit_test(a_disabled_quantizer_in_between_goes_with_the_bn),
        cmocka_unit_test(a_quantized_bias_is_refused),
        cmocka_unit_test(a_bn_before_a_layer_stays_and_does_not_stop_the_rest),
        cmocka_unit_test(compat_refuses_everything_when_a_bn_is_before_a_layer),
        cmocka_unit_test(folding_needs_a_calibration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
