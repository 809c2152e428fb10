/* Tests of biases on the grid of the target's sums. */
#include "bn_nets.h"

#include "bn/bias_grid.h"

static rf_sim *simulate(rf_context *ctx, const char *compat)
{
    const rf_sim_options options = { .compat = compat };
    rf_graph *g = bn_net_small(ctx, 5);
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
    rf_graph_free(g);
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        rf_node *q = sim->quantizers.items[i];
        float min[16], max[16];
        for (int c = 0; c < 16; c++) {
            min[c] = rf_quantizer_is_param(q) ? -1.0F : -0.5F;
            max[c] = rf_quantizer_is_param(q) ? 1.0F : 1.5F;
        }
        CHECK_OK(ctx, rf_quantizer_set_range(sim, q, min, max, rf_quantizer_count(q)));
        CHECK_OK(ctx, rf_node_set_int(sim->graph, q, "enabled", 1));
    }
    sim->state = RF_STATE_CALIBRATED;
    return sim;
}

static float *bias_of(const rf_sim *sim)
{
    return rf_tensor_f32(rf_graph_find_value(sim->graph, "pw.bias")->constant);
}

static void a_bias_becomes_a_whole_multiple_of_the_unit(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_sim *sim = simulate(ctx, NULL);
    const float unit = 2.0F / 255.0F * (1.0F / 127.0F);
    float before[5];
    memcpy(before, bias_of(sim), sizeof before);
    CHECK_OK(ctx, rf_sim_snap_biases(sim));
    for (int c = 0; c < 5; c++) {
        const float code = bias_of(sim)[c] / unit;
        CHECK_NEAR(code, rintf(code), 1e-5);
        assert_true(fabsf(bias_of(sim)[c] - before[c]) <= 0.501F * unit);
    }
    rf_sim_free(sim);
    rf_context_free(ctx);
}

static void a_second_time_changes_nothing(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_sim *sim = simulate(ctx, NULL);
    float before[5];
    CHECK_OK(ctx, rf_sim_snap_biases(sim));
    memcpy(before, bias_of(sim), sizeof before);
    CHECK_OK(ctx, rf_sim_snap_biases(sim));
    assert_memory_equal(before, bias_of(sim), sizeof before);
    rf_sim_free(sim);
    rf_context_free(ctx);
}

static void a_layer_without_quantized_weights_keeps_its_bias(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_sim *sim = simulate(ctx, NULL);
    float before[5];
    rf_node *q = rf_value_quantizer(rf_graph_find_value(sim->graph, "pw.weight"));
    CHECK_OK(ctx, rf_node_set_int(sim->graph, q, "enabled", 0));
    memcpy(before, bias_of(sim), sizeof before);
    CHECK_OK(ctx, rf_sim_snap_biases(sim));
    assert_memory_equal(before, bias_of(sim), sizeof before);
    rf_sim_free(sim);
    rf_context_free(ctx);
}

static void the_fold_leaves_biases_on_the_grid_but_for_compat_aimet(void **state)
{
    (void)state;
    for (int aimet = 0; aimet < 2; aimet++) {
        rf_context *ctx = test_context();
        rf_sim *sim = simulate(ctx, aimet ? "aimet" : NULL);
        float folded[5];
        CHECK_OK(ctx, rf_fold_to_scale(sim, NULL));
        memcpy(folded, bias_of(sim), sizeof folded);
        CHECK_OK(ctx, rf_sim_snap_biases(sim));
        assert_int_equal(memcmp(folded, bias_of(sim), sizeof folded) != 0, aimet);
        rf_sim_free(sim);
        rf_context_free(ctx);
    }
}

static void a_code_that_leaves_no_room_is_refused(void **state)
{
    (void)state;
    int32_t code = 7;
    assert_true(rf_bias_code(-3.0F, 0.5F, &code));
    assert_int_equal(code, -6);
    assert_false(rf_bias_code(3.0F, 1e-9F, &code));
    assert_false(rf_bias_code(3.0F, 0.0F, &code));
    assert_int_equal(code, -6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bias_becomes_a_whole_multiple_of_the_unit),
        cmocka_unit_test(a_second_time_changes_nothing),
        cmocka_unit_test(a_layer_without_quantized_weights_keeps_its_bias),
        cmocka_unit_test(the_fold_leaves_biases_on_the_grid_but_for_compat_aimet),
        cmocka_unit_test(a_code_that_leaves_no_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
