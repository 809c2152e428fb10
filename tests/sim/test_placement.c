/* Where quantizers go, as AIMET's rules have it, on one small network a rule. */
#include "placement_text.h"

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

static void a_convolution_alone_has_its_weight_and_output_quantized(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3,8,8\ny = Conv x w:4,3,3,3 b:4\noutput y", "w[0]= x y");
}

static void only_the_last_of_a_supergroup_is_quantized(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = Relu c\noutput y", "w[0]= x y");
    expect(ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = Clip c\noutput y", "w[0]= x y");
    expect(ctx, "input x:-1,3,8,8\nc = ConvTranspose x w:3,4,3,3\ny = Relu c\noutput y",
           "w[1]= x y");
    expect(ctx, "input x:-1,8\nc = Gemm x w:8,5\ny = Relu c\noutput y", "w[]= x y");
    expect(ctx, "input x:-1,8\ninput z:-1,8\ns = Add x z\ny = Relu s\noutput y", "x y z");
    expect(ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = Sigmoid c\noutput y", "c w[0]= x y");
}

static void a_second_reader_breaks_a_supergroup(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = Relu c\nz = Add c y\noutput z",
           "c w[0]= x y z");
    expect(ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = Relu c\noutput y\noutput c",
           "c w[0]= x y");
}

static void a_bn_that_folds_has_no_quantizers_but_takes_the_outputs_place(void **state)
{
    (void)state;
    expect(ctx,
           "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = BatchNormalization c " NET_BN(
               "bn", "4") "\noutput y",
           "w[0]= x y");
    expect(ctx,
           "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(
               "bn", "4") "\ny = Relu n\noutput y",
           "w[0]= x y");
    expect(ctx,
           "input x:-1,3,8,8\nc = Conv x w:6,3,3,3\nn = BatchNormalization c " NET_BN(
               "bn", "6") "\ns = Sigmoid n\ny = Mul n s\noutput y",
           "n w[0]= x y"); /* n because two nodes read it; the two of them are one SiLU */
}

static void an_activation_that_is_spelt_out_is_one_op(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3\np = Softplus x\nt = Tanh p\ny = Mul x t\noutput y", "x y");
    expect(ctx, "input x:-1,3\np = Softplus x\nt = Tanh p\ny = Mul x t\noutput y\noutput t",
           "p t x y"); /* what the user reads is no part of one */
}

static void a_bn_that_does_not_fold_has_its_scale_and_output_quantized(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3,8,8\ny = BatchNormalization x " NET_BN("bn", "3") "\noutput y",
           "bn.scale[0]= x y");
    expect(ctx,
           "input x:-1,3,8,8\nc = Conv x w:3,3,3,3\nn = BatchNormalization c " NET_BN(
               "bn", "3") "\ny = Add n c\noutput y",
           "bn.scale[0]= c n w[0]= x y");
    expect(
        ctx,
        "input x:-1,4,8,8\nc = ConvTranspose x w:4,2,3,3 group=2\ny = BatchNormalization c " NET_BN(
            "bn", "4") "\noutput y",
        "bn.scale[0]= c w[1]= x y");
}

static void linear_layers_are_one_op_in_every_spelling(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,8\nm = MatMul x w:8,5\ny = Add m b:5\noutput y", "w[]= x y");
    expect(ctx, "input x:-1,8\nm = MatMul x w:8,5\na = Add m b:5\ny = Relu a\noutput y",
           "w[]= x y");
    expect(ctx, "input x:-1,8\nt = Transpose w:5,8 perm=1,0\ny = MatMul x t\noutput y", "w[]= x y");
}

static void a_linear_layer_in_front_of_a_bn_is_per_channel(void **state)
{
    (void)state;
    const char *gemm = "input x:-1,8\nc = Gemm x w:5,8 transB=1\ny = BatchNormalization c " NET_BN(
        "bn", "5") "\noutput y";
    const char *matmul = "input x:-1,8\nt = Transpose w:5,8 perm=1,0\nc = MatMul x t\ny = "
                         "BatchNormalization c " NET_BN("bn", "5") "\noutput y";
    const char *plain = "input x:-1,8\nc = MatMul x w:8,5\ny = BatchNormalization c " NET_BN(
        "bn", "5") "\noutput y";
    expect(ctx, gemm, "w[0]= x y");
    expect(ctx, matmul, "w[0]= x y");
    expect(ctx, plain, "w[1]= x y");
    expect_with(ctx, gemm, &(rf_sim_options){ .compat = "aimet", .config = "per-channel" },
                "w[]= x y");
    expect_with(ctx, gemm, &(rf_sim_options){ .config = "default" }, "w[]= x y");
}

