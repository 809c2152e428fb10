/* Tests of QDQ graphs: the forms that targets expect, and numbers equal to the simulation's. */
#include "small_net.h"
#include "run_graph.h"

#include "export/export.h"

#define BATCH 8
#define SAMPLE (3 * NET_SIZE * NET_SIZE)

typedef struct fixture {
    rf_context *ctx;
    rf_graph *g, *plain, *qdq;
    rf_sim *sim;
    rf_export_choice choice;
} fixture;

static void start_with(fixture *f, rf_graph *(*build)(rf_context *ctx), int param_bw, int output_bw,
                       const char *weights)
{
    const rf_export_options options = { .qdq_weights = weights };
    *f = (fixture){ .ctx = test_context() };
    f->g = build(f->ctx);
    f->sim = net_simulate(f->g, param_bw, output_bw);
    CHECK_OK(f->ctx, rf_export_choose(f->ctx, &options, &f->choice));
    CHECK_OK(f->ctx, rf_export_plain(f->sim, &f->plain));
}

static void start(fixture *f, int param_bw, int output_bw, const char *weights)
{
    start_with(f, net_build, param_bw, output_bw, weights);
}

static void make_qdq(fixture *f)
{
    CHECK_OK(f->ctx, rf_export_qdq(f->sim, &f->choice, f->plain, &f->qdq));
}

static void stop(fixture *f)
{
    rf_graph_free(f->qdq);
    rf_graph_free(f->plain);
    rf_sim_free(f->sim);
    rf_graph_free(f->g);
    rf_context_free(f->ctx);
}

static rf_node *make_of(const rf_graph *g, const char *tensor)
{
    rf_value *v = rf_graph_find_value(g, tensor);
    if (!v || !v->producer)
        fail_msg("tensor '%s' is not made by a node", tensor);
    return v->producer;
}

static rf_node *quantizer_of(const rf_sim *sim, const char *tensor)
{
    for (size_t i = 0; i < sim->quantizers.count; i++)
        if (!strcmp(rf_export_tensor_name(sim->quantizers.items[i]), tensor))
            return sim->quantizers.items[i];
    fail_msg("no quantizer on '%s'", tensor);
    return NULL;
}

static void weights_become_signed_codes_with_one_scale_a_channel(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    make_qdq(&f);
    const rf_node *conv = make_of(f.qdq, "conv2");
    assert_string_equal(conv->op_type, "Conv");
    const rf_node *dequantize = conv->inputs[1]->producer;
    assert_string_equal(dequantize->op_type, "DequantizeLinear");
    assert_int_equal(rf_attr_int(dequantize, "axis", 1), 0);
    const rf_tensor *codes = dequantize->inputs[0]->constant;
    const rf_tensor *scale = dequantize->inputs[1]->constant;
    const rf_tensor *zero = dequantize->inputs[2]->constant;
    assert_int_equal(codes->dtype, RF_DTYPE_I8);
    assert_int_equal(zero->dtype, RF_DTYPE_I8);
    assert_int_equal(scale->count, 4);
    const rf_value *plain = rf_graph_find_value(f.plain, "conv2.weight");
    for (int64_t i = 0; i < codes->count; i++) {
        const int64_t code = rf_tensor_get_i64(codes, i);
        assert_in_range(code + 8, 0, 15);
        assert_int_equal(rf_tensor_get_i64(zero, i / 9), 0);
        const float real = (float)code * rf_tensor_f32(scale)[i / 9];
        assert_true(real == rf_tensor_f32(plain->constant)[i]);
    }
    stop(&f);
}

static void plain_weights_are_what_the_simulation_multiplies_with(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    int64_t a_count = 0, b_count = 0;
    /* with activation quantizers off, the two networks are the same */
    for (size_t i = 0; i < f.sim->quantizers.count; i++)
        if (!rf_quantizer_is_param(f.sim->quantizers.items[i]))
            CHECK_OK(f.ctx,
                     rf_node_set_int(f.sim->graph, f.sim->quantizers.items[i], "enabled", 0));
    float *x = random_input(BATCH * SAMPLE, 3);
    float *a = run_graph(f.ctx, f.sim->graph, x, BATCH, &a_count);
    float *b = run_graph(f.ctx, f.plain, x, BATCH, &b_count);
    assert_int_equal(a_count, b_count);
    assert_memory_equal(a, b, (size_t)a_count * sizeof *a);
    free(x);
    free(a);
    free(b);
    stop(&f);
}

