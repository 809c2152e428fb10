/* Timing steps: parts add up to the step, modes do what they are called, and what is too small is refused. */
#include "bn/bn_nets.h"

#include "base/clock.h"
#include "base/profile.h"
#include "bench/bench.h"

enum { SIZE = 12, CLASSES = 3, BATCH = 8, STEPS = 4, SAMPLES = 128 };

static const rf_bench_options options = { .batch = BATCH, .repeat = STEPS };

/* A tiny network of the zoo, and samples for it. */
typedef struct subject {
    rf_context *ctx;
    rf_graph *graph;
    rf_dataset *data;
} subject;

static subject open_subject(int64_t samples)
{
    const rf_zoo_options zoo = {
        .width = 0.25, .channels = 1, .height = SIZE, .width_px = SIZE, .classes = CLASSES
    };
    subject s = { .ctx = test_context() };
    CHECK_OK(s.ctx, rf_zoo_new(s.ctx, "resnet20", &zoo, &s.graph));
    CHECK_OK(s.ctx, rf_dataset_random(s.graph, samples, &s.data));
    return s;
}

static void close_subject(subject *s)
{
    rf_dataset_free(s->data);
    rf_graph_free(s->graph);
    rf_context_free(s->ctx);
}

static double sum_of_parts(const rf_speed *speed)
{
    double sum = 0.0;
    for (int part = 0; part < RF_PART_COUNT; part++)
        sum += speed->seconds[part];
    return sum;
}

static void check_whole(const rf_speed *speed)
{
    assert_int_equal(speed->batch, BATCH);
    assert_int_equal(speed->steps, STEPS);
    assert_true(speed->step_seconds > 0.0);
    assert_true(fabs(speed->img_per_s * speed->step_seconds - BATCH) < 1e-6);
    assert_true(speed->seconds[RF_PART_CONV_FORWARD] > 0.0);
    assert_true(speed->seconds[RF_PART_FUSED_KERNELS] > 0.0);
    assert_true(fabs(sum_of_parts(speed) - speed->step_seconds) < 1e-9);
    assert_true(speed->peak_bytes > 1 << 20);
    assert_true(speed->limit_seconds > 0.0 && speed->copy_bytes_per_s > 1e7);
    assert_true(speed->limit_ratio > 0.0);
}

static void inference_has_no_backward(void **state)
{
    subject s = open_subject(SAMPLES);
    rf_speed speed;
    (void)state;
    CHECK_OK(s.ctx, rf_bench_graph(s.graph, RF_BENCH_INFER, s.data, &options, &speed));
    check_whole(&speed);
    assert_true(speed.seconds[RF_PART_CONV_BACKWARD_DATA] == 0.0);
    assert_true(speed.seconds[RF_PART_CONV_BACKWARD_WEIGHTS] == 0.0);
    assert_true(speed.seconds[RF_PART_QUANTIZE_WEIGHTS] == 0.0);
    assert_true(speed.seconds[RF_PART_OPTIMIZER] == 0.0);
    assert_true(rf_context_profile(s.ctx) == NULL);
    close_subject(&s);
}

static void training_has_backward_and_an_optimizer(void **state)
{
    subject s = open_subject(SAMPLES);
    rf_speed speed;
    (void)state;
    CHECK_OK(s.ctx, rf_bench_graph(s.graph, RF_BENCH_TRAIN, s.data, &options, &speed));
    check_whole(&speed);
    assert_true(speed.seconds[RF_PART_CONV_BACKWARD_DATA] > 0.0);
    assert_true(speed.seconds[RF_PART_CONV_BACKWARD_WEIGHTS] > 0.0);
    assert_true(speed.seconds[RF_PART_MATRIX_PRODUCTS] > 0.0);
    assert_true(speed.seconds[RF_PART_OPTIMIZER] > 0.0);
    assert_true(speed.seconds[RF_PART_QUANTIZE_WEIGHTS] == 0.0);
    close_subject(&s);
}

