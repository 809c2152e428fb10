/* Rules of AIMET's configurations beyond single sections: several readers, Split, symmetric modes, types of modules. */
#include "placement_text.h"

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

/* Path of a configuration with these defaults (further keys) and op_type sections. */
static const char *config_of(const char *defaults, const char *op_type)
{
    static char path[512];
    char json[1024];
    snprintf(json, sizeof json,
             "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\",\"is_symmetric\":\"True\"},"
             "\"params\":{\"is_quantized\":\"True\",\"is_symmetric\":\"True\"}%s},\"params\":{},"
             "\"op_type\":{%s}," NO_ENDS "}",
             defaults, op_type);
    write_bytes(temp_path(&temp, "config.json", path), json, strlen(json));
    return path;
}

/* ------------------------------------------------------------------------ several readers --- */

#define FORK                                                                                       \
    "input x:-1,4,4,4\nr = Relu x\nc = Conv r w:4,4,1,1\nd = Conv r v:4,4,1,1\ny = Add c d\n"      \
    "output y"

static void an_op_that_wants_no_output_quantizer_speaks_for_all_readers(void **state)
{
    (void)state;
    expect_config(ctx, "", NO_ENDS, FORK, "c d r v[]= w[]= y");
    expect_config(ctx, "\"Relu\":{\"is_output_quantized\":\"False\"}", NO_ENDS, FORK,
                  "c d v[]= w[]= y");
}

static void an_op_that_wants_its_inputs_quantized_gets_them_where_they_are_made(void **state)
{
    (void)state;
    const char *net = "input x:-1,4\na = Relu x\nb = Sigmoid x\ny = Add a b\noutput y";
    expect_config(ctx, "\"Add\":{\"is_input_quantized\":\"True\"}", NO_ENDS, net, "a b y");
    expect_config(ctx, "\"Sigmoid\":{\"is_input_quantized\":\"True\",\"is_symmetric\":\"True\"}",
                  NO_ENDS, net, "a b= x= y"); /* x, which Relu reads as well */
    expect_config(ctx, "\"Add\":{\"is_output_quantized\":\"False\"}", NO_ENDS, net, "a b");
}

static void joins_keep_the_quantizers_of_what_they_join(void **state)
{
    (void)state;
    expect(ctx,
           "input x:-1,4,4,4\nc = Conv x w:4,4,1,1\nd = Conv x v:4,4,1,1\nk = Concat c d "
           "axis=1\ny = Relu k\noutput y",
           "c d k v[0]= w[0]= x y");
    expect_config(ctx, "\"Concat\":{\"is_output_quantized\":\"False\"}", NO_ENDS,
                  "input x:-1,4\na = Relu x\nb = Sigmoid x\ny = Concat a b axis=1\noutput y",
                  "a b");
}

/* Two outputs, which the text form of networks does not have. */
static rf_graph *split_net(void)
{
    rf_graph *g = net_of(ctx, "input x:-1,4\nr = Relu x\noutput r");
    const rf_shape unknown = { .rank = -1 };
    rf_value *in = rf_graph_find_value(g, "r"), *out[2];
    rf_node *n = NULL;
    CHECK_OK(ctx, rf_graph_add_value(g, "left", RF_DTYPE_F32, &unknown, &out[0]));
    CHECK_OK(ctx, rf_graph_add_value(g, "right", RF_DTYPE_F32, &unknown, &out[1]));
    const rf_node_desc desc = { .name = "split",
                                .op_type = "Split",
                                .inputs = &in,
                                .input_count = 1,
                                .outputs = out,
                                .output_count = 2 };
    CHECK_OK(ctx, rf_graph_add_node(g, &desc, &n));
    CHECK_OK(ctx, rf_node_set_int(g, n, "axis", 1));
    CHECK_OK(ctx, rf_graph_mark_output(g, out[0]));
    CHECK_OK(ctx, rf_graph_mark_output(g, out[1]));
    return g;
}

