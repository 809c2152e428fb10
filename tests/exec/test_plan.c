/* Plans: shapes, gradients that meet, constant folding, quantizers that pass through, refusals. */
#include "build_graph.h"

#include "exec/plan.h"

#define TOL_F32 1e-6 /* relative; a handful of float32 additions */

static rf_value *longs(rf_graph *g, const char *name, int64_t count, const int64_t *values)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_tensor_new(g->ctx, RF_DTYPE_I64, 1, &count, &t));
    memcpy(t->data, values, (size_t)count * sizeof *values);
    CHECK_OK(g->ctx, rf_graph_take_constant(g, name, t, &v));
    return v;
}

static rf_value *node(rf_graph *g, const char *name, const char *op, const char *domain, int count,
                      rf_value *const *inputs)
{
    return build_node(g, name, op, domain, count, inputs)->outputs[0];
}

static rf_plan *plan_of(rf_graph *g, int64_t batch, rf_mode mode)
{
    rf_plan *plan = NULL;
    const rf_plan_options o = { .batch = batch, .mode = mode };
    CHECK_OK(g->ctx, rf_plan_new(g, &o, &plan));
    return plan;
}

/* y = relu(x + b) + (x + b): the gradient of x + b comes from two consumers. */
static void gradients_of_two_consumers_are_added(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 2, { -1, 3 } });
    rf_value *b = build_floats(g, "b", (rf_shape){ 1, { 3 } }, (const float[]){ 1, -5, 0.5f });
    rf_value *sum = node(g, "sum", "Add", NULL, 2, (rf_value *[]){ x, b });
    rf_value *relu = node(g, "relu", "Relu", NULL, 1, (rf_value *[]){ sum });
    rf_value *y = node(g, "y", "Add", NULL, 2, (rf_value *[]){ relu, sum });
    CHECK_OK(ctx, rf_graph_mark_output(g, y));

    rf_plan *plan = plan_of(g, 2, RF_MODE_TRAIN);
    for (int repeat = 0; repeat < 2; repeat++) {
        rf_plan_set_input(plan, 0, (const float[]){ 1, 1, 1, 2, 2, 2 });
        CHECK_OK(ctx, rf_plan_forward(plan));
        const float expected[] = { 4, -4, 3, 6, -3, 5 };
        for (int i = 0; i < 6; i++)
            CHECK_NEAR(rf_view_f32(rf_plan_output(plan, 0))[i], expected[i], TOL_F32);
        rf_view *diff = rf_plan_diff_output(plan, 0);
        for (int i = 0; i < 6; i++)
            rf_view_f32(diff)[i] = (float)(i + 1);
        CHECK_OK(ctx, rf_plan_backward(plan));
        const float *db = rf_view_f32(rf_plan_diff_param(plan, b));
        CHECK_NEAR(db[0], 2 * (1 + 4), TOL_F32); /* relu open: twice */
        CHECK_NEAR(db[1], 2 + 5, TOL_F32);       /* relu closed: once */
        CHECK_NEAR(db[2], 2 * (3 + 6), TOL_F32);
    }
    rf_plan_free(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_value_used_twice_by_one_node_gets_both_gradients(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 2, { -1, 2 } });
    rf_value *b = build_floats(g, "b", (rf_shape){ 1, { 2 } }, (const float[]){ 1, 2 });
    rf_value *s = node(g, "s", "Add", NULL, 2, (rf_value *[]){ x, b });
    CHECK_OK(ctx, rf_graph_mark_output(g, node(g, "y", "Mul", NULL, 2, (rf_value *[]){ s, s })));
    rf_plan *plan = plan_of(g, 1, RF_MODE_TRAIN);
    rf_plan_set_input(plan, 0, (const float[]){ 3, 4 });
    CHECK_OK(ctx, rf_plan_forward(plan));
    rf_view_f32(rf_plan_diff_output(plan, 0))[0] = 1;
    rf_view_f32(rf_plan_diff_output(plan, 0))[1] = 1;
    CHECK_OK(ctx, rf_plan_backward(plan));
    CHECK_NEAR(rf_view_f32(rf_plan_diff_param(plan, b))[0], 8, TOL_F32);
    CHECK_NEAR(rf_view_f32(rf_plan_diff_param(plan, b))[1], 12, TOL_F32);
    rf_plan_free(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as PyTorch writes x.view(x.size(0), -1). */
static void shape_arithmetic_leaves_no_steps(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 4, { -1, 2, 3, 2 } });
    rf_value *zero = longs(g, "zero", 1, (const int64_t[]){ 0 });
    rf_value *minus = longs(g, "minus", 1, (const int64_t[]){ -1 });
    rf_value *shape = node(g, "shape", "Shape", NULL, 1, (rf_value *[]){ x });
    rf_value *n = node(g, "n", "Gather", NULL, 2, (rf_value *[]){ shape, zero });
    rf_value *target = node(g, "target", "Concat", NULL, 2, (rf_value *[]){ n, minus });
    CHECK_OK(ctx, rf_node_set_int(g, target->producer, "axis", 0));
    rf_value *y = node(g, "y", "Reshape", NULL, 2, (rf_value *[]){ x, target });
    CHECK_OK(ctx, rf_graph_mark_output(g, y));
    rf_plan *plan = plan_of(g, 2, RF_MODE_INFER);
    const rf_view *out = rf_plan_output(plan, 0);
    assert_int_equal(out->rank, 2);
    assert_int_equal(out->dims[0], 2);
    assert_int_equal(out->dims[1], 12);
    assert_true(rf_plan_step_count(plan) <= 2); /* Layout and Reshape */
    float values[24];
    for (int i = 0; i < 24; i++)
        values[i] = (float)i;
    rf_plan_set_input(plan, 0, values);
    CHECK_OK(ctx, rf_plan_forward(plan));
    assert_memory_equal(out->data, values, sizeof values);
    rf_plan_free(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_batch_that_the_model_does_not_take_is_refused(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 2, { 1, 3 } });
    CHECK_OK(ctx, rf_graph_mark_output(g, node(g, "y", "Relu", NULL, 1, (rf_value *[]){ x })));
    rf_plan *plan = NULL;
    const rf_plan_options o = { .batch = 8, .mode = RF_MODE_INFER };
    CHECK_FAILS(ctx, RF_EARG, "fixed to a batch of 1, asked for 8", rf_plan_new(g, &o, &plan));
    assert_null(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void an_unknown_operator_is_named_with_its_node(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 2, { -1, 3 } });
    CHECK_OK(ctx,
             rf_graph_mark_output(g, node(g, "nms", "NoSuchOp", NULL, 1, (rf_value *[]){ x })));
    rf_plan *plan = NULL;
    const rf_plan_options o = { .batch = 1, .mode = RF_MODE_INFER };
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "'NoSuchOp' (node 'nms')", rf_plan_new(g, &o, &plan));
    rf_graph_free(g);
    rf_context_free(ctx);
}

