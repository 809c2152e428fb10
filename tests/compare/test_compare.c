/* Two networks side by side: which tensors are compared, what the differences are, and whose fault is told. */
#include "build_graph.h"

#include "sim/sim.h"

static rf_shape rows(int64_t n, int64_t width)
{
    return (rf_shape){ 2, { n, width } };
}

/* x [batch, 3] -> Gemm 'lin' -> Relu 'act' -> output; the weights are `w` times the identity. */
static rf_graph *small_net(rf_context *ctx, int64_t batch, float w)
{
    rf_graph *g = build_graph(ctx);
    const float identity[9] = { w, 0, 0, 0, w, 0, 0, 0, w };
    rf_value *in[] = { build_input(g, "x", rows(batch, 3)),
                       build_floats(g, "weights", rows(3, 3), identity) };
    rf_node *lin = build_shaped_node(g, "lin", "Gemm", NULL, 2, in, rows(batch, 3));
    rf_node *act = build_shaped_node(g, "act", "Relu", NULL, 1, lin->outputs, rows(batch, 3));
    CHECK_OK(ctx, rf_graph_mark_output(g, act->outputs[0]));
    return g;
}

/* [n, 3]: sample i has its largest at i % 3. */
static rf_tensor *samples(rf_context *ctx, int64_t n)
{
    rf_tensor *t = NULL;
    const int64_t dims[] = { n, 3 };
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 2, dims, &t));
    for (int64_t i = 0; i < n; i++)
        rf_tensor_f32(t)[3 * i + i % 3] = (float)(i + 1);
    return t;
}

typedef struct sides {
    rf_context *ctx;
    rf_graph *a, *b;
    rf_tensor *x;
    const rf_tensor *inputs[1];
    rf_compare_options options;
    rf_compared *found;
} sides;

static sides open_sides(float w_of_b, int64_t n, int64_t batch_of_b)
{
    sides s = { .ctx = test_context(), .options = RF_COMPARE_OPTIONS_INIT };
    s.a = small_net(s.ctx, -1, 1.0F);
    s.b = small_net(s.ctx, batch_of_b, w_of_b);
    s.x = samples(s.ctx, n);
    return s;
}

static void run(sides *s)
{
    s->inputs[0] = s->x;
    s->options.inputs = s->inputs;
    CHECK_OK(s->ctx, rf_compare(s->a, s->b, &s->options, &s->found));
}

static void close_sides(sides *s)
{
    rf_compared_free(s->found);
    rf_tensor_free(s->x);
    rf_graph_free(s->b);
    rf_graph_free(s->a);
    rf_context_free(s->ctx);
}

static void a_network_equals_itself(void **state)
{
    (void)state;
    sides s = open_sides(1.0F, 7, -1);
    run(&s);
    assert_int_equal(s.found->samples, 7);
    assert_true(s.found->top1_agreement == 100.0);
    assert_int_equal(s.found->output_count, 1);
    assert_int_equal(s.found->tensor_count, 1);
    assert_string_equal(s.found->tensors[0].name, "lin_out");
    assert_true(s.found->outputs[0].max_abs == 0.0 && s.found->outputs[0].max_rel == 0.0);
    assert_null(s.found->first_difference);
    close_sides(&s);
}

static void the_first_tensor_that_differs_is_named(void **state)
{
    (void)state;
    sides s = open_sides(1.125F, 8, -1);
    run(&s);
    assert_string_equal(s.found->first_difference, "lin_out");
    assert_true(s.found->outputs[0].max_abs == 1.0);   /* an eighth of 8, the largest value */
    assert_true(s.found->outputs[0].max_rel == 0.125); /* of 8 */
    CHECK_NEAR(s.found->outputs[0].sqnr_db, 20.0 * log10(8.0), 1e-12);
    assert_true(s.found->top1_agreement == 100.0);
    close_sides(&s);
}

static void a_difference_within_the_tolerance_is_none(void **state)
{
    (void)state;
    sides s = open_sides(1.125F, 8, -1);
    s.options.tolerance = 0.125;
    run(&s);
    assert_null(s.found->first_difference);
    assert_false(s.found->outputs[0].differs);
    close_sides(&s);
}

