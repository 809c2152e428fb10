/* Negative gammas: the rewrite keeps the network's function, and leaves alone what others share. */
#include "net_text.h"
#include "sim_data.h"

#include "sim/sim_impl.h"

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

static rf_tensor *outputs(const rf_graph *g, const rf_tensor *x)
{
    rf_tensor *y = NULL;
    const rf_tensor *inputs[] = { x };
    CHECK_OK(ctx, rf_infer(g, inputs, rf_tensor_dims(x)[0], &y));
    return y;
}

static float *constant(const rf_sim *sim, const char *name)
{
    return rf_tensor_f32(rf_graph_find_value(sim->graph, name)->constant);
}

/* Without quantizers (32 bits) the rewritten network must give the same outputs. */
static void check_same_function(const char *net, int rank, const int64_t *dims, int64_t flipped)
{
    rf_graph *g = net_of(ctx, net);
    rf_sim *sim = NULL;
    rf_tensor *x = waves(ctx, rank, dims);
    const rf_sim_options options = { .param_bw = 32, .output_bw = 32 };
    CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
    const rf_node *bn = rf_graph_find_node(sim->graph, "n");
    assert_int_equal(rf_attr_int(bn, RF_NEGATIVE_GAMMA, 0), flipped);
    for (int64_t c = 0; flipped > 0 && c < bn->inputs[1]->constant->count; c++)
        assert_true(constant(sim, "bn.scale")[c] >= 0.0f);
    rf_tensor *before = outputs(g, x), *after = outputs(rf_sim_graph(sim), x);
    for (int64_t i = 0; i < rf_tensor_count(before); i++)
        CHECK_NEAR(rf_tensor_f32(after)[i], rf_tensor_f32(before)[i], 1e-6);
    rf_tensor_free(before);
    rf_tensor_free(after);
    rf_tensor_free(x);
    rf_sim_free(sim);
    rf_graph_free(g);
}

static int64_t negatives(const char *name, int64_t count)
{
    rf_tensor *t = NULL;
    int64_t found = 0;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 1, &count, &t));
    net_fill(t, name);
    for (int64_t i = 0; i < count; i++)
        found += rf_tensor_f32(t)[i] < 0.0f;
    rf_tensor_free(t);
    assert_true(found > 0);
    return found;
}

static void every_kind_of_layer_keeps_its_function(void **state)
{
    (void)state;
    const int64_t image[] = { 2, 4, 6, 6 }, vector[] = { 3, 8 };
    const int64_t six = negatives("bn.scale", 6);
    check_same_function(
        "input x:-1,4,6,6\nc = Conv x w:6,4,3,3 b:6\nn = BatchNormalization c " NET_BN(
            "bn", "6") "\noutput n",
        4, image, six);
    check_same_function(
        "input x:-1,4,6,6\nc = Conv x w:8,1,3,3 group=4\nn = BatchNormalization c " NET_BN(
            "bn", "8") "\noutput n",
        4, image, negatives("bn.scale", 8));
    check_same_function(
        "input x:-1,4,6,6\nc = ConvTranspose x w:4,6,3,3\nn = BatchNormalization c " NET_BN(
            "bn", "6") "\noutput n",
        4, image, six);
    check_same_function(
        "input x:-1,8\nc = Gemm x w:6,8 b:6 transB=1\nn = BatchNormalization c " NET_BN(
            "bn", "6") "\noutput n",
        2, vector, six);
    check_same_function(
        "input x:-1,8\nc = Gemm x w:8,6\nn = BatchNormalization c " NET_BN("bn", "6") "\noutput n",
        2, vector, six);
    check_same_function("input x:-1,8\nt = Transpose w:6,8 perm=1,0\nc = MatMul x t\nn = "
                        "BatchNormalization c " NET_BN("bn", "6") "\noutput n",
                        2, vector, six);
    check_same_function(
        "input x:-1,8\nm = MatMul x w:8,6\nc = Add m b:6\nn = BatchNormalization c " NET_BN(
            "bn", "6") "\noutput n",
        2, vector, six);
}

static void weights_that_others_share_are_left_alone(void **state)
{
    (void)state;
    check_same_function(
        "input x:-1,6,6,6\na = Conv x w:6,6,1,1\nc = Conv a w\nn = BatchNormalization c " NET_BN(
            "bn", "6") "\noutput n",
        4, (int64_t[]){ 2, 6, 6, 6 }, 0);
}

static void a_bn_that_does_not_fold_is_left_alone(void **state)
{
    (void)state;
    check_same_function(
        "input x:-1,4,6,6\nn = BatchNormalization x " NET_BN("bn", "4") "\noutput n", 4,
        (int64_t[]){ 2, 4, 6, 6 }, 0);
}

static void compat_aimet_keeps_negative_gammas(void **state)
{
    (void)state;
    rf_graph *g =
        net_of(ctx, "input x:-1,4,6,6\nc = Conv x w:6,4,3,3\nn = BatchNormalization c " NET_BN(
                        "bn", "6") "\noutput n");
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, &(rf_sim_options){ .compat = "aimet" }, &sim));
    const float *before = rf_tensor_f32(rf_graph_find_value(g, "bn.scale")->constant);
    assert_memory_equal(constant(sim, "bn.scale"), before, 6 * sizeof *before);
    rf_sim_free(sim);
    rf_graph_free(g);
}

static void the_float_graph_is_not_touched(void **state)
{
    (void)state;
    const char *net = "input x:-1,4,6,6\nc = Conv x w:6,4,3,3\nn = BatchNormalization c " NET_BN(
        "bn", "6") "\noutput n";
    rf_graph *g = net_of(ctx, net), *same = net_of(ctx, net);
    rf_sim *sim = NULL;
    CHECK_OK(ctx, rf_sim_new(g, NULL, &sim));
    const rf_tensor *w = rf_graph_find_value(g, "w")->constant;
    assert_memory_equal(w->data, rf_graph_find_value(same, "w")->constant->data,
                        (size_t)w->count * sizeof(float));
    rf_sim_free(sim);
    rf_graph_free(g);
    rf_graph_free(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_layer_keeps_its_function),
        cmocka_unit_test(weights_that_others_share_are_left_alone),
        cmocka_unit_test(a_bn_that_does_not_fold_is_left_alone),
        cmocka_unit_test(compat_aimet_keeps_negative_gammas),
        cmocka_unit_test(the_float_graph_is_not_touched),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