/* A step that leads to no output neither runs nor holds memory. */
static void dead_branches_are_dropped(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 2, { -1, 4096 } });
    rf_value *y = node(g, "y", "Relu", NULL, 1, (rf_value *[]){ x });
    rf_plan *small = NULL, *large = NULL;
    CHECK_OK(ctx, rf_graph_mark_output(g, y));
    small = plan_of(g, 4, RF_MODE_INFER);
    rf_value *dead = node(g, "dead", "Sigmoid", NULL, 1, (rf_value *[]){ x });
    (void)node(g, "unknown", "Conundrum", NULL, 1, (rf_value *[]){ dead });
    large = plan_of(g, 4, RF_MODE_INFER);
    assert_int_equal(rf_plan_bytes(small), rf_plan_bytes(large));
    rf_plan_free(small);
    rf_plan_free(large);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static rf_value *quantizer(rf_graph *g, rf_value *x, float min, float max)
{
    rf_value *lo = build_floats(g, "lo", (rf_shape){ 1, { 1 } }, &min);
    rf_value *hi = build_floats(g, "hi", (rf_shape){ 1, { 1 } }, &max);
    rf_value *q = node(g, "q", RF_FAKEQUANT, RF_DOMAIN, 3, (rf_value *[]){ x, lo, hi });
    rf_node *n = q->producer;
    CHECK_OK(g->ctx, rf_node_set_string(g, n, "kind", "activation"));
    CHECK_OK(g->ctx, rf_node_set_string(g, n, "grid", "learned"));
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "bitwidth", 2));
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "axis", -1));
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "enabled", 1));
    return q;
}

static rf_status count_values(void *user, const rf_node *n, const rf_view *src)
{
    assert_string_equal(n->name, "q");
    *(int64_t *)user += rf_view_count(src);
    return RF_OK;
}

static void activation_quantizers_quantize_or_only_observe(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 2, { -1, 3 } });
    CHECK_OK(ctx, rf_graph_mark_output(g, quantizer(g, x, 0, 3)));
    const float values[] = { 0.6f, 2.4f, 9 };
    rf_plan *plan = plan_of(g, 1, RF_MODE_INFER);
    rf_plan_set_input(plan, 0, values);
    CHECK_OK(ctx, rf_plan_forward(plan));
    const float *y = rf_view_f32(rf_plan_output(plan, 0));
    assert_true(y[0] == 1 && y[1] == 2 && y[2] == 3);
    rf_plan_free(plan);

    int64_t seen = 0;
    const rf_plan_options o = { .batch = 1,
                                .mode = RF_MODE_INFER,
                                .bypass_activations = true,
                                .observe = count_values,
                                .observe_user = &seen };
    CHECK_OK(ctx, rf_plan_new(g, &o, &plan));
    rf_plan_set_input(plan, 0, values);
    CHECK_OK(ctx, rf_plan_forward(plan));
    assert_memory_equal(rf_plan_output(plan, 0)->data, values, sizeof values);
    assert_int_equal(seen, 3);
    rf_plan_free(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_two_consumers_are_added),
        cmocka_unit_test(a_value_used_twice_by_one_node_gets_both_gradients),
        cmocka_unit_test(shape_arithmetic_leaves_no_steps),
        cmocka_unit_test(a_batch_that_the_model_does_not_take_is_refused),
        cmocka_unit_test(an_unknown_operator_is_named_with_its_node),
        cmocka_unit_test(dead_branches_are_dropped),
        cmocka_unit_test(activation_quantizers_quantize_or_only_observe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
