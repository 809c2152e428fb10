/* Nodes whose shapes depend on what flows: run in inference behind a network, refused in training. */
#include "build_graph.h"

#include "exec/plan.h"

static rf_value *build_int(rf_graph *g, const char *name, int64_t value)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    const int64_t one = 1;
    CHECK_OK(g->ctx, rf_tensor_new(g->ctx, RF_DTYPE_I64, 1, &one, &t));
    rf_tensor_i64(t)[0] = value;
    CHECK_OK(g->ctx, rf_graph_take_constant(g, name, t, &v));
    return v;
}

/* y = (x * scale)[:, :, where x > 0 at most], a convolution's output cut at a computed index; then Relu. */
static rf_graph *cut_network(rf_context *ctx)
{
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", rf_shape_of(3, (const int64_t[]){ -1, 2, 4 }));
    const float weights[] = { 1.0f, 0.0f, 0.0f, 2.0f };
    rf_value *w = build_floats(g, "w", rf_shape_of(3, (const int64_t[]){ 2, 2, 1 }), weights);
    rf_node *conv = build_node(g, "conv", "Conv", "", 2, (rf_value *const[]){ x, w });
    rf_node *found = build_node(g, "found", "NonZero", "", 1, conv->outputs);
    rf_node *shape = build_node(g, "shape", "Shape", "", 1, found->outputs);
    rf_value *zero = build_int(g, "zero", 0), *one = build_int(g, "one", 1);
    rf_node *count =
        build_node(g, "count", "Slice", "", 4,
                   (rf_value *const[]){ shape->outputs[0], one, build_int(g, "two", 2), zero });
    rf_node *cut = build_node(
        g, "cut", "Slice", "", 4,
        (rf_value *const[]){ conv->outputs[0], zero, count->outputs[0], build_int(g, "axis", 2) });
    rf_node *after =
        build_node(g, "after", "Conv", "", 2, (rf_value *const[]){ cut->outputs[0], w });
    rf_node *relu = build_node(g, "relu", "Relu", "", 1, after->outputs);
    CHECK_OK(ctx, rf_graph_mark_output(g, conv->outputs[0]));
    CHECK_OK(ctx, rf_graph_mark_output(g, relu->outputs[0]));
    return g;
}

static void expect_cut(rf_plan *plan, rf_context *ctx, const float *x, int64_t length,
                       const float *expected)
{
    rf_plan_set_input(plan, 0, x);
    CHECK_OK(ctx, rf_plan_forward(plan));
    const rf_view *y = rf_plan_output(plan, 1);
    assert_int_equal(y->rank, 3);
    assert_int_equal(y->dims[2], length);
    for (int64_t i = 0; i < 2 * length; i++)
        assert_true(rf_view_f32(y)[i] == expected[i]);
}

static void shapes_follow_the_data_of_each_call(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = cut_network(ctx);
    const rf_plan_options options = { .batch = 1, .mode = RF_MODE_INFER };
    rf_plan *plan = NULL;
    CHECK_OK(ctx, rf_plan_new(g, &options, &plan));
    expect_cut(plan, ctx, (const float[]){ 1, 2, 0, 0, 3, 0, 0, 0 }, 3,
               (const float[]){ 1, 2, 0, 12, 0, 0 });
    expect_cut(plan, ctx, (const float[]){ 0, 0, 0, 0, 3, 0, 0, 0 }, 1, (const float[]){ 0, 12 });
    expect_cut(plan, ctx, (const float[]){ -1, 2, 0, 0, 3, 0, 0, 0 }, 3,
               (const float[]){ 0, 2, 0, 12, 0, 0 });
    rf_plan_free(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void training_is_refused_with_the_node(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = cut_network(ctx);
    const rf_plan_options options = { .batch = 1, .mode = RF_MODE_TRAIN };
    rf_plan *plan = NULL;
    CHECK_FAILS(
        ctx, RF_EUNSUPPORTED,
        "NonZero 'found': its shapes depend on the data, so that it can be run but not trained",
        rf_plan_new(g, &options, &plan));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void faults_at_run_time_are_told(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", rf_shape_of(2, (const int64_t[]){ -1, 3 }));
    rf_node *found = build_node(g, "found", "NonZero", "", 1, &x);
    rf_node *bad = build_node(g, "bad", "Squeeze", "", 2,
                              (rf_value *const[]){ found->outputs[0], build_int(g, "axis", 1) });
    CHECK_OK(ctx, rf_graph_mark_output(g, bad->outputs[0]));
    const rf_plan_options options = { .batch = 1, .mode = RF_MODE_INFER };
    rf_plan *plan = NULL;
    CHECK_OK(ctx, rf_plan_new(g, &options, &plan));
    rf_plan_set_input(plan, 0, (const float[]){ 0, 1, 0 });
    CHECK_OK(ctx, rf_plan_forward(plan));
    rf_plan_set_input(plan, 0, (const float[]){ 1, 1, 0 });
    CHECK_FAILS(ctx, RF_ESHAPE, "Squeeze 'bad'", rf_plan_forward(plan));
    rf_plan_free(plan);
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_follow_the_data_of_each_call),
        cmocka_unit_test(training_is_refused_with_the_node),
        cmocka_unit_test(faults_at_run_time_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
