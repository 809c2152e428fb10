/* Inspection: counts, memory, what is missing, who fused BN away, and the advice that fits. */
#include "build_graph.h"

static rf_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return (rf_shape){ 4, { n, c, h, w } };
}

/* x [?, 3, 8, 8] -> Conv 1x1 to 4 channels, weights 1 -> last operator. */
static rf_graph *conv_and(rf_context *ctx, const char *last, bool with_bias, rf_shape out_shape)
{
    rf_graph *g = build_graph(ctx);
    const float ones[4] = { 1, 1, 1, 1 };
    rf_value *in[] = { build_input(g, "x", shape4(-1, 3, 8, 8)),
                       build_floats(g, "w", shape4(4, 3, 1, 1), NULL),
                       build_floats(g, "b", (rf_shape){ 1, { 4 } }, ones) };
    rf_node *conv =
        build_shaped_node(g, "conv", "Conv", NULL, with_bias ? 3 : 2, in, shape4(-1, 4, 8, 8));
    rf_node *end = build_shaped_node(g, "last", last, NULL, 1, conv->outputs, out_shape);
    CHECK_OK(ctx, rf_graph_mark_output(g, end->outputs[0]));
    return g;
}

/* x -> Conv of `groups` groups -> BN with these gammas and variances. */
static rf_graph *conv_bn(rf_context *ctx, int64_t batch, int64_t groups, const float *weights,
                         const float *gamma, const float *var)
{
    rf_graph *g = build_graph(ctx);
    const rf_shape four = { 1, { 4 } };
    rf_value *in[] = { build_input(g, "x", shape4(batch, 4, 8, 8)),
                       build_floats(g, "w", shape4(4, 4 / groups, 1, 1), weights) };
    rf_node *conv = build_shaped_node(g, "conv", "Conv", NULL, 2, in, shape4(batch, 4, 8, 8));
    CHECK_OK(ctx, rf_node_set_int(g, conv, "group", groups));
    rf_value *bn_in[] = { conv->outputs[0], build_floats(g, "gamma", four, gamma),
                          build_floats(g, "beta", four, NULL), build_floats(g, "mean", four, NULL),
                          build_floats(g, "var", four, var) };
    rf_node *bn =
        build_shaped_node(g, "bn", "BatchNormalization", NULL, 5, bn_in, shape4(batch, 4, 8, 8));
    CHECK_OK(ctx, rf_graph_mark_output(g, bn->outputs[0]));
    return g;
}

static bool advises(const rf_inspection *seen, const char *text)
{
    for (int i = 0; i < seen->advice_count; i++)
        if (strstr(seen->advice[i], text))
            return true;
    return false;
}

/* The report outlives the graph. */
static rf_inspection *look(rf_context *ctx, rf_graph *g, const rf_inspect_options *options)
{
    rf_inspection *seen = NULL;
    CHECK_OK(ctx, rf_inspect(g, options, &seen));
    rf_graph_free(g);
    return seen;
}