static void predictions_that_change_are_counted(void **state)
{
    (void)state;
    sides s = open_sides(-1.0F, 6, -1); /* Relu leaves zeros: class 0 for all */
    run(&s);
    CHECK_NEAR(s.found->top1_agreement, 100.0 / 3, 1e-12);
    close_sides(&s);
}

static void what_fills_up_a_fixed_batch_is_not_compared(void **state)
{
    (void)state;
    sides s = open_sides(1.0F, 6, 4);
    const float bias[3] = { 1, 0,
                            0 }; /* shows where the input is zero: in front of the second class */
    rf_node *lin = rf_graph_find_node(s.b, "lin");
    CHECK_OK(s.ctx, rf_node_set_input(s.b, lin, 2,
                                      build_floats(s.b, "bias", (rf_shape){ 1, { 3 } }, bias)));
    run(&s);
    assert_int_equal(s.found->samples, 6);
    /* 16 rows of zeros would add to the noise */
    CHECK_NEAR(s.found->outputs[0].sqnr_db, 10.0 * log10(91.0 / 6.0), 1e-12);
    close_sides(&s);
}

static void samples_and_batch_can_be_limited(void **state)
{
    (void)state;
    sides s = open_sides(1.125F, 9, -1);
    s.options.samples = 5;
    s.options.batch = 2;
    s.options.outputs_only = true;
    run(&s);
    assert_int_equal(s.found->samples, 5);
    assert_int_equal(s.found->tensor_count, 0);
    assert_true(s.found->outputs[0].max_abs == 0.625);
    close_sides(&s);
}

static void a_number_beside_nan_differs(void **state)
{
    (void)state;
    sides s = open_sides(NAN, 3, -1);
    run(&s);
    assert_true(isnan(s.found->tensors[0].max_abs) && s.found->tensors[0].differs);
    assert_string_equal(s.found->first_difference, "lin_out");
    close_sides(&s);
}

static void tensors_of_a_simulation_are_seen_behind_their_quantizers(void **state)
{
    (void)state;
    sides s = open_sides(1.0F, 5, -1);
    rf_sim *sim = NULL;
    CHECK_OK(s.ctx, rf_sim_new(s.b, NULL, &sim));
    for (int i = 0; i < rf_sim_quantizer_count(sim); i++) {
        const float low = 0.0F, high = 2.0F;
        rf_node *q = sim->quantizers.items[i];
        if (rf_quantizer_is_param(q))
            continue;
        CHECK_OK(s.ctx, rf_quantizer_set_range(sim, q, &low, &high, 1));
        CHECK_OK(s.ctx, rf_node_set_int(sim->graph, q, "enabled", 1));
    }
    const rf_tensor *const inputs[] = { s.x };
    s.options.inputs = inputs;
    CHECK_OK(s.ctx, rf_compare(s.a, rf_sim_graph(sim), &s.options, &s.found));
    assert_int_equal(s.found->output_count, 1);
    assert_string_equal(s.found->outputs[0].name, "act_out");
    assert_string_equal(s.found->outputs[0].in_b, "act_out/quantized");
    assert_true(s.found->outputs[0].max_abs > 2.9 && s.found->outputs[0].max_abs < 3.1);
    rf_sim_free(sim);
    close_sides(&s);
}

/* lin_out -> QuantizeLinear -> DequantizeLinear -> act, under the names that exports have. */
static void quantize_between(rf_graph *g)
{
    const float half = 0.5F;
    rf_context *ctx = g->ctx;
    rf_tensor *zero = NULL;
    rf_value *lin = rf_graph_find_value(g, "lin_out"), *point = NULL, *codes = NULL, *real = NULL;
    const rf_shape shape = rows(-1, 3);
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_U8, 0, NULL, &zero));
    CHECK_OK(ctx, rf_graph_take_constant(g, "zero", zero, &point));
    CHECK_OK(ctx, rf_graph_add_value(g, "lin_out_quantized", RF_DTYPE_U8, &shape, &codes));
    CHECK_OK(ctx, rf_graph_add_value(g, "lin_out_dequantized", RF_DTYPE_F32, &shape, &real));
    rf_value *scale = build_floats(g, "scale", (rf_shape){ 0, { 0 } }, &half);
    rf_value *in[] = { lin, scale, point }, *back[] = { codes, scale, point };
    rf_node_desc d = { .op_type = "QuantizeLinear",
                       .inputs = in,
                       .input_count = 3,
                       .outputs = &codes,
                       .output_count = 1,
                       .before = rf_graph_find_node(g, "act") };
    rf_node *q = NULL, *dq = NULL;
    CHECK_OK(ctx, rf_graph_add_node(g, &d, &q));
    d.op_type = "DequantizeLinear";
    d.inputs = back;
    d.outputs = &real;
    CHECK_OK(ctx, rf_graph_add_node(g, &d, &dq));
    CHECK_OK(ctx, rf_node_set_input(g, d.before, 0, real));
}

