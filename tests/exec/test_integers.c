/* The integer engine against the float engine on the same graph: values, statistics, gradients, and who computes how. */
#include "build_graph.h"

#include "../ref/layout_ref.h"
#include "dnn/dnn.h"
#include "exec/plan.h"

enum { BATCH = 3, IN = 5, SIZE = 9, MID = 16, CLASSES = 7 };
#define TOL_F32 2e-5      /* relative to 1: float32 sums of some hundred terms against exact ones */
#define TOL_GRADIENT 1e-3 /* sums of gradients where single values on ties go through or not */

/* What varies between networks. */
typedef struct net_case {
    int weight_bits, activation_bits;
    const char *grid;
    bool per_tensor, bn, bias;
    bool mat_mul; /* the last layer, [in, out] weights; else Gemm */
} net_case;

static rf_value *random_constant(rf_graph *g, const char *name, rf_shape shape, unsigned seed,
                                 float low, float high)
{
    const int64_t count = rf_shape_product(&shape);
    float *values = ref_random(count, seed);
    for (int64_t i = 0; i < count; i++)
        values[i] = low + (high - low) * 0.5f * (values[i] + 1.0f);
    rf_value *v = build_floats(g, name, shape, values);
    free(values);
    return v;
}

static const char *named(char *buffer, const char *stem, const char *suffix)
{
    snprintf(buffer, 64, "%.32s_%.16s", stem, suffix);
    return buffer;
}

static rf_value *fill(rf_graph *g, const char *name, int64_t count, float value)
{
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = value * (1.0f + 0.1f * (float)(i % 5));
    rf_value *v = build_floats(g, name, rf_shape_of(1, &count), values);
    free(values);
    return v;
}

static rf_value *quantize(rf_graph *g, const char *name, rf_value *x, const char *kind, int bits,
                          const char *grid, int64_t channels, float low, float high)
{
    char text[64];
    rf_value *min = fill(g, named(text, name, "min"), channels, low);
    rf_value *max = fill(g, named(text, name, "max"), channels, high);
    rf_node *n = build_node(g, name, RF_FAKEQUANT, RF_DOMAIN, 3, (rf_value *[]){ x, min, max });
    CHECK_OK(g->ctx, rf_node_set_string(g, n, "kind", kind));
    CHECK_OK(g->ctx, rf_node_set_string(g, n, "grid", grid));
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "bitwidth", bits));
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "symmetric", low == -high));
    const bool last = channels > 1 && x->shape.dims[0] != channels; /* MatMul's weights */
    CHECK_OK(g->ctx, rf_node_set_int(g, n, "axis", channels > 1 ? last : -1));
    return n->outputs[0];
}

/* A layer with quantized weights. */
static rf_value *layer(rf_graph *g, const char *name, const char *op, rf_value *x, rf_shape shape,
                       const net_case *c, unsigned seed)
{
    char text[64];
    rf_value *w = random_constant(g, named(text, name, "w"), shape, seed, -0.5f, 0.5f);
    rf_value *inputs[3] = { x, w, NULL };
    char quantizer[16];
    snprintf(quantizer, sizeof quantizer, "%.8s_wq", name);
    const bool mat_mul = !strcmp(op, "MatMul");
    inputs[1] = quantize(g, quantizer, w, "param", c->weight_bits, c->grid,
                         c->per_tensor ? 1 : shape.dims[mat_mul], -0.5f, 0.5f);
    if (c->bias && !mat_mul)
        inputs[2] = random_constant(g, named(text, name, "b"), rf_shape_of(1, shape.dims), seed + 9,
                                    -0.3f, 0.3f);
    rf_node *n = build_node(g, name, op, NULL, inputs[2] ? 3 : 2, inputs);
    if (!strcmp(op, "Conv")) {
        const int64_t pads[] = { shape.dims[2] / 2, shape.dims[3] / 2, shape.dims[2] / 2,
                                 shape.dims[3] / 2 };
        CHECK_OK(g->ctx, rf_node_set_ints(g, n, "pads", pads, 4));
        CHECK_OK(g->ctx, rf_node_set_int(g, n, "group", shape.dims[1] == 1 ? shape.dims[0] : 1));
    } else if (!mat_mul) {
        CHECK_OK(g->ctx, rf_node_set_int(g, n, "transB", 1));
    }
    return n->outputs[0];
}

