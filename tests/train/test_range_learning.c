/* What AIMET's tests of range learning demand of the ranges themselves: on their grid, mirrored, and left alone if fixed. */
#include "bn/bn_nets.h"

#define SAMPLES 48
#define CLASSES 5
#define STEPS 20
#define TOL_GRID 1e-5 /* as AIMET's test_get_effective_encoding */

typedef struct qat {
    rf_context *ctx;
    rf_sim *sim;
    net_data data;
} qat;

static qat calibrated(const rf_sim_options *options)
{
    qat q = { .ctx = test_context() };
    rf_graph *g = bn_net_small(q.ctx, CLASSES);
    q.data = net_data_new(q.ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, CLASSES);
    CHECK_OK(q.ctx, rf_sim_new(g, options, &q.sim));
    CHECK_OK(q.ctx, rf_sim_calibrate(q.sim, q.data.dataset, NULL, NULL));
    rf_graph_free(g);
    return q;
}

static void train(qat *q)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    o.batch = 8;
    o.steps = STEPS;
    o.learning_rate = 0.02;
    CHECK_OK(q->ctx, rf_train_sim(q->sim, q->data.dataset, &o, NULL));
}

static void qat_free(qat *q)
{
    rf_sim_free(q->sim);
    net_data_close(&q->data);
    rf_context_free(q->ctx);
}

static void check_on_grid(const rf_sim *sim)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *n = sim->quantizers.items[i];
        const rf_qspec spec = rf_quantizer_spec(n);
        for (int64_t c = 0; c < rf_quantizer_count(n); c++) {
            const rf_encoding e =
                rf_effective_encoding(&spec, rf_quantizer_min(n)[c], rf_quantizer_max(n)[c]);
            assert_true(e.scale > 0.0 && e.offset <= 0 && e.offset >= -rf_qspec_steps(&spec) - 1);
            CHECK_NEAR(e.min, e.scale * (double)e.offset, TOL_GRID);
            CHECK_NEAR(e.max, e.min + e.scale * (double)rf_qspec_steps(&spec), TOL_GRID);
        }
    }
}

static void exported_ranges_lie_on_their_grid_after_twenty_steps(void **state)
{
    (void)state;
    static const rf_sim_options options[] = { { .param_bw = 4 },
                                              { .param_bw = 8, .compat = "aimet" },
                                              { .param_bw = 8, .compat = "aimet-v2" } };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        qat q = calibrated(&options[i]);
        check_on_grid(q.sim);
        train(&q);
        check_on_grid(q.sim);
        qat_free(&q);
    }
}

static void symmetric_ranges_are_stored_mirrored_and_exported_one_code_lower(void **state)
{
    (void)state;
    qat q = calibrated(&(rf_sim_options){ .compat = "aimet" });
    const rf_node *n = rf_value_quantizer(rf_graph_find_value(q.sim->graph, "conv1.weight"));
    const rf_qspec spec = rf_quantizer_spec(n);
    const float before = *rf_quantizer_max(n);
    train(&q);
    assert_true(*rf_quantizer_max(n) != before);
    for (int64_t c = 0; c < rf_quantizer_count(n); c++) {
        const double max = (double)rf_quantizer_max(n)[c];
        const rf_encoding e =
            rf_effective_encoding(&spec, rf_quantizer_min(n)[c], rf_quantizer_max(n)[c]);
        CHECK_NEAR(rf_quantizer_min(n)[c], -max, 1e-6);
        CHECK_NEAR(e.min, -max - e.scale, 1e-6);
        assert_int_equal(e.offset, -128);
    }
    qat_free(&q);
}

static void fixed_ranges_do_not_learn(void **state)
{
    (void)state;
    qat q = calibrated(NULL);
    rf_node *n = rf_value_quantizer(rf_graph_find_value(q.sim->graph, "relu1_out"));
    const float min = *rf_quantizer_min(n), max = *rf_quantizer_max(n);
    CHECK_OK(q.ctx, rf_node_set_int(q.sim->graph, n, "frozen", 1));
    train(&q);
    assert_true(*rf_quantizer_min(n) == min && *rf_quantizer_max(n) == max);
    qat_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_ranges_lie_on_their_grid_after_twenty_steps),
        cmocka_unit_test(symmetric_ranges_are_stored_mirrored_and_exported_one_code_lower),
        cmocka_unit_test(fixed_ranges_do_not_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
