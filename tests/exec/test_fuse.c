/* Fused steps against the same graph planned node by node: an observer, which must see all, keeps nodes apart. */
#include "build_graph.h"

#include "../ref/layout_ref.h"
#include "exec/plan.h"

enum { BATCH = 3, IN = 2, HEIGHT = 9, WIDTH = 7, OUT = 5 };
#define TOL_SUMS 1e-6 /* relative: sums of a few hundred terms, in double but in another order */

typedef enum activation { NONE, RELU, CLIP_INPUTS, CLIP_ATTRIBUTES } activation;

/* One network: Conv, BatchNormalization, activation, quantizer, Conv. */
typedef struct chain_case {
    activation activation;
    int bitwidth; /* 0: no quantizer */
    const char *grid;
    int64_t channels;
    bool second_reader; /* of what BatchNormalization computes */
} chain_case;

static rf_value *random_constant(rf_graph *g, const char *name, rf_shape shape, unsigned seed,
                                 float shift)
{
    const int64_t count = rf_shape_product(&shape);
    float *values = ref_random(count, seed);
    for (int64_t i = 0; i < count; i++)
        values[i] = 0.5f * values[i] + shift;
    rf_value *v = build_floats(g, name, shape, values);
    free(values);
    return v;
}

static rf_value *add_bn(rf_graph *g, rf_value *x, int64_t c)
{
    const rf_shape vector = { 1, { c } };
    rf_value *const inputs[] = { x, random_constant(g, "gamma", vector, 2, 1.0f),
                                 random_constant(g, "beta", vector, 3, 0.5f),
                                 random_constant(g, "mean", vector, 4, 0.0f),
                                 random_constant(g, "var", vector, 5, 1.0f) };
    return build_node(g, "bn", "BatchNormalization", NULL, 5, inputs)->outputs[0];
}

static rf_value *add_activation(rf_graph *g, rf_value *x, activation which)
{
    const rf_shape one = { 1, { 1 } };
    if (which == NONE)
        return x;
    if (which == RELU)
        return build_node(g, "act", "Relu", NULL, 1, &x)->outputs[0];
    if (which == CLIP_INPUTS) {
        rf_value *low = build_floats(g, "low", one, (const float[]){ -0.25f });
        rf_value *high = build_floats(g, "high", one, (const float[]){ 1.5f });
        return build_node(g, "act", "Clip", NULL, 3, (rf_value *[]){ x, low, high })->outputs[0];
    }
    rf_node *n = build_node(g, "act", "Clip", NULL, 1, &x);
    CHECK_OK(g->ctx, rf_node_set_float(g, n, "max", 1.0f));
    return n->outputs[0];
}

static rf_value *add_quantizer(rf_graph *g, rf_value *x, const chain_case *c)
{
    const rf_shape one = { 1, { 1 } };
    if (!c->bitwidth)
        return x;
    rf_value *min = build_floats(g, "min", one, (const float[]){ -0.5f });
    rf_value *max = build_floats(g, "max", one, (const float[]){ 1.25f });
    rf_node *n =
        build_node(g, "quantizer", RF_FAKEQUANT, RF_DOMAIN, 3, (rf_value *[]){ x, min, max });
    CHECK_OK(g->ctx, rf_node_set_string(g, n, "kind", "activation"));
    CHECK_OK(g->ctx, rf_node_set_string(g, n, "grid", c->grid));
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "bitwidth", c->bitwidth));
    return n->outputs[0];
}