static rf_value *normalize(rf_graph *g, const char *name, rf_value *x, int64_t channels)
{
    const char *const parts[] = { "gamma", "beta", "mean", "var" };
    rf_value *inputs[5] = { x };
    for (int i = 0; i < 4; i++) {
        char text[64];
        inputs[i + 1] = random_constant(g, named(text, name, parts[i]), rf_shape_of(1, &channels),
                                        20 + (unsigned)i, i % 3 ? -0.2f : 0.8f, 1.2f);
    }
    return build_node(g, name, "BatchNormalization", NULL, 5, inputs)->outputs[0];
}

/* Conv, depthwise Conv with a shortcut, Conv and Gemm or MatMul, codes between all of them; the input's zero point is not 0. */
static rf_graph *network(rf_context *ctx, const net_case *c)
{
    rf_graph *g = build_graph(ctx);
    rf_value *x = build_input(g, "x", (rf_shape){ 4, { -1, IN, SIZE, SIZE } });
    const int bits = c->activation_bits;
    x = quantize(g, "q0", x, "activation", bits, c->grid, 1, -0.8f, 1.1f);
    x = layer(g, "conv1", "Conv", x, (rf_shape){ 4, { MID, IN, 3, 3 } }, c, 1);
    if (c->bn)
        x = normalize(g, "bn1", x, MID);
    x = build_node(g, "relu1", "Relu", NULL, 1, &x)->outputs[0];
    x = quantize(g, "q1", x, "activation", bits, c->grid, 1, 0.0f, 2.5f);
    CHECK_OK(ctx, rf_graph_mark_output(g, build_node(g, "seen", "Abs", NULL, 1, &x)->outputs[0]));
    rf_value *shortcut = x;
    x = layer(g, "conv2", "Conv", x, (rf_shape){ 4, { MID, 1, 3, 3 } }, c, 2);
    if (c->bn)
        x = normalize(g, "bn2", x, MID);
    x = quantize(g, "q2", x, "activation", bits, c->grid, 1, -2.0f, 2.0f * 1.01f);
    x = build_node(g, "add", "Add", NULL, 2, (rf_value *[]){ x, shortcut })->outputs[0];
    x = build_node(g, "relu2", "Relu", NULL, 1, &x)->outputs[0];
    x = quantize(g, "qadd", x, "activation", bits, c->grid, 1, 0.0f, 3.0f);
    x = layer(g, "conv3", "Conv", x, (rf_shape){ 4, { 4, MID, SIZE, SIZE } }, c, 3);
    x = build_node(g, "relu3", "Relu", NULL, 1, &x)->outputs[0];
    x = quantize(g, "q3", x, "activation", bits, c->grid, 1, 0.0f, 4.0f);
    x = build_node(g, "flat", "Flatten", NULL, 1, &x)->outputs[0];
    x = c->mat_mul
            ? layer(g, "fc", "MatMul", x, (rf_shape){ 2, { 4 * SIZE * SIZE, CLASSES } }, c, 4)
            : layer(g, "fc", "Gemm", x, (rf_shape){ 2, { CLASSES, 4 * SIZE * SIZE } }, c, 4);
    CHECK_OK(ctx, rf_graph_mark_output(g, x));
    return g;
}

typedef struct run {
    rf_context *ctx;
    rf_graph *g;
    rf_plan *plan;
} run;

static run run_once(const net_case *c, rf_compute compute, rf_plan_options options)
{
    const rf_context_options context = { .threads = test_threads(), .seed = 1, .compute = compute };
    run r = { 0 };
    assert_int_equal(rf_context_new(&context, &r.ctx), RF_OK);
    r.g = network(r.ctx, c);
    float *x = ref_random(BATCH * IN * SIZE * SIZE, 8);
    options.batch = BATCH;
    CHECK_OK(r.ctx, rf_plan_new(r.g, &options, &r.plan));
    rf_plan_set_input(r.plan, 0, x);
    free(x);
    CHECK_OK(r.ctx, rf_plan_forward(r.plan));
    if (options.mode != RF_MODE_TRAIN)
        return r;
    const rf_view *to = rf_plan_diff_output(r.plan, 1);
    float *diff = ref_random(rf_view_count(to), 9);
    memcpy(to->data, diff, (size_t)rf_view_count(to) * sizeof *diff);
    free(diff);
    CHECK_OK(r.ctx, rf_plan_backward(r.plan));
    return r;
}

static void finish(run *r)
{
    rf_plan_free(r->plan);
    rf_graph_free(r->g);
    rf_context_free(r->ctx);
}

static int integer_layers(const rf_plan *plan)
{
    int count = 0;
    for (int i = 0; i < rf_plan_step_count(plan); i++)
        count += rf_plan_step(plan, i)->op->int8 && rf_plan_step(plan, i)->out[0].codes;
    return count;
}

