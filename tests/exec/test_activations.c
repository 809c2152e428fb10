/* An activation that is spelt out runs as one step, and computes what its parts compute. */
#include "build_graph.h"
#include "exec/plan.h"

enum { COUNT = 24 };
#define TOL_PARTS 2e-6 /* a few roundings more or less than the parts */

static rf_value *number(rf_graph *g, const char *name, float value)
{
    return build_floats(g, name, (rf_shape){ 0 }, &value);
}

/* Append op(a, b); b may be NULL. */
static rf_value *add(rf_graph *g, const char *name, const char *op, rf_value *a, rf_value *b)
{
    return build_node(g, name, op, NULL, b ? 2 : 1, (rf_value *[]){ a, b })->outputs[0];
}

static rf_value *swish(rf_graph *g, rf_value *x, rf_value **part)
{
    *part = add(g, "s", "Sigmoid", x, NULL);
    return add(g, "y", "Mul", x, *part);
}

static rf_value *mish(rf_graph *g, rf_value *x, rf_value **part)
{
    *part = add(g, "t", "Tanh", add(g, "p", "Softplus", x, NULL), NULL);
    return add(g, "y", "Mul", x, *part);
}

static rf_value *hard_swish(rf_graph *g, rf_value *x, rf_value **part)
{
    rf_value *sum = add(g, "sum", "Add", x, number(g, "three", 3.0f));
    rf_value *bounds[] = { sum, number(g, "zero", 0.0f), number(g, "six", 6.0f) };
    *part = build_node(g, "clip", "Clip", NULL, 3, bounds)->outputs[0];
    return add(g, "y", "Div", add(g, "m", "Mul", x, *part), bounds[2]);
}

static rf_value *gelu(rf_graph *g, rf_value *x, rf_value **part)
{
    rf_value *scaled = add(g, "d", "Div", x, number(g, "root", 1.41421356f));
    *part = add(g, "a", "Add", add(g, "e", "Erf", scaled, NULL), number(g, "one", 1.0f));
    return add(g, "y", "Mul", add(g, "m", "Mul", x, *part), number(g, "half", 0.5f));
}

static rf_value *(*const builders[])(rf_graph *g, rf_value *x,
                                     rf_value **part) = { swish, mish, hard_swish, gelu };

/* Outputs, and gradients of a factor w in front of the activation. */
typedef struct result {
    float y[COUNT], diff[COUNT];
    int steps;
} result;

static void copy_out(const rf_view *from, float *to)
{
    const rf_shape shape = rf_view_shape(from);
    rf_view plain;
    rf_view_init(&plain, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    plain.data = to;
    assert_int_equal(rf_view_count(from), COUNT);
    rf_view_copy(from, &plain);
}

/* apart: the part is an output as well, which keeps the nodes apart. */
static result run(rf_context *ctx, int builder, bool apart)
{
    const rf_shape shape = { 4, { 1, 2, 3, 4 } };
    const rf_plan_options options = { .batch = 1, .mode = RF_MODE_TRAIN };
    float x[COUNT], ones[COUNT];
    result r = { .steps = 0 };
    rf_plan *plan = NULL;
    rf_graph *g = build_graph(ctx);
    for (int i = 0; i < COUNT; i++) {
        x[i] = (float)(i - COUNT / 2) * 0.37f;
        ones[i] = 1.0f;
    }
    rf_value *w = build_floats(g, "w", shape, ones), *part;
    rf_value *in = add(g, "in", "Mul", build_input(g, "x", shape), w);
    CHECK_OK(ctx, rf_graph_mark_output(g, builders[builder](g, in, &part)));
    if (apart)
        CHECK_OK(ctx, rf_graph_mark_output(g, part));
    rf_params params = { 0 };
    CHECK_OK(ctx, rf_params_collect(g, &params));
    RF_VEC_RELEASE(ctx, &params);
    CHECK_OK(ctx, rf_plan_new(g, &options, &plan));
    rf_plan_set_input(plan, 0, x);
    CHECK_OK(ctx, rf_plan_forward(plan));
    memcpy(rf_plan_diff_output(plan, 0)->data, ones, sizeof ones);
    CHECK_OK(ctx, rf_plan_backward(plan));
    copy_out(rf_plan_output(plan, 0), r.y);
    copy_out(rf_plan_diff_param(plan, w), r.diff);
    r.steps = rf_plan_step_count(plan);
    rf_plan_free(plan);
    rf_graph_free(g);
    return r;
}

static void the_parts_become_one_step_with_the_same_numbers(void **state)
{
    rf_context *ctx = test_context();
    (void)state;
    for (size_t b = 0; b < sizeof builders / sizeof builders[0]; b++) {
        const result whole = run(ctx, (int)b, false), parts = run(ctx, (int)b, true);
        assert_int_equal(whole.steps, 2);
        assert_true(parts.steps > 2);
        for (int i = 0; i < COUNT; i++) {
            CHECK_NEAR(whole.y[i], parts.y[i], TOL_PARTS);
            CHECK_NEAR(whole.diff[i], parts.diff[i], 10 * TOL_PARTS);
        }
    }
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        the_parts_become_one_step_with_the_same_numbers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