static void activations_become_uint8_with_the_offset_as_zero_point(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    make_qdq(&f);
    const rf_node *q = quantizer_of(f.sim, "relu1");
    const rf_qspec spec = rf_quantizer_spec(q);
    float scale;
    int32_t offset;
    rf_scale_offset(&spec, *rf_quantizer_min(q), *rf_quantizer_max(q), &scale, &offset);
    const rf_node *dequantize = make_of(f.qdq, "conv2")->inputs[0]->producer;
    assert_string_equal(dequantize->op_type, "DequantizeLinear");
    const rf_node *quantize = dequantize->inputs[0]->producer;
    assert_string_equal(quantize->op_type, "QuantizeLinear");
    assert_string_equal(quantize->inputs[0]->name, "relu1");
    assert_true(rf_tensor_f32(quantize->inputs[1]->constant)[0] == scale);
    assert_int_equal(quantize->inputs[2]->constant->dtype, RF_DTYPE_U8);
    assert_int_equal(rf_tensor_get_i64(quantize->inputs[2]->constant, 0), -offset);
    assert_int_equal(quantize->inputs[1]->constant->shape.rank, 0);
    stop(&f);
}

static void a_bias_is_int32_on_the_scale_of_the_products(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    make_qdq(&f);
    const rf_node *conv = make_of(f.qdq, "conv2");
    const rf_node *bias = conv->inputs[2]->producer;
    assert_string_equal(bias->op_type, "DequantizeLinear");
    assert_int_equal(bias->inputs[0]->constant->dtype, RF_DTYPE_I32);
    assert_int_equal(rf_attr_int(bias, "axis", 1), 0);
    const float x_scale = rf_tensor_f32(conv->inputs[0]->producer->inputs[1]->constant)[0];
    const float *w_scale = rf_tensor_f32(conv->inputs[1]->producer->inputs[1]->constant);
    const float *real = rf_tensor_f32(rf_graph_find_value(f.g, "conv2.bias")->constant);
    for (int64_t c = 0; c < 4; c++) {
        const float scale = rf_tensor_f32(bias->inputs[1]->constant)[c];
        assert_true(scale == x_scale * w_scale[c]);
        const double back = (double)rf_tensor_get_i64(bias->inputs[0]->constant, c) * (double)scale;
        assert_true(fabs(back - (double)real[c]) <= (double)scale * 0.500001);
    }
    stop(&f);
}

static void a_grid_is_carried_over_operators_that_move_data(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    make_qdq(&f);
    const rf_node *gemm = make_of(f.qdq, "logits_unquantized");
    assert_string_equal(gemm->op_type, "Gemm");
    const rf_node *dequantize = gemm->inputs[0]->producer;
    const rf_node *quantize = dequantize->inputs[0]->producer;
    assert_string_equal(dequantize->op_type, "DequantizeLinear");
    assert_string_equal(quantize->inputs[0]->name, "flat");
    assert_string_equal(quantize->inputs[1]->name, "pool_scale");
    assert_string_equal(gemm->inputs[2]->producer->op_type, "DequantizeLinear");
    stop(&f);
}

static void a_bias_stays_float_where_it_is_asked_for(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    f.choice.int32_bias = false;
    make_qdq(&f);
    assert_string_equal(make_of(f.qdq, "conv2")->inputs[2]->name, "conv2.bias");
    assert_non_null(make_of(f.qdq, "conv2")->inputs[2]->constant);
    stop(&f);
}

static void a_dead_channel_keeps_its_bias(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    rf_tensor *w = rf_graph_find_value(f.sim->graph, "conv2.weight")->constant;
    for (int i = 0; i < 9; i++)
        rf_tensor_f32(w)[i] = 0.0f;
    rf_quantizer_max(quantizer_of(f.sim, "conv2.weight"))[0] = 1e-12f;
    rf_quantizer_min(quantizer_of(f.sim, "conv2.weight"))[0] = -1e-12f;
    rf_graph_free(f.plain);
    CHECK_OK(f.ctx, rf_export_plain(f.sim, &f.plain));
    make_qdq(&f);
    const rf_node *bias = make_of(f.qdq, "conv2")->inputs[2]->producer;
    assert_string_equal(bias->op_type, "DequantizeLinear");
    const double back = (double)rf_tensor_get_i64(bias->inputs[0]->constant, 0) *
                        (double)rf_tensor_f32(bias->inputs[1]->constant)[0];
    CHECK_NEAR(back, rf_tensor_f32(rf_graph_find_value(f.g, "conv2.bias")->constant)[0], 1e-6);
    stop(&f);
}