static bool never_saturates(int64_t ic, int64_t oc, int64_t groups, int64_t size, int64_t kernel)
{
    const int64_t pad = kernel / 2, out = size + 2 * pad - kernel + 1;
    const rf_conv_shape s = { .spatial = 2,
                              .n = BATCH,
                              .ic = ic,
                              .oc = oc,
                              .groups = groups,
                              .in = { size, size },
                              .out = { out, out },
                              .kernel = { kernel, kernel },
                              .stride = { 1, 1 },
                              .dilation = { 1, 1 },
                              .pad_begin = { pad, pad },
                              .pad_end = { pad, pad } };
    return rf_dnn_conv_never_saturates(&s);
}

/* Large weights only where pairs of products cannot saturate. */
static int layers_on_codes(const net_case *c)
{
    const int64_t codes = (1 << c->activation_bits) - 1, weights = 1 << (c->weight_bits - 1);
    if (rf_dnn_int8_is_exact(4 * SIZE * SIZE, codes, weights))
        return 4;
    return never_saturates(IN, MID, 1, SIZE, 3) + never_saturates(MID, MID, MID, SIZE, 3) +
           never_saturates(MID, 4, 1, SIZE, SIZE);
}

/* Elements that differ by more than rounding: a value on a tie may take the next code, and it alone. */
static int64_t check_codes(const rf_view *a, const rf_view *b, double step)
{
    int64_t ties = 0;
    for (int64_t i = 0; i < rf_view_count(a); i++) {
        const double off = fabs((double)rf_view_f32(a)[i] - (double)rf_view_f32(b)[i]);
        ties += off > TOL_F32;
        assert_true(off < step * 1.01);
    }
    return ties;
}

static double largest(const float *v, int64_t count)
{
    double most = 1e-2; /* a bias in front of a BN has gradients of pure rounding */
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)v[i]));
    return most;
}

static void compare_constants(const run *a, const run *b)
{
    for (size_t i = 0; i < a->g->values.count; i++) {
        const rf_value *v = a->g->values.items[i];
        const rf_value *w = rf_graph_find_value(b->g, v->name);
        if (!v->constant || v->constant->dtype != RF_DTYPE_F32)
            continue;
        for (int64_t k = 0; k < v->constant->count; k++)
            CHECK_NEAR(rf_tensor_f32(v->constant)[k], rf_tensor_f32(w->constant)[k], TOL_F32);
        const float *da = rf_view_f32(rf_plan_diff_param(a->plan, v));
        const float *db = rf_view_f32(rf_plan_diff_param(b->plan, w));
        assert_int_equal(da != NULL, db != NULL);
        double most = da ? largest(db, v->constant->count) : 0.0;
        if (strstr(v->name, "_min") || strstr(v->name, "_max"))
            most =
                fmax(most, 8.0); /* one code more or less on a tie: a step of the gradient / 255 */
        int64_t off = 0;
        for (int64_t k = 0; da && k < v->constant->count; k++) {
            const double error = fabs((double)da[k] - (double)db[k]);
            off += error > TOL_GRADIENT * most;
            if (error > 20 * TOL_GRADIENT * most)
                fail_msg("gradient of %s[%d]: %g, float engine %g", v->name, (int)k, (double)da[k],
                         (double)db[k]);
        }
        assert_true(off <= 1 + v->constant->count / 100); /* a code on a tie further up */
    }
}

static bool has_step(const rf_plan *plan, const char *op)
{
    for (int i = 0; i < rf_plan_step_count(plan); i++)
        if (!strcmp(rf_plan_step(plan, i)->op->onnx_name, op))
            return true;
    return false;
}

static rf_status look_away(void *user, const rf_node *n, const rf_view *src)
{
    (void)user;
    (void)n;
    (void)src;
    return RF_OK;
}