static void the_default_configuration_is_per_tensor(void **state)
{
    (void)state;
    expect_with(ctx, "input x:-1,3,8,8\ny = Conv x w:4,3,3,3\noutput y",
                &(rf_sim_options){ .config = "default" }, "w[]= x y");
}

static void a_quantizer_serves_through_operators_that_only_move_data(void **state)
{
    (void)state;
    expect(ctx,
           "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\nf = Flatten c\nd = Dropout f\ny = Gemm d "
           "v:144,5\noutput y",
           "c v[]= w[0]= x y");
    expect_with(
        ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\nf = Flatten c\ny = Gemm f v:144,5\noutput y",
        &(rf_sim_options){ .compat = "aimet", .config = "per-channel" }, "c f v[]= w[0]= x y");
}

static void integers_and_shape_arithmetic_are_never_quantized(void **state)
{
    (void)state;
    expect(ctx,
           "input x:-1,3,8,8\ninput i64 n:2\nr = Reshape x n\nk = Shape r\nf = Cast k to=1\nc = "
           "Cast r to=7\n"
           "e = Add c c\ny = Relu r\noutput y\noutput e\noutput f",
           "x y");
}

static void constants_beside_parameters_are_inputs(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3,8,8\ns = Mul x m:3,1,1\ny = Add s one:1\noutput y", "m s x y");
}

static void a_weight_of_two_layers_has_one_quantizer(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,4,8,8\na = Conv x w:4,4,1,1\ny = Conv a w\noutput y", "a w[0]= x y");
}

static void a_stack_of_matrices_has_its_channels_last(void **state)
{
    (void)state;
    expect_config(ctx, "\"MatMul\":{\"per_channel_quantization\":\"True\"}", NO_ENDS,
                  "input x:2,4,8\ny = MatMul x w:2,8,5\noutput y", "w[2]= y");
}

static void a_prelu_has_one_range_a_slope(void **state)
{
    (void)state;
    expect(ctx, "input x:-1,3,8,8\ny = PRelu x slope:3,1,1\noutput y", "slope[0]= x y");
}

static void op_type_sections_override_the_defaults(void **state)
{
    (void)state;
    const char *net = "input x:-1,3,8,8\nc = Conv x w:4,3,3,3 b:4\ny = Sigmoid c\noutput y";
    expect_config(ctx, "", NO_ENDS, net, "c w[]= y");
    expect_config(ctx, "\"Conv\":{\"is_output_quantized\":\"False\"}", NO_ENDS, net, "w[]= y");
    expect_config(ctx, "\"Conv\":{\"is_input_quantized\":\"True\",\"is_symmetric\":\"True\"}",
                  NO_ENDS, net, "c= w[]= x= y");
    expect_config(ctx,
                  "\"Conv\":{\"per_channel_quantization\":\"True\",\"params\":{\"bias\":{\"is_"
                  "quantized\":\"True\"},"
                  "\"weight\":{\"is_symmetric\":\"False\"}}}",
                  NO_ENDS, net, "b[0]= c w[0] y");
    expect_config(
        ctx, "\"Sigmoid\":{\"is_output_quantized\":\"False\"}",
        "\"supergroups\":[],\"model_input\":{},\"model_output\":{\"is_output_quantized\":\"True\"}",
        net, "c w[]= y");
}

static void a_supergroup_that_names_bn_does_not_match_one_that_folds(void **state)
{
    (void)state;
    expect_config(ctx, "",
                  "\"supergroups\":[{\"op_list\":[\"Conv\",\"BatchNormalization\",\"Relu\"]}],"
                  "\"model_input\":{},"
                  "\"model_output\":{}",
                  "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(
                      "bn", "4") "\ny = Relu n\noutput y",
                  "n w[]= y");
}

