/* PyTorch's modules, read from the names of nodes, and what they mean for quantizers under compat aimet. */
#include "net_text.h"

#include "sim/modules.h"
#include "sim/sim.h"

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

/* block holds act and a sum; act holds two nodes; a Relu outside of all; one name that PyTorch does not write. */
#define NET                                                                                        \
    "input x:-1,3,4,4\n/block/act/HardSigmoid = HardSigmoid x\n/block/act/Mul = Mul x "            \
    "/block/act/HardSigmoid\n/block/Add = Add /block/act/Mul x\n/Relu = Relu /block/Add\n"         \
    "/drop/Identity_1 = Identity /Relu\nother = Relu /drop/Identity_1\noutput other"

typedef struct modules_of_net {
    rf_graph *g;
    rf_modules found;
} modules_of_net;

static modules_of_net find(void)
{
    modules_of_net m = { .g = net_of(ctx, NET) };
    CHECK_OK(ctx, rf_modules_find(m.g, &m.found));
    return m;
}

static void release(modules_of_net *m)
{
    rf_modules_release(&m->found);
    rf_graph_free(m->g);
}

static void names_of_another_form_say_nothing(void **state)
{
    (void)state;
    modules_of_net m = find();
    assert_true(rf_node_has_scope(rf_graph_find_node(m.g, "/block/act/Mul")));
    assert_true(rf_node_has_scope(rf_graph_find_node(m.g, "/Relu")));
    assert_true(rf_node_has_scope(rf_graph_find_node(m.g, "/drop/Identity_1")));
    assert_false(rf_node_has_scope(rf_graph_find_node(m.g, "other")));
    assert_false(rf_node_in_module(&m.found, rf_graph_find_node(m.g, "other")));
    release(&m);
}

static void a_module_that_holds_others_quantizes_nothing(void **state)
{
    (void)state;
    modules_of_net m = find();
    assert_true(rf_node_in_module(&m.found, rf_graph_find_node(m.g, "/block/act/Mul")));
    assert_true(rf_node_in_module(&m.found, rf_graph_find_node(m.g, "/drop/Identity_1")));
    assert_false(rf_node_in_module(&m.found, rf_graph_find_node(m.g, "/block/Add")));
    assert_false(rf_node_in_module(&m.found, rf_graph_find_node(m.g, "/Relu")));
    release(&m);
}

static void nodes_of_one_module_belong_together(void **state)
{
    (void)state;
    modules_of_net m = find();
    const rf_node *inner = rf_graph_find_node(m.g, "/block/act/HardSigmoid");
    assert_true(rf_nodes_share_module(&m.found, inner, rf_graph_find_node(m.g, "/block/act/Mul")));
    assert_false(rf_nodes_share_module(&m.found, inner, rf_graph_find_node(m.g, "/block/Add")));
    assert_false(rf_nodes_share_module(&m.found, rf_graph_find_node(m.g, "/block/Add"),
                                       rf_graph_find_node(m.g, "/block/Add")));
    release(&m);
}

/* ---------------------------------------------------------------------------- quantizers --- */

static bool is_quantized(const rf_sim *sim, const char *tensor)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        if (strcmp(rf_quantizer_tensor(sim->quantizers.items[i])->name, tensor) == 0)
            return true;
    }
    return false;
}

/* Exactly `expected` (NULL-terminated) have a quantizer. */
static void expect(const char *net, const char *compat, const char *const *expected)
{
    rf_graph *g = net_of(ctx, net);
    rf_sim *sim = NULL;
    size_t count = 0;
    CHECK_OK(ctx, rf_sim_new(g, &(rf_sim_options){ .compat = compat }, &sim));
    for (; expected[count]; count++) {
        if (!is_quantized(sim, expected[count]))
            fail_msg("%s has no quantizer", expected[count]);
    }
    assert_int_equal(sim->quantizers.count, count);
    rf_sim_free(sim);
    rf_graph_free(g);
}

static void only_the_output_of_a_module_is_quantized(void **state)
{
    (void)state;
    static const char *const modules[] = { "x", "/block/act/Mul", "/Relu", "other", NULL };
    expect(NET, "aimet", modules);
    expect(NET, "aimet-v2", modules);
}

static void a_module_that_moves_data_has_a_quantizer_and_a_function_has_none(void **state)
{
    (void)state;
    const char *net = "input x:-1,4,2,2\n/act/Relu = Relu x\n/shuffle/DepthToSpace = DepthToSpace "
                      "/act/Relu blocksize=2\n/Flatten = Flatten "
                      "/shuffle/DepthToSpace\n/fc/Gemm = Gemm /Flatten w:4,5\noutput /fc/Gemm";
    expect(
        net, "aimet",
        (const char *const[]){ "x", "/act/Relu", "/shuffle/DepthToSpace", "w", "/fc/Gemm", NULL });
    expect(net, NULL, (const char *const[]){ "x", "/act/Relu", "w", "/fc/Gemm", NULL });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_another_form_say_nothing),
        cmocka_unit_test(a_module_that_holds_others_quantizes_nothing),
        cmocka_unit_test(nodes_of_one_module_belong_together),
        cmocka_unit_test(only_the_output_of_a_module_is_quantized),
        cmocka_unit_test(a_module_that_moves_data_has_a_quantizer_and_a_function_has_none),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