static void a_simulation_quantizes_weights_in_training_and_reestimation(void **state)
{
    static const rf_bench_mode modes[] = { RF_BENCH_TRAIN, RF_BENCH_REESTIMATE };
    subject s = open_subject(SAMPLES);
    rf_calibrate_options calibration = RF_CALIBRATE_OPTIONS_INIT;
    rf_sim *sim = NULL;
    (void)state;
    calibration.samples = calibration.batch = BATCH;
    CHECK_OK(s.ctx, rf_sim_new(s.graph, NULL, &sim));
    rf_speed speed;
    CHECK_FAILS(s.ctx, RF_ESTATE, "a benchmark",
                rf_bench_sim(sim, RF_BENCH_TRAIN, s.data, &options, &speed));
    CHECK_OK(s.ctx, rf_sim_calibrate(sim, s.data, &calibration, NULL));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        CHECK_OK(s.ctx, rf_bench_sim(sim, modes[i], s.data, &options, &speed));
        check_whole(&speed);
        assert_true(speed.seconds[RF_PART_QUANTIZE_WEIGHTS] > 0.0);
        assert_int_equal(speed.seconds[RF_PART_OPTIMIZER] > 0.0, modes[i] == RF_BENCH_TRAIN);
    }
    rf_sim_free(sim);
    close_subject(&s);
}

static void too_little_data_is_refused(void **state)
{
    subject s = open_subject(3 * BATCH);
    rf_speed speed;
    (void)state;
    CHECK_FAILS(s.ctx, RF_EDATA, "at least 4",
                rf_bench_graph(s.graph, RF_BENCH_REESTIMATE, s.data, &options, &speed));
    close_subject(&s);
}

static void the_clock_belongs_to_one_part_at_a_time(void **state)
{
    double steps[1][RF_PART_COUNT] = { { 0.0 } };
    rf_profile profile = { .steps = steps, .capacity = 1, .part = RF_PART_OTHER };
    rf_context *ctx = test_context();
    (void)state;
    assert_int_equal(rf_profile_enter(ctx, RF_PART_DATA), RF_PART_DATA); /* nobody measures */
    rf_context_set_profile(ctx, &profile);
    const double start = rf_clock_seconds();
    rf_profile_begin_step(ctx);
    const rf_step_part before = rf_profile_enter(ctx, RF_PART_DATA);
    assert_int_equal(before, RF_PART_OTHER);
    while (rf_clock_seconds() - start < 0.01)
        ;
    assert_int_equal(rf_profile_enter(ctx, before), RF_PART_DATA);
    rf_profile_begin_step(ctx); /* ends the first one; the second has no room and is not kept */
    rf_profile_enter(ctx, RF_PART_OPTIMIZER);
    const double whole = rf_clock_seconds() - start;
    assert_true(steps[0][RF_PART_DATA] > 0.009);
    assert_true(steps[0][RF_PART_DATA] + steps[0][RF_PART_OTHER] <= whole);
    assert_true(steps[0][RF_PART_OPTIMIZER] == 0.0);
    rf_context_set_profile(ctx, NULL);
    rf_context_free(ctx);
}

static void parts_have_names(void **state)
{
    (void)state;
    assert_string_equal(rf_part_key(RF_PART_CONV_BACKWARD_DATA), "conv_backward_data");
    assert_string_equal(rf_part_text(RF_PART_ALL_REDUCE), "all-reduce");
    assert_string_equal(rf_part_key(RF_PART_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_has_no_backward),
        cmocka_unit_test(training_has_backward_and_an_optimizer),
        cmocka_unit_test(a_simulation_quantizes_weights_in_training_and_reestimation),
        cmocka_unit_test(too_little_data_is_refused),
        cmocka_unit_test(the_clock_belongs_to_one_part_at_a_time),
        cmocka_unit_test(parts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
