/* Simulations in files: everything reads back, floats bit for bit; each senseless field is refused by its name. */
#include "net_text.h"
#include "sim_data.h"

#include "formats/onnx.h"
#include "sim/sim_impl.h"

#define NET                                                                                        \
    "input x:-1,3,6,6\nc = Conv x w:6,3,3,3\nn = BatchNormalization c " NET_BN(                    \
        "bn", "6") "\n"                                                                            \
                   "r = Relu n\nf = Flatten r\ny = Gemm f v:96,5 b:5\noutput y"

static rf_context *ctx;
static temp_folder temp;

static int open_all(void **state)
{
    (void)state;
    ctx = test_context();
    temp = temp_folder_make();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    temp_folder_remove(&temp);
    rf_context_free(ctx);
    return 0;
}

static rf_sim *calibrated(const rf_sim_options *options)
{
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    rf_tensor *x = waves(ctx, 4, (int64_t[]){ 8, 3, 6, 6 });
    rf_dataset *data = dataset_of(ctx, &temp, x);
    CHECK_OK(ctx, rf_sim_new(g, options, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    rf_dataset_free(data);
    rf_tensor_free(x);
    rf_graph_free(g);
    return sim;
}

static void check_same(rf_sim *a, rf_sim *b)
{
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->param_bw, b->param_bw);
    assert_int_equal(a->output_bw, b->output_bw);
    assert_true(a->scheme == b->scheme && a->percentile == b->percentile &&
                a->learned == b->learned);
    assert_true(a->grid == b->grid && a->compat_aimet == b->compat_aimet &&
                a->compat_v2 == b->compat_v2);
    assert_string_equal(a->config_name, b->config_name);
    assert_int_equal(a->quantizers.count, b->quantizers.count);
    for (int i = 0; i < rf_sim_quantizer_count(a); i++) {
        rf_quantizer p, q;
        CHECK_OK(ctx, rf_sim_quantizer(a, i, &p));
        CHECK_OK(ctx, rf_sim_quantizer(b, i, &q));
        assert_string_equal(p.tensor, q.tensor);
        assert_string_equal(p.kind, q.kind);
        assert_string_equal(p.op, q.op);
        assert_true(p.enabled == q.enabled && p.bitwidth == q.bitwidth && p.axis == q.axis);
        assert_true(p.symmetric == q.symmetric && p.strict_symmetric == q.strict_symmetric);
        assert_int_equal(p.count, q.count);
        assert_memory_equal(p.min, q.min, (size_t)p.count * sizeof *p.min);
        assert_memory_equal(p.max, q.max, (size_t)p.count * sizeof *p.max);
    }
}

static void a_simulation_reads_back_bit_for_bit(void **state)
{
    (void)state;
    static const rf_sim_options options[] = {
        { .param_bw = 4 },
        { .scheme = "percentile:99.99", .output_bw = 6 },
        { .scheme = "mse", .compat = "aimet", .config = "default" },
        { .scheme = "tf-enhanced-init", .param_bw = 2, .output_bw = 32 },
        { .compat = "aimet-v2", .param_bw = 4 },
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char path[512];
        rf_sim *sim = calibrated(&options[i]), *back = NULL;
        temp_path(&temp, "sim.onnx", path);
        CHECK_OK(ctx, rf_sim_save(sim, path, /*force=*/true));
        CHECK_OK(ctx, rf_sim_load(ctx, path, &back));
        CHECK_OK(ctx, rf_graph_check(back->graph));
        check_same(sim, back);
        rf_sim_free(back);
        rf_sim_free(sim);
    }
}

static void awkward_floats_survive_the_text(void **state)
{
    (void)state;
    char path[512];
    rf_sim *sim = calibrated(NULL), *back = NULL;
    rf_node *w = rf_value_quantizer(rf_graph_find_value(sim->graph, "w"));
    static const float max[6] = {
        0.1f, 1.17549435e-38f, 3.4e38f, 1.0f / 3.0f, 1e-45f, 16777217.0f
    };
    float min[6];
    for (int i = 0; i < 6; i++)
        min[i] = -max[i];
    CHECK_OK(ctx, rf_quantizer_set_range(sim, w, min, max, 6));
    temp_path(&temp, "awkward.onnx", path);
    CHECK_OK(ctx, rf_sim_save(sim, path, /*force=*/true));
    CHECK_OK(ctx, rf_sim_load(ctx, path, &back));
    check_same(sim, back);
    rf_sim_free(back);
    min[2] = -INFINITY;
    CHECK_OK(ctx, rf_quantizer_set_range(sim, w, min, max, 6));
    CHECK_FAILS(ctx, RF_ENUMERIC, "tensor 'w'", rf_sim_save(sim, path, /*force=*/true));
    rf_sim_free(sim);
}

static void the_file_holds_a_plain_float_model(void **state)
{
    (void)state;
    char path[512];
    rf_sim *sim = calibrated(NULL);
    rf_graph *g = NULL;
    rf_port port;
    temp_path(&temp, "plain.onnx", path);
    CHECK_OK(ctx, rf_sim_save(sim, path, /*force=*/true));
    CHECK_OK(ctx, rf_graph_load(ctx, path, &g));
    assert_true(rf_graph_holds_sim(g));
    assert_int_equal(g->node_count, 5);
    assert_int_equal(rf_graph_opset(g, "refold"), 0);
    CHECK_OK(ctx, rf_graph_output(g, 0, &port));
    assert_string_equal(port.name, "y");
    const rf_node *bn = rf_graph_find_node(g, "n");
    assert_null(rf_node_attr(bn, RF_NEGATIVE_GAMMA));
    rf_graph_free(g);
    CHECK_FAILS(ctx, RF_EEXIST, "plain.onnx", rf_sim_save(sim, path, /*force=*/false));
    rf_sim_free(sim);
}

static void the_count_of_negative_gammas_is_remembered(void **state)
{
    (void)state;
    char path[512];
    rf_sim *sim = calibrated(NULL), *back = NULL;
    const int64_t flipped = rf_attr_int(rf_graph_find_node(sim->graph, "n"), RF_NEGATIVE_GAMMA, 0);
    assert_true(flipped > 0);
    temp_path(&temp, "gamma.onnx", path);
    CHECK_OK(ctx, rf_sim_save(sim, path, /*force=*/true));
    CHECK_OK(ctx, rf_sim_load(ctx, path, &back));
    assert_int_equal(rf_attr_int(rf_graph_find_node(back->graph, "n"), RF_NEGATIVE_GAMMA, 0),
                     flipped);
    rf_sim_free(back);
    rf_sim_free(sim);
}

static void a_plain_model_is_no_simulation(void **state)
{
    (void)state;
    char path[512];
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    temp_path(&temp, "float.onnx", path);
    CHECK_OK(ctx, rf_onnx_write(g, path, /*force=*/true));
    CHECK_FAILS(ctx, RF_ESTATE, "refold quantize", rf_sim_load(ctx, path, &sim));
    rf_graph_free(g);
}

#define HEAD                                                                                       \
    "{\"format\":1,\"state\":\"calibrated\",\"options\":{\"param_bw\":8,\"output_bw\":8,"          \
    "\"scheme\":\"tf\",\"config\":\"default\",\"compat\":null},\"negative_gamma\":{},"             \
    "\"quantizers\":["
#define QUANTIZER(tensor, kind, bits, axis, min)                                                   \
    "{\"tensor\":\"" tensor "\",\"kind\":\"" kind "\",\"bitwidth\":" bits                          \
    ",\"symmetric\":false,\"strict_symmetric\":false,"                                             \
    "\"unsigned_symmetric\":false,\"axis\":" axis                                                  \
    ",\"enabled\":true,\"frozen\":false,\"min\":" min ",\"max\":[1]}"

/* Load the model with this text as its metadata. */
static rf_status load_with(const char *metadata)
{
    char path[512];
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_graph_set_metadata(g, RF_SIM_KEY, metadata));
    temp_path(&temp, "with.onnx", path);
    CHECK_OK(ctx, rf_onnx_write(g, path, /*force=*/true));
    const rf_status st = rf_sim_load(ctx, path, &sim);
    rf_sim_free(sim);
    rf_graph_free(g);
    return st;
}

