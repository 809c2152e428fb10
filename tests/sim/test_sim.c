/* The simulation as an object: options, the ladder, stripping, codes. */
#include "net_text.h"
#include "temp_folder.h"

#include <limits.h>

#include "ops/params.h"
#include "sim/sim_impl.h"

#define NET "input x:-1,3,6,6\nc = Conv x w:4,3,3,3\ny = Relu c\noutput y"

static rf_context *ctx;

static int open_context(void **state)
{
    (void)state;
    ctx = test_context();
    return 0;
}

static int close_context(void **state)
{
    (void)state;
    rf_context_free(ctx);
    return 0;
}

static rf_sim *sim_of(const char *net, const rf_sim_options *options)
{
    rf_graph *g = net_of(ctx, net);
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, options, &sim));
    rf_graph_free(g); /* the sim has its own copy */
    return sim;
}

static void refuse(const rf_sim_options *options, const char *text)
{
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    CHECK_FAILS(ctx, RF_EARG, text, rf_sim_new(g, options, &sim));
    assert_null(sim);
    rf_graph_free(g);
}

static void senseless_options_are_refused(void **state)
{
    (void)state;
    refuse(&(rf_sim_options){ .param_bw = 1 }, "parameters of 1 bits");
    refuse(&(rf_sim_options){ .output_bw = 17 }, "activations of 17 bits");
    refuse(&(rf_sim_options){ .scheme = "minmax" }, "tf-enhanced-init");
    refuse(&(rf_sim_options){ .scheme = "percentile:50" }, "90 to 100");
    refuse(&(rf_sim_options){ .scheme = "percentile:x" }, "percentile:P");
    refuse(&(rf_sim_options){ .scheme = "tf:99" }, "not known");
    refuse(&(rf_sim_options){ .compat = "torch" }, "expected aimet");
}

static void scheme_names_read_back_to_the_same(void **state)
{
    (void)state;
    static const char *const names[] = {
        "tf-init", "tf-enhanced-init",         "tf", "tf-enhanced", "percentile:99.9",
        "mse",     "post_training_tf_enhanced"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rf_sim *sim = sim_of(NET, &(rf_sim_options){ .scheme = names[i] });
        char text[RF_SCHEME_TEXT];
        rf_scheme scheme;
        double percentile;
        bool learned;
        CHECK_OK(ctx,
                 rf_scheme_parse(ctx, rf_scheme_text(sim, text), &scheme, &percentile, &learned));
        assert_true(scheme == sim->scheme && percentile == sim->percentile &&
                    learned == sim->learned);
        rf_sim_free(sim);
    }
}

static void a_missing_step_is_named(void **state)
{
    (void)state;
    rf_sim *sim = sim_of(NET, NULL);
    assert_int_equal(rf_sim_state(sim), RF_STATE_BUILT);
    assert_string_equal(rf_state_name(RF_STATE_BN_REESTIMATED), "bn_reestimated");
    CHECK_FAILS(ctx, RF_ESTATE,
                "cannot fold: the simulation is built, not yet calibrated; calibrate it first",
                rf_sim_need_state(sim, RF_STATE_CALIBRATED, "fold"));
    sim->state = RF_STATE_TRAINED;
    CHECK_OK(ctx, rf_sim_need_state(sim, RF_STATE_CALIBRATED, "fold"));
    rf_sim_free(sim);
}

static void quantizers_outside_the_list_are_refused(void **state)
{
    (void)state;
    rf_sim *sim = sim_of(NET, NULL);
    rf_quantizer q;
    CHECK_FAILS(ctx, RF_EARG, "quantizer 3: the simulation has 3", rf_sim_quantizer(sim, 3, &q));
    CHECK_FAILS(ctx, RF_EARG, "quantizer -1", rf_sim_quantizer(sim, -1, &q));
    rf_sim_free(sim);
}