static void a_split_has_the_range_of_what_it_splits(void **state)
{
    (void)state;
    char found[32 * 65];
    rf_graph *g = split_net();
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, NULL, &sim));
    describe(sim, found);
    assert_string_equal(found, "r x");
    rf_sim_free(sim);
    rf_graph_free(g);
}

/* ------------------------------------------------------------------------ symmetric modes --- */

typedef struct modes {
    bool strict, is_unsigned;
} modes;

/* Of every quantizer, parameters and activations. */
static void check_modes(const char *scheme, const char *defaults, modes expected)
{
    const rf_sim_options options = { .scheme = scheme, .config = config_of(defaults, "") };
    rf_graph *g = net_of(ctx, "input x:-1,3,4,4\nc = Conv x w:4,3,3,3\ny = Relu c\noutput y");
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
    assert_int_equal(sim->quantizers.count, 3);
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_qspec spec = rf_quantizer_spec(sim->quantizers.items[i]);
        assert_true(spec.symmetric);
        assert_int_equal(spec.strict, expected.strict);
        assert_int_equal(spec.is_unsigned, expected.is_unsigned);
    }
    rf_sim_free(sim);
    rf_graph_free(g);
}

static void strict_and_unsigned_symmetry_reach_every_quantizer(void **state)
{
    (void)state;
    check_modes("tf", "", (modes){ false, false });
    check_modes("tf", ",\"strict_symmetric\":\"True\"", (modes){ true, false });
    check_modes("tf", ",\"unsigned_symmetric\":\"True\"", (modes){ false, true });
    check_modes("tf", ",\"strict_symmetric\":\"True\",\"unsigned_symmetric\":\"True\"",
                (modes){ true, true });
}

static void range_learning_knows_no_unsigned_symmetry(void **state)
{
    (void)state;
    check_modes("tf-init", ",\"unsigned_symmetric\":\"True\"", (modes){ false, false });
    check_modes("tf-init", ",\"strict_symmetric\":\"True\"", (modes){ true, false });
}

/* ------------------------------------------------------------------------- types of modules --- */

static void a_module_of_several_nodes_goes_by_its_own_type(void **state)
{
    (void)state;
    static const struct {
        const char *type, *output, *net;
    } modules[] = {
        { "HardSwish", "/act/Mul=",
          "input x:-1,4\n/act/HardSigmoid = HardSigmoid x\n/act/Mul = Mul x "
          "/act/HardSigmoid\noutput /act/Mul" },
        { "GELU", "/act/Mul=",
          "input x:-1,4\n/act/Erf = Erf x\n/act/Mul = Mul x /act/Erf\noutput /act/Mul" },
        { "LayerNorm", "/norm/Div=",
          "input x:-1,4\n/norm/Sqrt = Sqrt x\n/norm/Div = Div x "
          "/norm/Sqrt\noutput /norm/Div" },
    };
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        char off[96], found[32 * 65];
        rf_graph *g = net_of(ctx, modules[i].net);
        rf_sim *sim = NULL;
        snprintf(off, sizeof off, "\"%s\":{\"is_output_quantized\":\"False\"}", modules[i].type);
        const rf_sim_options options = { .compat = "aimet", .config = config_of("", "") };
        CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
        describe(sim, found);
        assert_string_equal(found, modules[i].output);
        rf_sim_free(sim);
        const rf_sim_options without = { .compat = "aimet", .config = config_of("", off) };
        CHECK_OK(ctx, rf_sim_new(g, &without, &sim));
        assert_int_equal(sim->quantizers.count, 0);
        rf_sim_free(sim);
        rf_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_op_that_wants_no_output_quantizer_speaks_for_all_readers),
        cmocka_unit_test(an_op_that_wants_its_inputs_quantized_gets_them_where_they_are_made),
        cmocka_unit_test(joins_keep_the_quantizers_of_what_they_join),
        cmocka_unit_test(a_split_has_the_range_of_what_it_splits),
        cmocka_unit_test(strict_and_unsigned_symmetry_reach_every_quantizer),
        cmocka_unit_test(range_learning_knows_no_unsigned_symmetry),
        cmocka_unit_test(a_module_of_several_nodes_goes_by_its_own_type),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