static void tensors_of_a_qdq_model_are_seen_dequantized(void **state)
{
    (void)state;
    sides s = open_sides(1.125F, 1, -1);
    quantize_between(s.b);
    run(&s);
    assert_string_equal(s.found->tensors[0].name, "lin_out");
    assert_string_equal(s.found->tensors[0].in_b, "lin_out_dequantized");
    assert_true(s.found->tensors[0].max_abs == 0.0); /* 1.125 becomes 1.0 in steps of a half */
    close_sides(&s);
}

static void networks_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    sides s = open_sides(1.0F, 4, 2);
    const rf_tensor *const inputs[] = { s.x };
    CHECK_FAILS(s.ctx, RF_EARG, "a data set or arrays", rf_compare(s.a, s.b, &s.options, &s.found));
    s.options.inputs = inputs;
    rf_graph *three = small_net(s.ctx, 3, 1.0F);
    CHECK_FAILS(s.ctx, RF_EARG, "batches of 3 samples only, the second of 2",
                rf_compare(three, s.b, &s.options, &s.found));
    rf_graph_free(three);
    CHECK_OK(s.ctx, rf_graph_mark_output(s.b, rf_graph_find_value(s.b, "lin_out")));
    s.b->outputs.items[0]->name = "other";
    s.b->outputs.items[1]->name = "names";
    CHECK_FAILS(s.ctx, RF_EARG, "share no output", rf_compare(s.a, s.b, &s.options, &s.found));
    close_sides(&s);
}

/* A runner that gives its inputs back, for as many outputs as are wanted. */
typedef struct echo {
    int opened, runs;
    rf_status status;
} echo;

static rf_status echo_open(void *user, const rf_graph *graph, int *handle_out)
{
    echo *e = user;
    *handle_out = rf_graph_output_count(graph);
    e->opened++;
    return RF_OK;
}

static rf_status echo_run(void *user, int handle, const rf_tensor *const *inputs,
                          rf_tensor **outputs)
{
    echo *e = user;
    e->runs++;
    for (int i = 0; !e->status && i < handle; i++)
        assert_int_equal(rf_tensor_copy(inputs[0], &outputs[i]), RF_OK);
    return e->status;
}

static void the_second_network_can_run_elsewhere(void **state)
{
    (void)state;
    echo e = { 0 };
    const rf_runner runner = { echo_open, echo_run, &e };
    sides s = open_sides(77.0F, 5, -1); /* never looked at */
    s.options.runner = &runner;
    s.options.batch = 2;
    run(&s);
    assert_int_equal(e.opened, 2); /* as it is, and with the tensors in between */
    assert_int_equal(e.runs, 2 * 3);
    assert_null(s.found->first_difference);
    assert_int_equal(s.found->tensor_count, 1);
    e.status = RF_EIO;
    rf_compared *none = NULL;
    assert_int_equal(rf_compare(s.a, s.b, &s.options, &none), RF_EIO);
    assert_null(none);
    close_sides(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_equals_itself),
        cmocka_unit_test(the_first_tensor_that_differs_is_named),
        cmocka_unit_test(a_difference_within_the_tolerance_is_none),
        cmocka_unit_test(predictions_that_change_are_counted),
        cmocka_unit_test(what_fills_up_a_fixed_batch_is_not_compared),
        cmocka_unit_test(samples_and_batch_can_be_limited),
        cmocka_unit_test(a_number_beside_nan_differs),
        cmocka_unit_test(tensors_of_a_simulation_are_seen_behind_their_quantizers),
        cmocka_unit_test(tensors_of_a_qdq_model_are_seen_dequantized),
        cmocka_unit_test(networks_that_do_not_fit_together_are_refused),
        cmocka_unit_test(the_second_network_can_run_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