static float output_step(const rf_sim *sim)
{
    return (float)rf_export_encoding(quantizer_of(sim, "logits"), 0).scale;
}

/* `codes`: how far apart outputs may be. */
static void check_equal_runs(int param_bw, int output_bw, bool int32_bias, float codes)
{
    fixture f;
    start(&f, param_bw, output_bw, NULL);
    f.choice.int32_bias = int32_bias;
    make_qdq(&f);
    float *x = random_input(BATCH * SAMPLE, 5);
    int64_t a_count = 0, b_count = 0;
    float *a = run_graph(f.ctx, f.sim->graph, x, BATCH, &a_count);
    float *b = run_graph(f.ctx, f.qdq, x, BATCH, &b_count);
    assert_int_equal(a_count, b_count);
    for (int64_t i = 0; i < a_count; i++)
        if (!(fabsf(a[i] - b[i]) <= codes * 1.01f * output_step(f.sim)))
            fail_msg("output %d: %g in the simulation, %g in QDQ, one code is %g", (int)i,
                     (double)a[i], (double)b[i], (double)output_step(f.sim));
    free(x);
    free(a);
    free(b);
    stop(&f);
}

static void with_float_biases_qdq_equals_the_simulation_bit_for_bit(void **state)
{
    (void)state;
    check_equal_runs(8, 8, /*int32_bias=*/false, 0.0f);
    check_equal_runs(4, 8, /*int32_bias=*/false, 0.0f);
    check_equal_runs(2, 6, /*int32_bias=*/false, 0.0f);
}

/* A bias on its integer grid may tip a sum over to the next code; three layers of this add up to a few. */
static void with_int32_biases_qdq_is_within_a_few_codes(void **state)
{
    (void)state;
    check_equal_runs(8, 8, /*int32_bias=*/true, 1.0f);
    check_equal_runs(4, 8, /*int32_bias=*/true, 3.0f);
}

static void transposed_weights_are_stored_as_the_layer_reads_them(void **state)
{
    (void)state;
    fixture f;
    start_with(&f, net_build_linear, 4, 8, NULL);
    rf_node *q = quantizer_of(f.sim, "fc.weight");
    CHECK_OK(f.ctx, rf_node_set_int(f.sim->graph, q, "axis", 0));
    CHECK_OK(f.ctx, rf_quantizer_set_range(f.sim, q, (float[]){ -0.5f, -0.6f, -0.7f, -0.8f, -0.9f },
                                           (float[]){ 0.5f, 0.6f, 0.7f, 0.8f, 0.9f }, NET_CLASSES));
    make_qdq(&f);
    const rf_node *matmul = make_of(f.qdq, "logits_unquantized");
    assert_string_equal(matmul->op_type, "MatMul");
    const rf_node *dequantize = matmul->inputs[1]->producer;
    assert_string_equal(dequantize->op_type, "DequantizeLinear");
    const rf_tensor *codes = dequantize->inputs[0]->constant;
    assert_int_equal(codes->shape.dims[0], 6);
    assert_int_equal(codes->shape.dims[1], NET_CLASSES);
    assert_int_equal(rf_attr_int(dequantize, "axis", -7), 1);
    float *x = random_input(BATCH * 6, 5);
    int64_t a_count = 0, b_count = 0;
    float *a = run_graph(f.ctx, f.sim->graph, x, BATCH, &a_count);
    float *b = run_graph(f.ctx, f.qdq, x, BATCH, &b_count);
    assert_int_equal(a_count, b_count);
    assert_memory_equal(a, b, (size_t)a_count * sizeof *a);
    free(x);
    free(a);
    free(b);
    stop(&f);
}