static void stripping_gives_the_float_graph_back_under_its_names(void **state)
{
    (void)state;
    rf_graph *g = net_of(ctx, NET), *stripped = NULL;
    rf_sim *sim = NULL;
    rf_port port;
    char *before = NULL, *after = NULL;
    CHECK_OK(ctx, rf_sim_new(g, NULL, &sim));
    CHECK_OK(ctx, rf_graph_output(rf_sim_graph(sim), 0, &port));
    assert_string_equal(port.name, "y/quantized");
    CHECK_OK(ctx, rf_sim_strip(sim, &stripped));
    CHECK_OK(ctx, rf_graph_check(stripped));
    CHECK_OK(ctx, rf_graph_text(g, &before));
    CHECK_OK(ctx, rf_graph_text(stripped, &after));
    assert_string_equal(before, after);
    CHECK_OK(ctx, rf_graph_output(stripped, 0, &port));
    assert_string_equal(port.name, "y");
    assert_int_equal(stripped->values.count, g->values.count);
    assert_int_equal(rf_graph_opset(stripped, RF_DOMAIN), 0);
    rf_free(ctx, before);
    rf_free(ctx, after);
    rf_graph_free(stripped);
    rf_sim_free(sim);
    rf_graph_free(g);
}

static void codes_follow_the_range_of_their_channel(void **state)
{
    (void)state;
    rf_sim *sim = sim_of("input x:-1,2\ny = Gemm x w:3,2 transB=1\noutput y",
                         &(rf_sim_options){ .param_bw = 4, .config = "per-channel" });
    const rf_quantizer_desc desc = {
        .tensor = rf_graph_find_value(sim->graph, "w"),
        .is_param = true,
        .enabled = true,
        .spec = { .bitwidth = 4, .symmetric = true, .grid = RF_GRID_LEARNED },
        .axis = 0
    };
    const float min[3] = { -7.0f, -0.7f, -70.0f }, max[3] = { 7.0f, 0.7f, 70.0f };
    const float weights[6] = { 1.0f, -9.0f, 0.25f, 0.7f, -20.0f, 1000.0f };
    const int32_t expected[6] = { 9, 0, 10, 15, 6, 15 }; /* code 8 is zero */
    rf_node *old = rf_value_quantizer(desc.tensor), *n = NULL;
    CHECK_OK(ctx, rf_graph_replace_uses(sim->graph, old->outputs[0], desc.tensor, NULL));
    CHECK_OK(ctx, rf_graph_remove_node(sim->graph, old));
    CHECK_OK(ctx, rf_sim_insert(sim, &desc, &n));
    CHECK_OK(ctx, rf_sim_refresh(sim));
    memcpy(desc.tensor->constant->data, weights, sizeof weights);
    CHECK_OK(ctx, rf_quantizer_set_range(sim, n, min, max, 3));
    int32_t *codes = NULL;
    CHECK_OK(ctx, rf_quantizer_codes(ctx, n, &codes));
    assert_memory_equal(codes, expected, sizeof expected);
    rf_free(ctx, codes);
    CHECK_FAILS(
        ctx, RF_EARG, "'x' is no constant",
        rf_quantizer_codes(ctx, rf_value_quantizer(rf_graph_find_value(sim->graph, "x")), &codes));
    rf_sim_free(sim);
}

/* The graph is built with memory to spare; then every allocation of rf_sim_new fails once. */
static void a_shortage_of_memory_is_a_status_and_leaves_nothing_behind(void **state)
{
    (void)state;
    failing_heap heap = { 0 };
    rf_context *tight = failing_context(&heap);
    heap.fail_at = LONG_MAX;
    rf_graph *g =
        net_of(tight, "input x:-1,3,6,6\nc = Conv x w:6,3,3,3\nn = BatchNormalization c " NET_BN(
                          "bn", "6") "\ny = Relu n\noutput y");
    const long before = heap.live;
    rf_status st = RF_ENOMEM;
    for (long room = 0; st == RF_ENOMEM && room < 10000; room++) {
        rf_sim *sim = NULL;
        heap.fail_at = heap.made + room;
        st = rf_sim_new(g, NULL, &sim);
        assert_true(st == RF_OK || st == RF_ENOMEM);
        rf_sim_free(sim);
        assert_int_equal(heap.live, before);
    }
    assert_int_equal(st, RF_OK);
    rf_graph_free(g);
    rf_context_free(tight);
    assert_int_equal(heap.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senseless_options_are_refused),
        cmocka_unit_test(scheme_names_read_back_to_the_same),
        cmocka_unit_test(a_missing_step_is_named),
        cmocka_unit_test(quantizers_outside_the_list_are_refused),
        cmocka_unit_test(stripping_gives_the_float_graph_back_under_its_names),
        cmocka_unit_test(codes_follow_the_range_of_their_channel),
        cmocka_unit_test(a_shortage_of_memory_is_a_status_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