static void requests_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    char path[512];
    static const char json[] = "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\"},"
                               "\"params\":{}},\"params\":{},\"op_type\":{\"Conv\":"
                               "{\"is_output_quantized\":\"False\"},\"Sigmoid\":{\"is_input_"
                               "quantized\":\"True\"}}," NO_ENDS "}";
    temp_folder t = temp_folder_make();
    rf_graph *g = net_of(ctx, "input x:-1,3,8,8\nc = Conv x w:4,3,3,3\ny = Sigmoid c\noutput y");
    rf_sim *sim = NULL;
    write_bytes(temp_path(&t, "config.json", path), json, sizeof json - 1);
    const rf_sim_options options = { .config = path };
    CHECK_FAILS(ctx, RF_EMODEL, "tensor 'c'", rf_sim_new(g, &options, &sim));
    rf_graph_free(g);
    temp_folder_remove(&t);
}

static void a_constrained_range_is_fixed_from_the_start(void **state)
{
    (void)state;
    char path[512];
    static const char json[] = "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\"},"
                               "\"params\":{}},\"params\":{},\"op_type\":{\"Sigmoid\":"
                               "{\"encoding_constraints\":{\"min\":0.0,\"max\":1.0}}}," NO_ENDS "}";
    temp_folder t = temp_folder_make();
    rf_graph *g = net_of(ctx, "input x:-1,4\ny = Sigmoid x\noutput y");
    rf_sim *sim = NULL;
    rf_quantizer q;
    write_bytes(temp_path(&t, "config.json", path), json, sizeof json - 1);
    const rf_sim_options options = { .config = path };
    CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
    assert_int_equal(rf_sim_quantizer_count(sim), 1);
    CHECK_OK(ctx, rf_sim_quantizer(sim, 0, &q));
    assert_true(q.enabled && q.count == 1 && q.min[0] == 0.0f && q.max[0] == 1.0f);
    assert_string_equal(q.op, "y");
    rf_sim_free(sim);
    rf_graph_free(g);
    temp_folder_remove(&t);
}

static void thirty_two_bits_mean_no_quantizers(void **state)
{
    (void)state;
    const char *net = "input x:-1,3,8,8\ny = Conv x w:4,3,3,3\noutput y";
    expect_with(ctx, net, &(rf_sim_options){ .param_bw = 32 }, "x y");
    expect_with(ctx, net, &(rf_sim_options){ .output_bw = 32 }, "w[0]=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_alone_has_its_weight_and_output_quantized),
        cmocka_unit_test(only_the_last_of_a_supergroup_is_quantized),
        cmocka_unit_test(a_second_reader_breaks_a_supergroup),
        cmocka_unit_test(a_bn_that_folds_has_no_quantizers_but_takes_the_outputs_place),
        cmocka_unit_test(an_activation_that_is_spelt_out_is_one_op),
        cmocka_unit_test(a_bn_that_does_not_fold_has_its_scale_and_output_quantized),
        cmocka_unit_test(linear_layers_are_one_op_in_every_spelling),
        cmocka_unit_test(a_linear_layer_in_front_of_a_bn_is_per_channel),
        cmocka_unit_test(the_default_configuration_is_per_tensor),
        cmocka_unit_test(a_quantizer_serves_through_operators_that_only_move_data),
        cmocka_unit_test(integers_and_shape_arithmetic_are_never_quantized),
        cmocka_unit_test(constants_beside_parameters_are_inputs),
        cmocka_unit_test(a_weight_of_two_layers_has_one_quantizer),
        cmocka_unit_test(a_stack_of_matrices_has_its_channels_last),
        cmocka_unit_test(a_prelu_has_one_range_a_slope),
        cmocka_unit_test(op_type_sections_override_the_defaults),
        cmocka_unit_test(a_supergroup_that_names_bn_does_not_match_one_that_folds),
        cmocka_unit_test(requests_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_constrained_range_is_fixed_from_the_start),
        cmocka_unit_test(thirty_two_bits_mean_no_quantizers),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