/* Two convolutions of the same weights. */
static rf_graph *build_shared(rf_context *ctx)
{
    small_net net;
    const rf_shape shape = { 4, { -1, 3, NET_SIZE, NET_SIZE } };
    rf_value *x = NULL;
    net_start(&net, ctx, 13, &shape, &x);
    rf_value *w = net_constant(&net, "w", 4, (int64_t[]){ 3, 3, 1, 1 }, 0.3);
    rf_node *n = net_node(&net, "Conv", "first", x, w, NULL);
    n = net_node(&net, "Conv", "second", n->outputs[0], w, NULL);
    CHECK_OK(ctx, rf_graph_mark_output(net.g, n->outputs[0]));
    return net.g;
}

/* Where they share them, ONNX Runtime cannot load the file on processors on which it makes int8 weights uint8. */
static void layers_of_the_same_weights_have_codes_of_their_own(void **state)
{
    fixture f;
    (void)state;
    start_with(&f, build_shared, 8, 8, NULL);
    make_qdq(&f);
    const rf_node *conv[2] = { rf_graph_find_node(f.qdq, "first_node"),
                               rf_graph_find_node(f.qdq, "second_node") };
    const rf_value *codes[2];
    for (int i = 0; i < 2; i++) {
        const rf_node *dequantize = conv[i]->inputs[1]->producer;
        assert_string_equal(dequantize->op_type, "DequantizeLinear");
        codes[i] = dequantize->inputs[0];
        assert_int_equal(rf_value_use_count(codes[i]), 1);
    }
    assert_ptr_not_equal(codes[0], codes[1]);
    assert_memory_equal(codes[0]->constant->data, codes[1]->constant->data, 9);
    stop(&f);
}

static void activations_of_few_bits_are_cut_at_their_range(void **state)
{
    (void)state;
    check_equal_runs(4, 4, /*int32_bias=*/false, 0.0f);
    fixture f;
    start(&f, 4, 4, NULL);
    make_qdq(&f);
    const rf_node *dequantize = make_of(f.qdq, "conv2")->inputs[0]->producer;
    assert_string_equal(dequantize->inputs[0]->producer->inputs[0]->producer->op_type, "Clip");
    stop(&f);
}

static void set_range(fixture *f, const char *tensor, float min, float max)
{
    rf_node *q = quantizer_of(f->sim, tensor);
    CHECK_OK(f->ctx, rf_quantizer_set_range(f->sim, q, &min, &max, 1));
}

static int clips_left(const rf_graph *g)
{
    int count = 0;
    for
        RF_GRAPH_EACH_NODE(n, g)
    count += rf_node_is(n, "Clip");
    return count;
}

/* 6 lies within half a code of the grid's end: QuantizeLinear saturates just where the Clip would cut. */
static void a_clip_at_the_ends_of_the_grid_is_left_out(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, "int8");
    set_range(&f, "clip2", 0.0f, 6.0001f);
    make_qdq(&f);
    assert_int_equal(clips_left(f.qdq), 0);
    assert_string_equal(make_of(f.qdq, "clip2_quantized")->inputs[0]->name, "conv2");
    stop(&f);
}

static void a_clip_inside_the_grid_stays(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, "int8");
    set_range(&f, "clip2", 0.0f, 6.1f);
    make_qdq(&f);
    assert_int_equal(clips_left(f.qdq), 1);
    stop(&f);
}

static rf_graph *build_with_softmax(rf_context *ctx)
{
    small_net net;
    const rf_shape shape = { 2, { -1, 6 } };
    rf_value *x = NULL;
    net_start(&net, ctx, 13, &shape, &x);
    rf_node *n =
        net_node(&net, "Gemm", "logits", x,
                 net_constant(&net, "fc.weight", 2, (int64_t[]){ 6, NET_CLASSES }, 0.5), NULL);
    n = net_node(&net, "Softmax", "scores", n->outputs[0], NULL, NULL);
    CHECK_OK(ctx, rf_graph_mark_output(net.g, n->outputs[0]));
    return net.g;
}