static void senseless_metadata_is_refused_by_its_field(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *text;
    } cases[] = {
        { "nonsense", "no JSON" },
        { "{}", "format" },
        { "[]", "format" },
        { "{\"format\":2}", "newer refold" },
        { "{\"format\":1,\"state\":\"melted\"}", "state" },
        { "{\"format\":1,\"state\":\"built\"}", "options.param_bw" },
        { "{\"format\":1,\"state\":\"built\",\"options\":{\"param_bw\":8,\"output_bw\":8}}",
          "options.scheme" },
        { "{\"format\":1,\"state\":\"built\",\"options\":{\"param_bw\":8,\"output_bw\":8,"
          "\"scheme\":\"odd\",\"config\":\"default\",\"compat\":null}}",
          "options: scheme 'odd'" },
        { HEAD "1]}", "quantizers[0]" },
        { HEAD QUANTIZER("nowhere", "param", "8", "null", "[0]") "]}", "name of a tensor" },
        { HEAD QUANTIZER("x", "param", "8", "null", "[0]") "]}", "no constant" },
        { HEAD QUANTIZER("x", "input", "8", "null", "[0]") "]}", "kind" },
        { HEAD QUANTIZER("x", "activation", "1", "null", "[0]") "]}", "bitwidth" },
        { HEAD QUANTIZER("x", "activation", "8", "1", "[0]") "]}", "axis" },
        { HEAD QUANTIZER("w", "param", "8", "4", "[0]") "]}", "axis" },
        { HEAD QUANTIZER("w", "param", "8", "0", "[0]") "]}", "min: expected a list" },
        { HEAD QUANTIZER("x", "activation", "8", "null", "[1e99]") "]}", "finite" },
        { HEAD QUANTIZER("x", "activation", "8", "null", "[\"0\"]") "]}", "finite" },
        { HEAD QUANTIZER("x", "activation", "8", "null",
                         "[0]") "," QUANTIZER("x", "activation", "8", "null", "[0]") "]}",
          "quantizers[1] (tensor 'x'): tensor: expected one quantizer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_FAILS(ctx, RF_EMODEL, cases[i].text, load_with(cases[i].metadata));
    CHECK_OK(ctx, load_with(HEAD QUANTIZER("x", "activation", "8", "null", "[0]") "]}"));
}

static void a_shortage_of_memory_while_loading_is_a_status(void **state)
{
    (void)state;
    char path[512];
    failing_heap heap = { 0 };
    rf_sim *sim = calibrated(NULL);
    temp_path(&temp, "tight.onnx", path);
    CHECK_OK(ctx, rf_sim_save(sim, path, /*force=*/true));
    rf_sim_free(sim);
    rf_context *tight = failing_context(&heap);
    const long before = heap.live;
    rf_status st = RF_ENOMEM;
    for (long room = 0; st == RF_ENOMEM && room < 10000; room++) {
        sim = NULL;
        heap.fail_at = heap.made + room;
        st = rf_sim_load(tight, path, &sim);
        assert_true(st == RF_OK || st == RF_ENOMEM);
        rf_sim_free(sim);
        assert_int_equal(heap.live, before);
    }
    assert_int_equal(st, RF_OK);
    rf_context_free(tight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simulation_reads_back_bit_for_bit),
        cmocka_unit_test(awkward_floats_survive_the_text),
        cmocka_unit_test(the_file_holds_a_plain_float_model),
        cmocka_unit_test(the_count_of_negative_gammas_is_remembered),
        cmocka_unit_test(a_plain_model_is_no_simulation),
        cmocka_unit_test(senseless_metadata_is_refused_by_its_field),
        cmocka_unit_test(a_shortage_of_memory_while_loading_is_a_status),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
