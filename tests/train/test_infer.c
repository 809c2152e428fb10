/* Inference in batches: short last batches, fixed batches, refusals. */
#include "bn/bn_nets.h"

/* x [batch, 2] -> Gemm (2): y = x W + b with known numbers. */
static rf_graph *known_net(rf_context *ctx, int64_t batch)
{
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ batch, 2 });
    bn_net_gemm(&n, "fc", 2, 2);
    memcpy(net_floats(n.g, "fc.weight"), (float[]){ 1, 2, 3, 4 }, 4 * sizeof(float));
    memcpy(net_floats(n.g, "fc.bias"), (float[]){ 10, 20 }, 2 * sizeof(float));
    return bn_net_finish(&n);
}

static rf_tensor *ramp(rf_context *ctx, int64_t samples)
{
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 2, (int64_t[]){ samples, 2 }, &t));
    for (int64_t i = 0; i < t->count; i++)
        rf_tensor_f32(t)[i] = (float)i;
    return t;
}

static void check_outputs(const rf_tensor *y, int64_t samples)
{
    assert_int_equal(y->shape.dims[0], samples);
    for (int64_t i = 0; i < samples; i++) {
        const double a = 2.0 * (double)i, b = a + 1.0;
        CHECK_NEAR(rf_tensor_f32(y)[2 * i], a + 2.0 * b + 10.0, 1e-6);
        CHECK_NEAR(rf_tensor_f32(y)[2 * i + 1], 3.0 * a + 4.0 * b + 20.0, 1e-6);
    }
}

static void every_sample_comes_out_whatever_the_batch(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = known_net(ctx, -1);
    rf_tensor *x = ramp(ctx, 7);
    (void)state;
    for (int64_t batch = 1; batch <= 9; batch++) {
        rf_tensor *y = NULL;
        CHECK_OK(ctx, rf_infer(g, (const rf_tensor *const *)&x, batch, &y));
        check_outputs(y, 7);
        rf_tensor_free(y);
    }
    rf_tensor_free(x);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_fixed_batch_is_filled_up(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = known_net(ctx, 4);
    (void)state;
    for (int64_t samples = 1; samples <= 9; samples += 4) {
        rf_tensor *x = ramp(ctx, samples), *y = NULL;
        CHECK_OK(ctx, rf_infer(g, (const rf_tensor *const *)&x, 4, &y));
        check_outputs(y, samples);
        rf_tensor_free(x);
        rf_tensor_free(y);
    }
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void wrong_inputs_are_refused(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *fixed = known_net(ctx, 4), *free_batch = known_net(ctx, -1);
    rf_tensor *x = ramp(ctx, 3), *none = ramp(ctx, 0), *labels = NULL, *image = NULL, *wide = NULL,
              *y = NULL;
    (void)state;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_I64, 2, (int64_t[]){ 3, 2 }, &labels));
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 3, (int64_t[]){ 1, 2, 2 }, &image));
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 2, (int64_t[]){ 1, 3 }, &wide));
    CHECK_FAILS(ctx, RF_EARG, "batches of 4", rf_infer(fixed, (const rf_tensor *const *)&x, 3, &y));
    CHECK_FAILS(ctx, RF_EARG, "batch 0", rf_infer(free_batch, (const rf_tensor *const *)&x, 0, &y));
    CHECK_FAILS(ctx, RF_EDATA, "no samples",
                rf_infer(free_batch, (const rf_tensor *const *)&none, 1, &y));
    CHECK_FAILS(ctx, RF_EDATA, "input 'x': found [1, 2, 2], the model takes",
                rf_infer(free_batch, (const rf_tensor *const *)&image, 1, &y));
    CHECK_FAILS(ctx, RF_EDATA, "found [1, 3]",
                rf_infer(free_batch, (const rf_tensor *const *)&wide, 1, &y));
    CHECK_FAILS(ctx, RF_EDATA, "int64",
                rf_infer(free_batch, (const rf_tensor *const *)&labels, 1, &y));
    assert_null(y);
    rf_tensor_free(x);
    rf_tensor_free(none);
    rf_tensor_free(labels);
    rf_tensor_free(image);
    rf_tensor_free(wide);
    rf_graph_free(fixed);
    rf_graph_free(free_batch);
    rf_context_free(ctx);
}

static void inputs_that_cannot_be_fed_are_refused(void **state)
{
    rf_context *ctx = test_context();
    const rf_shape shape = rf_shape_of(2, (int64_t[]){ -1, 2 });
    const rf_shape shape_of_one = rf_shape_of(1, (int64_t[]){ 1 });
    bn_net n = { .ctx = ctx };
    net_data d = net_data_new(ctx, 2, (int64_t[]){ 4, 2 }, 2);
    rf_tensor *x = ramp(ctx, 3), *y = NULL;
    rf_accuracy accuracy;
    (void)state;
    CHECK_OK(ctx, rf_graph_new(ctx, "net", &n.g));
    CHECK_OK(ctx, rf_graph_set_opset(n.g, "", 13));
    CHECK_OK(ctx, rf_graph_add_input(n.g, "ids", RF_DTYPE_I64, &shape, &n.at));
    rf_node *cast = bn_net_op(&n, "Cast", "cast");
    CHECK_OK(ctx, rf_node_set_int(n.g, cast, "to", 1));
    rf_graph *g = bn_net_finish(&n);
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "input 'ids' of the model is int64",
                rf_infer(g, (const rf_tensor *const *)&x, 3, &y));
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "input 'ids' of the model is int64",
                rf_evaluate(g, d.dataset, 4, &accuracy));
    rf_graph_free(g);
    CHECK_OK(ctx, rf_graph_new(ctx, "net", &n.g));
    CHECK_OK(ctx, rf_graph_set_opset(n.g, "", 13));
    n.at = bn_net_constant(&n, "c", "value", shape_of_one, 0.0, 1.0);
    bn_net_op(&n, "Relu", "relu");
    g = bn_net_finish(&n);
    CHECK_FAILS(ctx, RF_EMODEL, "no inputs", rf_infer(g, NULL, 3, &y));
    CHECK_FAILS(ctx, RF_EMODEL, "no inputs", rf_evaluate(g, d.dataset, 4, &accuracy));
    rf_tensor_free(x);
    net_data_close(&d);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* Coordinates of the positive elements of x [batch, 2]: as many as there are. */
static void a_list_comes_out_of_a_single_batch(void **state)
{
    rf_context *ctx = test_context();
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 2 });
    rf_tensor *x = ramp(ctx, 2), *y = NULL; /* 0 1, 2 3 */
    (void)state;
    bn_net_op(&n, "NonZero", "found");
    rf_graph *g = bn_net_finish(&n);
    CHECK_OK(ctx, rf_infer(g, (const rf_tensor *const *)&x, 8, &y));
    assert_int_equal(y->shape.dims[0], 2);
    assert_int_equal(y->shape.dims[1], 3);
    const int64_t expected[] = { 0, 1, 1, 1, 0, 1 };
    assert_memory_equal(y->data, expected, sizeof expected);
    rf_tensor_free(y);
    CHECK_FAILS(ctx, RF_ESHAPE, "run one sample at a time, or all 2 as one batch",
                rf_infer(g, (const rf_tensor *const *)&x, 1, &y));
    rf_tensor_free(x);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_out_whatever_the_batch),
        cmocka_unit_test(a_fixed_batch_is_filled_up),
        cmocka_unit_test(wrong_inputs_are_refused),
        cmocka_unit_test(a_list_comes_out_of_a_single_batch),
        cmocka_unit_test(inputs_that_cannot_be_fed_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
