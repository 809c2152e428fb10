/* Training, re-estimation and folding against AIMET: five SGD steps, statistics, folded weights, ranges and outputs. */
#include "golden.h"

#include "tensor/tensor.h"

/*
 * Relative. Sums run in another order, so numbers differ in the last bits; five steps of momentum carry that on, and a
 * value on a tie between two codes may fall on the other side.
 */
#define TOL_AFTER_SGD 1e-4
#define TOL_LOGITS 1e-4
#define TOL_LOSS 1e-4

static const char *const lives[] = { "v1_tf_w8a8", "v1_tf_w4a8", "v1_tf_enhanced_w8a8",
                                     "v1_tf_enhanced_w4a8" };

/* After the fold AIMET's layer owns its BN's output quantizer; ours stays on the tensor that the BN made. */
static const char *owner_before_fold(const char *quantizer)
{
    static const struct {
        const char *after, *before;
    } moved[] = { { "pw.output0", "bn3.output0" }, { "deconv.output0", "bn2.output0" } };
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        if (strcmp(quantizer, moved[i].after) == 0)
            return moved[i].before;
    return quantizer;
}

/* "conv1.weight.enc_max" -> the end of that quantizer's range; NULL when `name` is no end. */
static const float *find_end(const golden *g, const rf_sim *sim, const char *name,
                             int64_t *count_out)
{
    char quantizer[128];
    const char *end = strstr(name, ".enc_");
    if (!end)
        return NULL;
    snprintf(quantizer, sizeof quantizer, "%.*s", (int)(end - name), name);
    const rf_node *n = golden_quantizer(g, sim, owner_before_fold(quantizer));
    if (!n)
        fail_msg("%s %s: no quantizer %s", g->model, g->life, quantizer);
    *count_out = rf_quantizer_count(n);
    return strcmp(end, ".enc_min") == 0 ? rf_quantizer_min(n) : rf_quantizer_max(n);
}

static const float *find_value(const golden *g, const rf_sim *sim, const char *name,
                               int64_t *count_out)
{
    const float *end = find_end(g, sim, name, count_out);
    const rf_value *v = end ? NULL : rf_graph_find_value(sim->graph, name);
    if (end)
        return end;
    if (!v || !v->constant)
        fail_msg("%s %s: no constant %s", g->model, g->life, name);
    *count_out = v->constant->count;
    return rf_tensor_f32(v->constant);
}

/* Every array PREFIX/NAME of this life against the simulation's value NAME. */
static void check_all(const golden *g, const rf_sim *sim, const char *prefix)
{
    const size_t length = strlen(prefix);
    int checked = 0;
    for (size_t i = 0; i < g->values.items.count; i++) {
        const rf_npz_item *item = &g->values.items.items[i];
        int64_t count = 0;
        char what[160];
        if (strncmp(item->name, prefix, length) != 0 || strstr(item->name, "num_batches_tracked"))
            continue;
        const float *actual = find_value(g, sim, item->name + length, &count);
        snprintf(what, sizeof what, "%s", item->name);
        assert_int_equal(count, item->tensor->count);
        golden_check(g, what, actual, item->tensor, TOL_AFTER_SGD);
        checked++;
    }
    assert_true(checked > 0);
}

static void check_logits(const golden *g, const rf_sim *sim, const char *name)
{
    rf_tensor *logits = golden_logits(g, rf_sim_graph(sim));
    golden_check(g, name, rf_tensor_f32(logits), golden_get(g, name), TOL_LOGITS);
    rf_tensor_free(logits);
}

static void train(golden *g, rf_sim *sim)
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

static void reestimate(golden *g, rf_sim *sim)
{
    rf_reestimate_options o = RF_REESTIMATE_OPTIONS_INIT;
    rf_dataset *data = golden_dataset(g, "reest", NULL);
    o.batch = GOLDEN_BATCH;
    o.no_shuffle = true;
    CHECK_OK(g->ctx, rf_reestimate_sim(sim, data, &o, NULL));
    rf_dataset_free(data);
}

/* AIMET folds all pairs, or raises before it touches anything. */
static void fold(golden *g, rf_sim *sim)
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

static void check_life(const char *model, const char *life)
{
    golden g;
    if (!golden_open(&g, model, life)) {
        golden_close(&g);
        skip();
    }
    rf_sim *sim = golden_calibrated_sim(&g);
    train(&g, sim);
    check_all(&g, sim, "param_after_sgd/");
    check_all(&g, sim, "bn_after_sgd/");
    check_logits(&g, sim, "logits_after_sgd");
    reestimate(&g, sim);
    check_all(&g, sim, "bn_after_reestimation/");
    check_logits(&g, sim, "logits_after_reestimation");
    fold(&g, sim);
    check_all(&g, sim, "param_after_fold/");
    check_logits(&g, sim, "logits_after_fold");
    rf_sim_free(sim);
    golden_close(&g);
}

static void check_model(const char *model)
{
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
        check_life(model, lives[i]);
}

static void aimet_v2_trains_reestimates_and_folds_so(void **state)
{
    (void)state;
    static const char *const v2_lives[] = { "v2_tf_w8a8", "v2_tf_w4a8", "v2_tf_enhanced_w8a8",
                                            "v2_tf_enhanced_w4a8" };
    for (size_t m = 0; m < sizeof golden_models / sizeof *golden_models; m++) {
        for (size_t i = 0; i < sizeof v2_lives / sizeof *v2_lives; i++)
            check_life(golden_models[m], v2_lives[i]);
    }
}

static void convolutions_train_reestimate_and_fold_as_in_aimet(void **state)
{
    (void)state;
    check_model("conv_bn_relu_x2_gemm");
}

static void depthwise_layers_with_negative_gammas_do_too(void **state)
{
    (void)state;
    check_model("dwsep_neg_gamma");
}

static void transposed_convolutions_do_too(void **state)
{
    (void)state;
    check_model("convtranspose_bn");
}

static void linear_layers_do_too(void **state)
{
    (void)state;
    check_model("linear_bn1d");
}

static void a_bn_before_a_layer_makes_the_fold_fail_as_in_aimet(void **state)
{
    (void)state;
    check_model("bn_before_conv_pad0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_train_reestimate_and_fold_as_in_aimet),
        cmocka_unit_test(depthwise_layers_with_negative_gammas_do_too),
        cmocka_unit_test(transposed_convolutions_do_too),
        cmocka_unit_test(linear_layers_do_too),
        cmocka_unit_test(aimet_v2_trains_reestimates_and_folds_so),
        cmocka_unit_test(a_bn_before_a_layer_makes_the_fold_fail_as_in_aimet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
