/* Calibration: ranges from weights and data, what is refused, and that a failure leaves everything as it was. */
#include "net_text.h"
#include "sim_data.h"

#include "sim/sim.h"

#define NET                                                                                        \
    "input x:-1,3,6,6\nc = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(                    \
        "bn", "4") "\n"                                                                            \
                   "r = Relu n\nf = Flatten r\ny = Gemm f v:64,5 b:5\noutput y"
#define SAMPLES 10

typedef struct bench {
    rf_context *ctx;
    temp_folder temp;
    rf_graph *graph;
    rf_tensor *x;
    rf_sim *sim;
} bench;

static bench make(const rf_sim_options *options)
{
    bench b = { .ctx = test_context(), .temp = temp_folder_make() };
    b.graph = net_of(b.ctx, NET);
    b.x = waves(b.ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 });
    CHECK_OK(b.ctx, rf_sim_new(b.graph, options, &b.sim));
    return b;
}

static void release(bench *b)
{
    rf_sim_free(b->sim);
    rf_tensor_free(b->x);
    rf_graph_free(b->graph);
    temp_folder_remove(&b->temp);
    rf_context_free(b->ctx);
}

static rf_status calibrate(bench *b, const rf_calibrate_options *options, rf_calibration *out)
{
    rf_dataset *data = dataset_of(b->ctx, &b->temp, b->x);
    const rf_status st = rf_sim_calibrate(b->sim, data, options, out);
    rf_dataset_free(data);
    return st;
}

static rf_quantizer find(bench *b, const char *tensor)
{
    for (int i = 0; i < rf_sim_quantizer_count(b->sim); i++) {
        rf_quantizer q;
        CHECK_OK(b->ctx, rf_sim_quantizer(b->sim, i, &q));
        if (strcmp(q.tensor, tensor) == 0)
            return q;
    }
    fail_msg("no quantizer at %s", tensor);
    return (rf_quantizer){ 0 };
}

static void learned_ranges_start_from_the_values_seen(void **state)
{
    (void)state;
    bench b = make(&(rf_sim_options){ .param_bw = 4 });
    rf_calibration report;
    assert_int_equal(find(&b, "x").count, 0);
    CHECK_OK(b.ctx, calibrate(&b, NULL, &report));
    assert_int_equal(rf_sim_state(b.sim), RF_STATE_CALIBRATED);
    assert_int_equal(report.samples, SAMPLES);
    assert_int_equal(report.enabled, 5);
    assert_int_equal(report.disabled, 0);
    const rf_quantizer x = find(&b, "x"), w = find(&b, "w"), r = find(&b, "r");
    assert_true(x.enabled && x.count == 1 && x.bitwidth == 8 && !x.symmetric);
    CHECK_NEAR(x.max[0] - x.min[0], 3.0, 0.01);
    assert_true(r.min[0] == 0.0f && r.offset[0] == 0);
    assert_int_equal(w.count, 4);
    assert_string_equal(w.op, "c");
    const float *weights = rf_tensor_f32(rf_graph_find_value(b.sim->graph, "w")->constant);
    for (int c = 0; c < 4; c++) {
        float largest = 0.0f;
        for (int i = 0; i < 27; i++)
            largest = fmaxf(largest, fabsf(weights[c * 27 + i]));
        assert_true(w.max[c] == largest && w.min[c] == -largest);
        CHECK_NEAR(w.scale[c], (double)largest / 7.0, 1e-6);
        assert_int_equal(w.offset[c], -8);
    }
    release(&b);
}

static void batches_do_not_change_the_tf_ranges_but_samples_do(void **state)
{
    (void)state;
    bench b = make(NULL);
    CHECK_OK(b.ctx, calibrate(&b, &(rf_calibrate_options){ .batch = 3 }, NULL));
    const float all = find(&b, "y").max[0];
    CHECK_OK(b.ctx, calibrate(&b, &(rf_calibrate_options){ .batch = 10 }, NULL));
    assert_true(find(&b, "y").max[0] == all);
    rf_calibration report;
    CHECK_OK(b.ctx, calibrate(&b, &(rf_calibrate_options){ .batch = 3, .samples = 2 }, &report));
    assert_int_equal(report.samples, 2);
    assert_true(find(&b, "y").max[0] < all || find(&b, "y").min[0] > -all);
    release(&b);
}

