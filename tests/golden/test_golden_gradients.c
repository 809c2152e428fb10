/* Gradients of the mean cross-entropy against AIMET: weights through their mask, BN, biases, and both ends of every range. */
#include "golden.h"

#include "exec/plan.h"
#include "ops/params.h"
#include "train/loss.h"

/* Relative to the largest element of the tensor; AIMET sums in float32, the range gradients of weights cancel most. */
#define TOL_GRADIENT 3e-4
#define TOL_LOGITS 1e-4

/*
 * In these passes one activation lies so close to a rounding boundary that the last bit of the sums before it decides
 * its code. One flipped code is a term of its own size in each gradient downstream.
 */
#define TOL_FLIPPED 6e-2
static const struct {
    const char *model, *life, *prefix;
} flipped[] = {
    { "convtranspose_bn", "v1_tf_enhanced_w8a8", "grad_bn_train/" },
    { "bn_before_conv_pad0", "v1_tf_enhanced_w4a8", "grad_bn_train/" },
};

static double tolerance_of(const golden *g, const char *prefix)
{
    for (size_t i = 0; i < sizeof flipped / sizeof *flipped; i++) {
        if (strcmp(flipped[i].model, g->model) == 0 && strcmp(flipped[i].life, g->life) == 0 &&
            strcmp(flipped[i].prefix, prefix) == 0)
            return TOL_FLIPPED;
    }
    return TOL_GRADIENT;
}

static rf_plan *train_plan(const golden *g, rf_sim *sim, bool bn_frozen)
{
    rf_plan *plan = NULL;
    const rf_plan_options options = { .batch = GOLDEN_BATCH,
                                      .mode = RF_MODE_TRAIN,
                                      .bn_frozen = bn_frozen,
                                      .compute = RF_COMPUTE_FLOAT };
    CHECK_OK(g->ctx, rf_plan_new(sim->graph, &options, &plan));
    return plan;
}

/* Forward and backward over the first training batch; labels are its first 16. */
static void run(const golden *g, rf_plan *plan, const char *logits_name)
{
    rf_tensor *x = golden_array(g, "train"), *y = golden_array(g, "train_y");
    const rf_loss_batch batch = { .labels = rf_tensor_i64(y), .count = GOLDEN_BATCH };
    rf_loss_sums sums = { 0 };
    rf_plan_set_input(plan, 0, rf_tensor_f32(x));
    CHECK_OK(g->ctx, rf_plan_forward(plan));
    const rf_view *logits = rf_plan_output(plan, 0);
    golden_check(g, logits_name, rf_view_f32(logits), golden_get(g, logits_name), TOL_LOGITS);
    CHECK_OK(g->ctx, rf_loss_add(g->ctx, logits, &batch, rf_plan_diff_output(plan, 0), &sums));
    CHECK_OK(g->ctx, rf_plan_backward(plan));
    rf_tensor_free(x);
    rf_tensor_free(y);
}

/* "conv1.weight.enc_max" -> the constant of that quantizer; "conv1.weight" -> the initializer. */
static const rf_value *value_of(const golden *g, const rf_sim *sim, const char *name)
{
    char quantizer[128];
    const size_t length = strlen(name);
    const bool is_min = strcmp(name + (length > 8 ? length - 8 : 0), ".enc_min") == 0;
    const bool is_max = strcmp(name + (length > 8 ? length - 8 : 0), ".enc_max") == 0;
    if (!is_min && !is_max)
        return rf_graph_find_value(sim->graph, name);
    snprintf(quantizer, sizeof quantizer, "%.*s", (int)(length - 8), name);
    const rf_node *n = golden_quantizer(g, sim, quantizer);
    return n ? n->inputs[is_min ? 1 : 2] : NULL;
}

static void check_gradients(const golden *g, const rf_sim *sim, const rf_plan *plan,
                            const char *prefix)
{
    int checked = 0;
    for (size_t i = 0; i < g->values.items.count; i++) {
        const rf_npz_item *item = &g->values.items.items[i];
        if (strncmp(item->name, prefix, strlen(prefix)) != 0)
            continue;
        const char *name = item->name + strlen(prefix);
        const rf_value *v = value_of(g, sim, name);
        const rf_view *diff = v ? rf_plan_diff_param(plan, v) : NULL;
        if (!diff || !diff->data)
            fail_msg("%s %s: no gradient of %s", g->model, g->life, name);
        golden_check_scaled(g, item->name, rf_view_f32(diff), item->tensor,
                            tolerance_of(g, prefix));
        checked++;
    }
    assert_true(checked > 10);
}

static void check_mode(golden *g, rf_sim *sim, bool bn_frozen)
{
    rf_plan *plan = train_plan(g, sim, bn_frozen);
    run(g, plan, bn_frozen ? "logits_grad_bn_eval" : "logits_grad_bn_train");
    check_gradients(g, sim, plan, bn_frozen ? "grad_bn_eval/" : "grad_bn_train/");
    rf_plan_free(plan);
}

static void check_life(const char *model, const char *life)
{
    golden g;
    rf_params params;
    if (!golden_open(&g, model, life)) {
        golden_close(&g);
        skip();
    }
    rf_sim *sim = golden_calibrated_sim(&g);
    CHECK_OK(g.ctx, rf_params_collect(sim->graph, &params));
    check_mode(&g, sim, /*bn_frozen=*/true);
    check_mode(&g, sim, /*bn_frozen=*/false);
    RF_VEC_RELEASE(g.ctx, &params);
    rf_sim_free(sim);
    golden_close(&g);
}

static void gradients_equal_aimets(void **state)
{
    (void)state;
    static const char *const lives[] = { "v1_tf_w8a8", "v1_tf_w4a8", "v1_tf_enhanced_w8a8",
                                         "v1_tf_enhanced_w4a8" };
    for (size_t m = 0; m < sizeof golden_models / sizeof *golden_models; m++) {
        for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
            check_life(golden_models[m], lives[i]);
    }
}

static void gradients_of_both_ends_equal_those_of_aimet_v2(void **state)
{
    (void)state;
    static const char *const lives[] = { "v2_tf_w8a8", "v2_tf_w4a8", "v2_tf_enhanced_w8a8",
                                         "v2_tf_enhanced_w4a8" };
    for (size_t m = 0; m < sizeof golden_models / sizeof *golden_models; m++) {
        for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
            check_life(golden_models[m], lives[i]);
    }
}

static void gradients_of_per_tensor_ranges_equal_aimets(void **state)
{
    (void)state;
    check_life("conv_bn_relu_x2_gemm", "v1_tf_w8a8_pertensor");
    check_life("linear_bn1d", "v1_tf_w8a8_pertensor");
    check_life("convtranspose_bn", "v1_tf_w8a8_pertensor");
    check_life("conv_bn_relu_x2_gemm", "v2_tf_w8a8_pertensor");
    check_life("linear_bn1d", "v2_tf_w8a8_pertensor");
    check_life("convtranspose_bn", "v2_tf_w8a8_pertensor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_equal_aimets),
        cmocka_unit_test(gradients_of_both_ends_equal_those_of_aimet_v2),
        cmocka_unit_test(gradients_of_per_tensor_ranges_equal_aimets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