static rf_graph *network(rf_context *ctx, const chain_case *c)
{
    const rf_shape in = { 4, { -1, IN, HEIGHT, WIDTH } };
    const rf_shape first = { 4, { c->channels, IN, 1, 1 } },
                   second = { 4, { OUT, c->channels, 1, 1 } };
    rf_graph *g = NULL;
    rf_value *x = NULL;
    CHECK_OK(ctx, rf_graph_new(ctx, "test", &g));
    CHECK_OK(ctx, rf_graph_set_opset(g, "", c->activation == CLIP_ATTRIBUTES ? 10 : 13));
    CHECK_OK(ctx, rf_graph_set_opset(g, RF_DOMAIN, 1));
    CHECK_OK(ctx, rf_graph_add_input(g, "x", RF_DTYPE_F32, &in, &x));
    rf_value *w = random_constant(g, "w1", first, 6, 0.0f);
    rf_value *conv = build_node(g, "conv", "Conv", NULL, 2, (rf_value *[]){ x, w })->outputs[0];
    rf_value *bn = add_bn(g, conv, c->channels);
    rf_value *flow = add_quantizer(g, add_activation(g, bn, c->activation), c);
    rf_value *w2 = random_constant(g, "w2", second, 7, 0.0f);
    rf_value *y = build_node(g, "y", "Conv", NULL, 2, (rf_value *[]){ flow, w2 })->outputs[0];
    CHECK_OK(ctx, rf_graph_mark_output(g, y));
    if (c->second_reader)
        CHECK_OK(ctx, rf_graph_mark_output(g, build_node(g, "z", "Abs", NULL, 1, &bn)->outputs[0]));
    return g;
}

static rf_status look_away(void *user, const rf_node *n, const rf_view *src)
{
    (void)user;
    (void)n;
    (void)src;
    return RF_OK;
}

/* One graph with its plan, run once. */
typedef struct run {
    rf_graph *g;
    rf_plan *plan;
} run;

static run run_once(rf_context *ctx, const chain_case *c, rf_plan_options options)
{
    run r = { .g = network(ctx, c) };
    float *x = ref_random(BATCH * IN * HEIGHT * WIDTH, 8), *diff;
    options.batch = BATCH;
    CHECK_OK(ctx, rf_plan_new(r.g, &options, &r.plan));
    rf_plan_set_input(r.plan, 0, x);
    CHECK_OK(ctx, rf_plan_forward(r.plan));
    if (options.mode == RF_MODE_TRAIN) {
        const rf_view *to = rf_plan_diff_output(r.plan, 0);
        diff = ref_random(rf_view_count(to), 9);
        memcpy(to->data, diff, (size_t)rf_view_count(to) * sizeof *diff);
        CHECK_OK(ctx, rf_plan_backward(r.plan));
        free(diff);
    }
    free(x);
    return r;
}

static void finish(run *r)
{
    rf_plan_free(r->plan);
    rf_graph_free(r->g);
}

static bool has_step(const rf_plan *plan, const char *op)
{
    for (int i = 0; i < rf_plan_step_count(plan); i++)
        if (!strcmp(rf_plan_step(plan, i)->op->onnx_name, op))
            return true;
    return false;
}

static void compare_outputs(const run *fused, const run *apart)
{
    for (size_t i = 0; i < fused->g->outputs.count; i++) {
        const rf_view *a = rf_plan_output(fused->plan, (int)i);
        const rf_view *b = rf_plan_output(apart->plan, (int)i);
        assert_memory_equal(a->data, b->data, (size_t)rf_view_count(a) * sizeof(float));
    }
}

/* Every constant and its gradient: weights, BN parameters, ranges, and the running statistics. */
static void compare_constants(const run *fused, const run *apart)
{
    for (size_t i = 0; i < fused->g->values.count; i++) {
        const rf_value *v = fused->g->values.items[i];
        if (!v->constant)
            continue;
        const rf_value *w = rf_graph_find_value(apart->g, v->name);
        const rf_view *a = rf_plan_diff_param(fused->plan, v);
        const rf_view *b = rf_plan_diff_param(apart->plan, w);
        assert_memory_equal(v->constant->data, w->constant->data,
                            (size_t)v->constant->count * sizeof(float));
        assert_int_equal(a->data != NULL, b->data != NULL);
        for (int64_t k = 0; a->data && k < v->constant->count; k++)
            CHECK_NEAR(rf_view_f32(a)[k], rf_view_f32(b)[k], TOL_SUMS);
    }
}