static void parameters_and_multiply_adds_are_counted(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_inspection *seen = look(ctx, conv_and(ctx, "Relu", true, shape4(-1, 4, 8, 8)), NULL);
    assert_int_equal(seen->parameters, 4 * 3 + 4);
    assert_int_equal(seen->macs, 8 * 8 * 4 * 3);
    assert_int_equal(seen->operator_count, 2);
    assert_int_equal(seen->unsupported_count, 0);
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void memory_is_predicted_for_the_batch(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const rf_inspect_options options = { .batch = 2 };
    rf_inspection *seen = look(ctx, conv_and(ctx, "Relu", true, shape4(-1, 4, 8, 8)), &options);
    assert_int_equal(seen->batch, 2);
    /* the input and the convolution's output; Relu works in place */
    assert_int_equal(seen->activation_bytes, 2 * (3 + 4) * 8 * 8 * 4);
    assert_true(seen->infer_bytes > seen->activation_bytes);
    assert_true(seen->train_bytes > seen->infer_bytes);
    assert_true(seen->qat_bytes > seen->infer_bytes);
    assert_int_equal(seen->reestimate_bytes, 0); /* there is no BN */
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void every_node_without_support_is_named(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = conv_and(ctx, "NoSuchOp", false, shape4(-1, 4, 8, 8));
    rf_value *last = g->outputs.items[0];
    rf_value *in[] = { last, build_floats(g, "w2", shape4(1, 4, 1, 1), NULL) };
    rf_node *conv = build_shaped_node(g, "conv2", "Conv", NULL, 2, in, shape4(-1, 1, 8, 8));
    rf_node *other = build_node(g, "other", "NorThis", NULL, 1, conv->outputs);
    rf_node *behind = build_node(g, "behind", "Relu", NULL, 1, other->outputs);
    CHECK_OK(ctx, rf_graph_mark_output(g, behind->outputs[0]));
    rf_inspection *seen = look(ctx, g, NULL);
    assert_int_equal(seen->unsupported_count, 2);
    assert_string_equal(seen->unsupported[0], "NoSuchOp (node 'last')");
    assert_string_equal(seen->unsupported[1], "NorThis (node 'other')");
    assert_true(advises(seen, "without support"));
    /* behind the first one the file declares a shape, and counting goes on */
    assert_int_equal(seen->macs, 8 * 8 * 4 * 3 + 8 * 8 * 4);
    assert_int_equal(seen->infer_bytes, 0);
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void a_form_that_an_operator_lacks_is_told_with_the_reason(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = conv_and(ctx, "Relu", false, shape4(-1, 4, 8, 8));
    rf_node *conv = rf_graph_find_node(g, "conv");
    CHECK_OK(ctx, rf_node_set_string(g, conv, "auto_pad", "NEVER_HEARD_OF"));
    rf_inspection *seen = look(ctx, g, NULL);
    assert_int_equal(seen->unsupported_count, 1);
    assert_non_null(strstr(seen->unsupported[0], "Conv (node 'conv'): "));
    assert_non_null(strstr(seen->unsupported[0], "NEVER_HEARD_OF"));
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void a_softmax_at_the_end_is_pointed_out(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_inspection *seen =
        look(ctx, conv_and(ctx, "Softmax", false, (rf_shape){ 2, { -1, 256 } }), NULL);
    assert_true(advises(seen, "expect the logits"));
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void quantizers_that_would_be_placed_are_listed(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const float ones[4] = { 1, 1, 1, 1 };
    const rf_inspect_options options = { .simulation = { .param_bw = 4 } };
    rf_inspection *seen = look(ctx, conv_bn(ctx, -1, 1, NULL, ones, ones), &options);
    assert_int_equal(seen->param_quantizers, 1);
    assert_int_equal(seen->activation_quantizers, 2); /* the input, and what BN makes */
    assert_int_equal(seen->quantizer_count, 3);
    for (int i = 0; i < 3; i++) {
        const rf_planned_quantizer *q = &seen->quantizers[i];
        const bool weight = strcmp(q->tensor, "w") == 0;
        assert_string_equal(q->kind, weight ? "param" : "activation");
        assert_int_equal(q->bitwidth, weight ? 4 : 8);
        assert_int_equal(q->channels, weight ? 4 : 1);
        assert_string_equal(q->op, weight ? "conv" : strcmp(q->tensor, "x") == 0 ? "" : "bn");
    }
    assert_true(seen->reestimate_bytes > 0);
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void odd_channels_are_counted(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const float gamma[4] = { 1, -1, 1e-9F, 1 }, var[4] = { 1, 1, 1, 0 };
    const float weights[4] = { 1e-7F, 1, 1, 1 };
    rf_inspection *seen = look(ctx, conv_bn(ctx, -1, 4, weights, gamma, var), NULL);
    assert_int_equal(seen->negative_gamma_channels, 1);
    assert_int_equal(seen->dead_channels, 3); /* by weights, by gamma, by variance */
    assert_true(advises(seen, "3 channels in 1 BN (first: 'bn') are dead"));
    assert_true(advises(seen, "1 channel in 1 BN has negative gamma"));
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void one_range_for_a_whole_layer_is_warned_of(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const float ones[4] = { 1, 1, 1, 1 }, uneven[4] = { 64, 1, 1, 0.5F };
    const rf_inspect_options per_tensor = { .simulation = { .config = "default" } };
    rf_inspection *seen = look(ctx, conv_bn(ctx, -1, 4, uneven, ones, ones), &per_tensor);
    assert_true(advises(seen, "--config per-channel"));
    assert_true(advises(seen, "in 'conv' the largest is 64 times the median one"));
    rf_inspection_free(seen);

    seen = look(ctx, conv_bn(ctx, -1, 4, uneven, ones, ones), NULL);
    assert_false(advises(seen, "--config per-channel"));
    assert_false(advises(seen, "the median one"));
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

static void the_form_of_the_export_is_judged(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const float ones[4] = { 1, 1, 1, 1 };
    rf_graph *g = conv_bn(ctx, 1, 1, NULL, ones, ones);
    g->training_form = true;
    rf_inspection *seen = look(ctx, g, NULL);
    assert_true(advises(seen, "training form"));
    assert_true(advises(seen, "batch is fixed to 1, too few"));
    assert_int_equal(seen->batch, 1);
    rf_inspection_free(seen);

    g = conv_bn(ctx, -1, 1, NULL, ones, ones);
    g->inputs.items[0]->shape.dims[2] = -1;
    seen = look(ctx, g, NULL);
    assert_true(advises(seen, "Input 'x' is [?, 4, ?, 8]"));
    assert_true(advises(seen, "are not known"));
    assert_int_equal(seen->macs, 0);
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

typedef struct file {
    const char *producer, *author, *output; /* of the graph; name of the convolution's output */
    const char *by, *keep;                  /* what inspect says */
} file;

static void who_fused_bn_is_recognized(void **state)
{
    (void)state;
    static const file files[] = {
        { "pytorch 1.13.1", NULL, NULL, "PyTorch's TorchScript exporter", "TrainingMode.PRESERVE" },
        { "pytorch 2.9.0", NULL, "dynamo", "PyTorch's dynamo exporter", "optimize=False" },
        { "pytorch 2.1.0", "Ultralytics", NULL, "Ultralytics", "YOLO(" },
        { "tf2onnx 1.16.1", NULL, "net/bn1/FusedBatchNormV3:0", "tf2onnx", "Keras file" },
        { "onnx-simplifier", NULL, NULL, "onnx-simplifier", "--skip-fuse-bn" },
        { "PaddlePaddle", NULL, NULL, "Paddle", "paddle2onnx" },
        { "", NULL, NULL, "an unknown exporter", "dynamo=True, optimize=False" },
    };
    rf_context *ctx = test_context();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const file *f = &files[i];
        rf_graph *g = conv_and(ctx, "Relu", true, shape4(-1, 4, 8, 8));
        g->producer = f->producer;
        if (f->author)
            CHECK_OK(ctx, rf_graph_set_metadata(g, "author", f->author));
        for
            RF_GRAPH_EACH_NODE(n, g)
        if (f->output && strcmp(f->output, "dynamo") == 0)
            n->name = n->next ? "node_conv2d" : "node_relu";
        else if (f->output && rf_node_is(n, "Conv"))
            n->outputs[0]->name = f->output;
        rf_inspection *seen = NULL;
        CHECK_OK(ctx, rf_inspect(g, NULL, &seen));
        assert_string_equal(seen->bn_fused_by, f->by);
        assert_true(advises(seen, f->keep));
        assert_int_equal(advises(seen, "Already folded"), f->output && strchr(f->output, '/'));
        rf_inspection_free(seen);
        rf_graph_free(g);
    }
    rf_context_free(ctx);
}

static void a_network_that_never_had_bn_is_not_suspected(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_inspection *seen = look(ctx, conv_and(ctx, "Relu", false, shape4(-1, 4, 8, 8)), NULL);
    assert_null(seen->bn_fused_by);
    assert_false(advises(seen, "fused"));
    assert_true(advises(seen, "No BatchNormalization"));
    rf_inspection_free(seen);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_multiply_adds_are_counted),
        cmocka_unit_test(memory_is_predicted_for_the_batch),
        cmocka_unit_test(every_node_without_support_is_named),
        cmocka_unit_test(a_form_that_an_operator_lacks_is_told_with_the_reason),
        cmocka_unit_test(a_softmax_at_the_end_is_pointed_out),
        cmocka_unit_test(quantizers_that_would_be_placed_are_listed),
        cmocka_unit_test(odd_channels_are_counted),
        cmocka_unit_test(one_range_for_a_whole_layer_is_warned_of),
        cmocka_unit_test(the_form_of_the_export_is_judged),
        cmocka_unit_test(who_fused_bn_is_recognized),
        cmocka_unit_test(a_network_that_never_had_bn_is_not_suspected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