/* An observer keeps nodes apart: integers and fused steps against floats, node by node. */
static void compare(const net_case *c, rf_plan_options options)
{
    run ints = run_once(c, RF_COMPUTE_AUTO, options);
    options.observe = look_away;
    run real = run_once(c, RF_COMPUTE_FLOAT, options);
    const rf_view *seen = rf_plan_output(ints.plan, 0);
    assert_int_equal(integer_layers(real.plan), 0);
    assert_int_equal(integer_layers(ints.plan), layers_on_codes(c));
    assert_false(has_step(real.plan, "SumActivation"));
    assert_int_equal(has_step(ints.plan, "SumActivation"), strcmp(c->grid, "static") != 0);
    const double step = 2.5 / ((1 << c->activation_bits) - 1);
    const int64_t ties = check_codes(seen, rf_plan_output(real.plan, 0), step);
    assert_true(ties <= rf_view_count(seen) / 1000);
    if (ties == 0) {
        const rf_view *y = rf_plan_output(ints.plan, 1), *z = rf_plan_output(real.plan, 1);
        const double most = largest(rf_view_f32(z), rf_view_count(z));
        for (int64_t i = 0; i < rf_view_count(y); i++) /* one flip further down moves a logit */
            assert_true(fabs((double)rf_view_f32(y)[i] - (double)rf_view_f32(z)[i]) < 5e-3 * most);
        if (options.mode == RF_MODE_TRAIN)
            compare_constants(&ints, &real);
    }
    finish(&ints);
    finish(&real);
}

static const net_case cases[] = {
    { .weight_bits = 4, .activation_bits = 8, .grid = "learned", .bn = true },
    { .weight_bits = 7, .activation_bits = 8, .grid = "learned", .bn = true, .bias = true },
    { .weight_bits = 4, .activation_bits = 6, .grid = "v2", .bias = true },
    { .weight_bits = 8, .activation_bits = 7, .grid = "learned", .per_tensor = true, .bn = true },
    { .weight_bits = 5, .activation_bits = 8, .grid = "static", .bn = true },
    { .weight_bits = 4, .activation_bits = 8, .grid = "learned", .bn = true, .mat_mul = true },
    { .weight_bits = 8,
      .activation_bits = 7,
      .grid = "learned",
      .per_tensor = true,
      .bn = true,
      .mat_mul = true },
    { .weight_bits = 8, .activation_bits = 8, .grid = "learned", .bn = true },
};
enum { CASES = sizeof cases / sizeof *cases };

static void inference_agrees_to_rounding_before_each_quantizer(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_INFER });
}

static void reestimation_agrees(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_BN_BATCH });
}

static void training_agrees_with_all_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_TRAIN });
        compare(&cases[i], (rf_plan_options){ .mode = RF_MODE_TRAIN, .bn_frozen = true });
    }
}

static void eight_bits_on_both_sides_need_sums_that_do_not_saturate(void **state)
{
    (void)state;
    const net_case c = { .weight_bits = 8, .activation_bits = 8, .grid = "learned", .bn = true };
    run r = run_once(&c, RF_COMPUTE_AUTO, (rf_plan_options){ .mode = RF_MODE_INFER });
    assert_int_equal(integer_layers(r.plan), layers_on_codes(&c));
    if (!strcmp(rf_dnn_isa_name(), "AVX2"))
        assert_true(layers_on_codes(&c) >= 2);
    finish(&r);
}

/* Nine bits do not fit a byte: the layers behind compute with real numbers. */
static void wide_activations_compute_in_float(void **state)
{
    (void)state;
    const net_case c = { .weight_bits = 4, .activation_bits = 9, .grid = "learned", .bn = true };
    run r = run_once(&c, RF_COMPUTE_INT8, (rf_plan_options){ .mode = RF_MODE_INFER });
    assert_int_equal(integer_layers(r.plan), 0);
    finish(&r);
}

static void a_weight_that_is_not_a_number_shows_in_its_channel(void **state)
{
    (void)state;
    const net_case c = { .weight_bits = 4, .activation_bits = 8, .grid = "learned" };
    run r = run_once(&c, RF_COMPUTE_AUTO, (rf_plan_options){ .mode = RF_MODE_INFER });
    float *w = rf_tensor_f32(rf_graph_find_value(r.g, "fc_w")->constant);
    w[4 * SIZE * SIZE * 2 + 5] = NAN;
    CHECK_OK(r.ctx, rf_plan_forward(r.plan));
    const float *y = rf_view_f32(rf_plan_output(r.plan, 1));
    for (int i = 0; i < BATCH * CLASSES; i++)
        assert_int_equal(isnan(y[i]) != 0, i % CLASSES == 2);
    finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_agrees_to_rounding_before_each_quantizer),
        cmocka_unit_test(reestimation_agrees),
        cmocka_unit_test(training_agrees_with_all_gradients),
        cmocka_unit_test(eight_bits_on_both_sides_need_sums_that_do_not_saturate),
        cmocka_unit_test(wide_activations_compute_in_float),
        cmocka_unit_test(a_weight_that_is_not_a_number_shows_in_its_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