static void compare_statistics(const run *fused, const run *apart)
{
    rf_bn_batch a, b;
    rf_bn_step_batch(rf_plan_step_of(fused->plan, rf_graph_find_node(fused->g, "bn")), &a);
    rf_bn_step_batch(rf_plan_step_of(apart->plan, rf_graph_find_node(apart->g, "bn")), &b);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.mean, b.mean, (size_t)a.channels * sizeof *a.mean);
    assert_memory_equal(a.var, b.var, (size_t)a.channels * sizeof *a.var);
}

static void compare(const chain_case *c, rf_plan_options options)
{
    rf_context *ctx = test_context();
    run fused = run_once(ctx, c, options);
    options.observe = look_away;
    run apart = run_once(ctx, c, options);
    assert_true(has_step(fused.plan, "BnActivation"));
    assert_false(has_step(fused.plan, "BatchNormalization"));
    assert_false(has_step(apart.plan, "BnActivation"));
    compare_outputs(&fused, &apart);
    compare_constants(&fused, &apart);
    compare_statistics(&fused, &apart);
    finish(&fused);
    finish(&apart);
    rf_context_free(ctx);
}

static const chain_case cases[] = {
    { .activation = RELU, .channels = 4 },
    { .activation = CLIP_INPUTS, .channels = 7 },
    { .activation = NONE, .bitwidth = 8, .grid = "learned", .channels = 4 },
    { .activation = RELU, .bitwidth = 8, .grid = "learned", .channels = 24 },
    { .activation = CLIP_INPUTS, .bitwidth = 4, .grid = "v2", .channels = 4 },
    { .activation = CLIP_ATTRIBUTES, .bitwidth = 8, .grid = "static", .channels = 4 },
    { .activation = RELU, .bitwidth = 16, .grid = "learned", .channels = 700 },
};
enum { CASES = sizeof cases / sizeof *cases };

static void inference_gives_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_INFER });
}

static void reestimation_sees_the_same_statistics(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_BN_BATCH });
}

static void training_gives_the_same_bits_forward_and_the_same_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_TRAIN });
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_TRAIN, .bn_frozen = true });
    }
}

/* What somebody else reads has to exist. */
static void a_second_reader_keeps_batch_normalization_apart(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const chain_case c = { .activation = RELU, .channels = 4, .second_reader = true };
    run r = run_once(ctx, &c, (rf_plan_options){ .mode = RF_MODE_INFER });
    assert_false(has_step(r.plan, "BnActivation"));
    finish(&r);
    rf_context_free(ctx);
}

static void a_file_cannot_ask_for_a_fused_step(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    rf_value *x = NULL;
    rf_plan *plan = NULL;
    const rf_shape one = { 1, { 1 } };
    const rf_plan_options options = { .batch = 1 };
    CHECK_OK(ctx, rf_graph_new(ctx, "test", &g));
    CHECK_OK(ctx, rf_graph_set_opset(g, RF_DOMAIN, 1));
    CHECK_OK(ctx, rf_graph_add_input(g, "x", RF_DTYPE_F32, &one, &x));
    rf_node *n =
        build_node(g, "fused", "BnActivation", RF_DOMAIN, 5, (rf_value *[]){ x, x, x, x, x });
    CHECK_OK(ctx, rf_graph_mark_output(g, n->outputs[0]));
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "'fused': stands in a file", rf_plan_new(g, &options, &plan));
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_gives_the_same_bits),
        cmocka_unit_test(reestimation_sees_the_same_statistics),
        cmocka_unit_test(training_gives_the_same_bits_forward_and_the_same_gradients),
        cmocka_unit_test(a_second_reader_keeps_batch_normalization_apart),
        cmocka_unit_test(a_file_cannot_ask_for_a_fused_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