static const char *before_softmax(float max)
{
    static char op_type[32];
    fixture f;
    start_with(&f, build_with_softmax, 8, 8, "int8");
    set_range(&f, "scores", 0.0f, max);
    make_qdq(&f);
    const rf_node *softmax = NULL;
    for
        RF_GRAPH_EACH_NODE(n, f.qdq)
    softmax = rf_node_is(n, "Softmax") ? n : softmax;
    snprintf(op_type, sizeof op_type, "%s", softmax->inputs[0]->producer->op_type);
    stop(&f);
    return op_type;
}

/* The integer kernel of the runtime gives zeros there. */
static void a_softmax_of_fine_codes_is_kept_from_the_integer_kernel(void **state)
{
    (void)state;
    assert_string_equal(before_softmax(0.4f), "Clip");
    assert_string_not_equal(before_softmax(1.0f), "Clip");
}

static void int4_weights_raise_the_operator_set(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, "int4");
    make_qdq(&f);
    const rf_node *dequantize = make_of(f.qdq, "conv2")->inputs[1]->producer;
    assert_int_equal(dequantize->inputs[0]->onnx_type, 22);
    assert_int_equal(dequantize->inputs[2]->onnx_type, 22);
    assert_int_equal(rf_graph_opset(f.qdq, ""), 21);
    stop(&f);
}

static void sixteen_bit_activations_use_the_runtimes_own_operators(void **state)
{
    (void)state;
    fixture f;
    start(&f, 8, 16, NULL);
    make_qdq(&f);
    const rf_node *dequantize = make_of(f.qdq, "conv2")->inputs[0]->producer;
    assert_string_equal(dequantize->domain, "com.microsoft");
    assert_int_equal(dequantize->inputs[2]->constant->dtype, RF_DTYPE_U16);
    assert_int_equal(rf_graph_opset(f.qdq, "com.microsoft"), 1);
    stop(&f);
}

static void weights_of_more_than_eight_bits_are_refused_by_name(void **state)
{
    (void)state;
    fixture f;
    start(&f, 12, 8, NULL);
    CHECK_FAILS(f.ctx, RF_EUNSUPPORTED, ".weight' has 12 bits",
                rf_export_qdq(f.sim, &f.choice, f.plain, &f.qdq));
    stop(&f);
}

static void inputs_and_outputs_keep_their_names(void **state)
{
    (void)state;
    fixture f;
    start(&f, 4, 8, NULL);
    make_qdq(&f);
    assert_int_equal(f.qdq->outputs.count, 1);
    assert_string_equal(f.qdq->outputs.items[0]->name, "logits");
    assert_string_equal(f.qdq->inputs.items[0]->name, "input");
    assert_string_equal(make_of(f.qdq, "logits")->op_type, "DequantizeLinear");
    assert_null(rf_graph_metadata(f.qdq, "refold"));
    assert_int_equal(rf_graph_opset(f.qdq, "refold"), 0);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_become_signed_codes_with_one_scale_a_channel),
        cmocka_unit_test(plain_weights_are_what_the_simulation_multiplies_with),
        cmocka_unit_test(activations_become_uint8_with_the_offset_as_zero_point),
        cmocka_unit_test(a_bias_is_int32_on_the_scale_of_the_products),
        cmocka_unit_test(a_bias_stays_float_where_it_is_asked_for),
        cmocka_unit_test(a_dead_channel_keeps_its_bias),
        cmocka_unit_test(with_float_biases_qdq_equals_the_simulation_bit_for_bit),
        cmocka_unit_test(with_int32_biases_qdq_is_within_a_few_codes),
        cmocka_unit_test(a_grid_is_carried_over_operators_that_move_data),
        cmocka_unit_test(transposed_weights_are_stored_as_the_layer_reads_them),
        cmocka_unit_test(layers_of_the_same_weights_have_codes_of_their_own),
        cmocka_unit_test(activations_of_few_bits_are_cut_at_their_range),
        cmocka_unit_test(a_clip_at_the_ends_of_the_grid_is_left_out),
        cmocka_unit_test(a_clip_inside_the_grid_stays),
        cmocka_unit_test(a_softmax_of_fine_codes_is_kept_from_the_integer_kernel),
        cmocka_unit_test(int4_weights_raise_the_operator_set),
        cmocka_unit_test(sixteen_bit_activations_use_the_runtimes_own_operators),
        cmocka_unit_test(weights_of_more_than_eight_bits_are_refused_by_name),
        cmocka_unit_test(inputs_and_outputs_keep_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