static void every_scheme_calibrates(void **state)
{
    (void)state;
    static const char *const schemes[] = { "tf-init",
                                           "tf-enhanced-init",
                                           "tf",
                                           "tf-enhanced",
                                           "percentile:99.5",
                                           "mse",
                                           "training_range_learning_with_tf_enhanced_init",
                                           "post_training_percentile" };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        for (int bits = 2; bits <= 16; bits += 7) {
            bench b = make(
                &(rf_sim_options){ .scheme = schemes[i], .param_bw = bits, .output_bw = bits });
            CHECK_OK(b.ctx, calibrate(&b, NULL, NULL));
            for (int k = 0; k < rf_sim_quantizer_count(b.sim); k++) {
                rf_quantizer q;
                CHECK_OK(b.ctx, rf_sim_quantizer(b.sim, k, &q));
                for (int64_t c = 0; c < q.count; c++)
                    assert_true(q.scale[c] > 0.0 && isfinite(q.scale[c]) && q.offset[c] <= 0);
            }
            release(&b);
        }
    }
}

/* Activations are observed without quantization: their ranges do not depend on the bits of other activations. */
static void activations_are_observed_in_float_with_quantized_weights(void **state)
{
    (void)state;
    bench wide = make(&(rf_sim_options){ .output_bw = 16 }),
          narrow = make(&(rf_sim_options){ .output_bw = 2 });
    bench coarse = make(&(rf_sim_options){ .param_bw = 2 });
    CHECK_OK(wide.ctx, calibrate(&wide, NULL, NULL));
    CHECK_OK(narrow.ctx, calibrate(&narrow, NULL, NULL));
    CHECK_OK(coarse.ctx, calibrate(&coarse, NULL, NULL));
    CHECK_NEAR(find(&wide, "r").max[0], find(&narrow, "r").max[0], 1e-5);
    assert_true(fabsf(find(&wide, "r").max[0] - find(&coarse, "r").max[0]) > 1e-3f);
    release(&wide);
    release(&narrow);
    release(&coarse);
}

static void nan_in_the_data_is_refused_by_the_tensors_name_and_changes_nothing(void **state)
{
    (void)state;
    bench b = make(NULL);
    CHECK_OK(b.ctx, calibrate(&b, NULL, NULL));
    const float before = find(&b, "y").max[0];
    ((float *)rf_tensor_data(b.x))[100] = NAN;
    CHECK_FAILS(b.ctx, RF_ENUMERIC, "tensor 'x'", calibrate(&b, NULL, NULL));
    assert_true(find(&b, "y").max[0] == before);
    assert_true(find(&b, "y").enabled);
    release(&b);
}

static void nan_in_a_weight_is_refused_by_its_name(void **state)
{
    (void)state;
    bench b = make(NULL);
    rf_tensor_f32(rf_graph_find_value(b.sim->graph, "w")->constant)[7] = NAN;
    CHECK_FAILS(b.ctx, RF_ENUMERIC, "parameter 'w' holds nan at element 7",
                calibrate(&b, NULL, NULL));
    assert_int_equal(rf_sim_state(b.sim), RF_STATE_BUILT);
    assert_false(find(&b, "v").enabled);
    release(&b);
}

static void a_trained_simulation_is_not_calibrated_again(void **state)
{
    (void)state;
    bench b = make(NULL);
    b.sim->state = RF_STATE_TRAINED;
    CHECK_FAILS(b.ctx, RF_ESTATE, "trained already", calibrate(&b, NULL, NULL));
    release(&b);
}

static void a_fixed_batch_is_filled_up_without_being_observed(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    temp_folder temp = temp_folder_make();
    rf_graph *g = net_of(ctx, "input x:4,3\ny = Relu x\noutput y");
    rf_tensor *x = waves(ctx, 2, (int64_t[]){ 6, 3 });
    rf_sim *sim = NULL;
    rf_quantizer q;
    for (int i = 0; i < 18; i++)
        ((float *)rf_tensor_data(x))[i] = 2.0f + (float)i;
    rf_dataset *data = dataset_of(ctx, &temp, x);
    /* Under tf_enhanced, zeros that were filled in would pull the symmetric grid towards them. */
    CHECK_OK(ctx, rf_sim_new(g, &(rf_sim_options){ .scheme = "tf" }, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    CHECK_OK(ctx, rf_sim_quantizer(sim, 0, &q));
    CHECK_NEAR(q.max[0], 19.0, 1e-6);
    rf_dataset_free(data);
    rf_sim_free(sim);
    rf_tensor_free(x);
    rf_graph_free(g);
    temp_folder_remove(&temp);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_ranges_start_from_the_values_seen),
        cmocka_unit_test(batches_do_not_change_the_tf_ranges_but_samples_do),
        cmocka_unit_test(every_scheme_calibrates),
        cmocka_unit_test(activations_are_observed_in_float_with_quantized_weights),
        cmocka_unit_test(nan_in_the_data_is_refused_by_the_tensors_name_and_changes_nothing),
        cmocka_unit_test(nan_in_a_weight_is_refused_by_its_name),
        cmocka_unit_test(a_trained_simulation_is_not_calibrated_again),
        cmocka_unit_test(a_fixed_batch_is_filled_up_without_being_observed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
