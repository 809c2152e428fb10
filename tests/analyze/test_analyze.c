/* Sensitivity: each trial against quantizers switched by hand, order, what stays untouched, and what is refused. */
#include "net_text.h"
#include "sim_data.h"

#include "graph/copy.h"
#include "ops/params.h"
#include "sim/sim.h"

#define BODY                                                                                       \
    "c = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(                                      \
        "bn", "4") "\n"                                                                            \
                   "r = Relu n\nf = Flatten r\ny = Gemm f v:64,5 b:5\noutput y"
#define NET "input x:-1,3,6,6\n" BODY
#define FIXED_NET "input x:4,3,6,6\n" BODY

enum { SAMPLES = 10 };

typedef struct bench {
    rf_context *ctx;
    temp_folder temp;
    rf_graph *graph;
    rf_tensor *x, *labels;
    rf_dataset *data;
    rf_sim *sim;
    rf_analysis *found;
} bench;

static bench make_of(const char *net, bool with_labels)
{
    bench b = { .ctx = test_context(), .temp = temp_folder_make() };
    const int64_t count = SAMPLES;
    char x_path[512], y_path[512], spec[1100];
    b.graph = net_of(b.ctx, net);
    b.x = waves(b.ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 });
    CHECK_OK(b.ctx, rf_tensor_new(b.ctx, RF_DTYPE_I64, 1, &count, &b.labels));
    for (int64_t i = 0; i < SAMPLES; i++)
        ((int64_t *)rf_tensor_data(b.labels))[i] = i % 5;
    CHECK_OK(b.ctx, rf_tensor_save_npy(b.ctx, b.x, temp_path(&b.temp, "x.npy", x_path), true));
    CHECK_OK(b.ctx, rf_tensor_save_npy(b.ctx, b.labels, temp_path(&b.temp, "y.npy", y_path), true));
    snprintf(spec, sizeof spec, "npy:%s%s%s", x_path, with_labels ? "," : "",
             with_labels ? y_path : "");
    CHECK_OK(b.ctx, rf_dataset_open(b.ctx, spec, NULL, &b.data));
    CHECK_OK(b.ctx,
             rf_sim_new(b.graph, &(rf_sim_options){ .param_bw = 3, .output_bw = 4 }, &b.sim));
    return b;
}

static bench make(bool with_labels)
{
    bench b = make_of(NET, with_labels);
    CHECK_OK(b.ctx, rf_sim_calibrate(b.sim, b.data, NULL, NULL));
    return b;
}

static void release(bench *b)
{
    rf_analysis_free(b->found);
    rf_sim_free(b->sim);
    rf_dataset_free(b->data);
    rf_tensor_free(b->labels);
    rf_tensor_free(b->x);
    rf_graph_free(b->graph);
    temp_folder_remove(&b->temp);
    rf_context_free(b->ctx);
}

static void analyze(bench *b, rf_analyze_options options)
{
    CHECK_OK(b->ctx, rf_analyze(b->sim, b->data, &options, &b->found));
}

static const rf_sensitivity *row_of(const bench *b, const char *layer, const char *kind)
{
    for (int i = 0; i < b->found->row_count; i++) {
        const rf_sensitivity *row = &b->found->rows[i];
        if (strcmp(row->layer, layer) == 0 && strcmp(row->kind, kind) == 0)
            return row;
    }
    fail_msg("no row for %s of %s", kind, layer);
    return NULL;
}

/* Outputs of the simulation's network with only the quantizers on whose tensors `wanted` lists, as " w r ". */
static rf_tensor *outputs_with(const bench *b, const char *wanted)
{
    rf_graph *g = NULL;
    rf_tensor *out = NULL;
    const rf_tensor *in[] = { b->x };
    CHECK_OK(b->ctx, rf_graph_clone(b->sim->graph, &g));
    for (rf_node *n = g->first; n; n = n->next) {
        char word[64];
        if (!rf_node_is_fakequant(n))
            continue;
        snprintf(word, sizeof word, " %s ", rf_quantizer_tensor(n)->name);
        const bool on = rf_quantizer_enabled(n) && strstr(wanted, word);
        CHECK_OK(b->ctx, rf_node_set_int(g, n, "enabled", on));
    }
    CHECK_OK(b->ctx, rf_infer(g, in, SAMPLES, &out));
    rf_graph_free(g);
    return out;
}

/* SQNR in dB of the first `samples`. */
static double sqnr_with(const bench *b, const char *wanted, int64_t samples)
{
    rf_tensor *plain = outputs_with(b, ""), *quantized = outputs_with(b, wanted);
    double signal = 0.0, noise = 0.0;
    for (int64_t i = 0; i < samples * 5; i++) {
        const double x = rf_tensor_f32(plain)[i], gap = rf_tensor_f32(quantized)[i] - x;
        signal += x * x;
        noise += gap * gap;
    }
    rf_tensor_free(plain);
    rf_tensor_free(quantized);
    return 10.0 * log10(signal / noise);
}

#define TOL_DB 1e-4 /* sums of floats in another order */

static void each_trial_is_what_switching_by_hand_gives(void **state)
{
    (void)state;
    bench b = make(/*with_labels=*/false);
    analyze(&b, (rf_analyze_options){ .batch = 4 }); /* 4, 4 and a short 2 */
    assert_int_equal(b.found->samples, SAMPLES);
    assert_true(isinf(b.found->fp32.sqnr_db) && b.found->fp32.agreement == 100.0);
    CHECK_NEAR(b.found->params.sqnr_db, sqnr_with(&b, " w v ", SAMPLES), TOL_DB);
    CHECK_NEAR(b.found->activations.sqnr_db, sqnr_with(&b, " x r y ", SAMPLES), TOL_DB);
    CHECK_NEAR(b.found->quantized.sqnr_db, sqnr_with(&b, " w v x r y ", SAMPLES), TOL_DB);
    const rf_sensitivity *conv = row_of(&b, "c", "param"), *relu = row_of(&b, "r", "activation"),
                         *gemm = row_of(&b, "y", "both"), *input = row_of(&b, "x", "activation");
    CHECK_NEAR(conv->only.sqnr_db, sqnr_with(&b, " w ", SAMPLES), TOL_DB);
    CHECK_NEAR(conv->all_but.sqnr_db, sqnr_with(&b, " v x r y ", SAMPLES), TOL_DB);
    CHECK_NEAR(relu->only.sqnr_db, sqnr_with(&b, " r ", SAMPLES), TOL_DB);
    CHECK_NEAR(gemm->only.sqnr_db, sqnr_with(&b, " v y ", SAMPLES), TOL_DB);
    CHECK_NEAR(gemm->all_but.sqnr_db, sqnr_with(&b, " w x r ", SAMPLES), TOL_DB);
    CHECK_NEAR(input->only.sqnr_db, sqnr_with(&b, " x ", SAMPLES), TOL_DB);
    assert_string_equal(conv->op_type, "Conv");
    assert_string_equal(input->op_type, "");
    assert_int_equal(conv->param_bw, 3);
    assert_int_equal(conv->output_bw, 0);
    assert_int_equal(relu->output_bw, 4);
    assert_int_equal(b.found->row_count, 6); /* w, v; x, r, y; v with y */
    release(&b);
}

static void rows_come_worst_first(void **state)
{
    (void)state;
    bench b = make(/*with_labels=*/false);
    analyze(&b, (rf_analyze_options){ 0 });
    assert_string_equal(b.found->by, "sqnr");
    for (int i = 1; i < b.found->row_count; i++)
        assert_true(b.found->rows[i - 1].only.sqnr_db <= b.found->rows[i].only.sqnr_db);
    release(&b);
}

static void accuracy_is_that_of_evaluation(void **state)
{
    (void)state;
    bench b = make(/*with_labels=*/true);
    rf_accuracy plain, quantized;
    analyze(&b, (rf_analyze_options){ .batch = 3 });
    CHECK_OK(b.ctx, rf_evaluate(b.graph, b.data, SAMPLES, &plain));
    CHECK_OK(b.ctx, rf_evaluate(rf_sim_graph(b.sim), b.data, SAMPLES, &quantized));
    assert_string_equal(b.found->by, "top1");
    assert_true(b.found->fp32.top1 == plain.top1 && b.found->quantized.top1 == quantized.top1);
    CHECK_NEAR(b.found->fp32.loss, plain.loss, 1e-5);
    CHECK_NEAR(b.found->quantized.loss, quantized.loss, 1e-5);
    for (int i = 0; i < b.found->row_count; i++) {
        const rf_sensitivity *row = &b.found->rows[i];
        assert_true(row->harm == b.found->fp32.top1 - row->only.top1);
        assert_true(i == 0 || b.found->rows[i - 1].harm >= row->harm);
    }
    release(&b);
}

static void the_error_of_every_tensor_comes_along(void **state)
{
    (void)state;
    bench b = make(/*with_labels=*/false);
    analyze(&b, (rf_analyze_options){ .samples = 7 });
    assert_int_equal(b.found->samples, 7);
    CHECK_NEAR(b.found->quantized.sqnr_db, sqnr_with(&b, " w v x r y ", 7), TOL_DB);
    bool seen = false;
    for (int i = 0; i < b.found->tensor_count; i++) {
        seen = seen || strcmp(b.found->tensors[i].name, "r") == 0;
        assert_true(b.found->tensors[i].mse >= 0.0 && isfinite(b.found->tensors[i].mse));
    }
    assert_true(seen);
    release(&b);
}

static void a_fixed_batch_is_filled_up_and_the_filling_not_counted(void **state)
{
    (void)state;
    bench b = make_of(FIXED_NET, /*with_labels=*/false), free_one = make(/*with_labels=*/false);
    CHECK_OK(b.ctx, rf_sim_calibrate(b.sim, b.data, NULL, NULL));
    analyze(&b, (rf_analyze_options){ 0 });
    analyze(&free_one, (rf_analyze_options){ 0 });
    assert_int_equal(b.found->samples, SAMPLES);
    CHECK_NEAR(b.found->quantized.sqnr_db, free_one.found->quantized.sqnr_db, 0.2);
    release(&free_one);
    release(&b);
}

static void the_simulation_stays_as_it_was(void **state)
{
    (void)state;
    bench b = make(/*with_labels=*/false);
    rf_tensor *before = outputs_with(&b, " w v x r y ");
    analyze(&b, (rf_analyze_options){ 0 });
    rf_tensor *after = outputs_with(&b, " w v x r y ");
    assert_memory_equal(rf_tensor_data(before), rf_tensor_data(after),
                        (size_t)rf_tensor_count(before) * sizeof(float));
    assert_int_equal(rf_sim_state(b.sim), RF_STATE_CALIBRATED);
    rf_tensor_free(before);
    rf_tensor_free(after);
    release(&b);
}

static void what_cannot_be_analyzed_is_refused(void **state)
{
    (void)state;
    rf_analysis *none = NULL;
    bench built = make_of(NET, /*with_labels=*/false), b = make(/*with_labels=*/false);
    CHECK_FAILS(built.ctx, RF_ESTATE, "calibrate it first",
                rf_analyze(built.sim, built.data, NULL, &none));
    CHECK_FAILS(b.ctx, RF_EARG, "top1, loss or sqnr",
                rf_analyze(b.sim, b.data, &(rf_analyze_options){ .by = "size" }, &none));
    CHECK_FAILS(b.ctx, RF_EDATA, "needs labels",
                rf_analyze(b.sim, b.data, &(rf_analyze_options){ .by = "loss" }, &none));
    CHECK_FAILS(b.ctx, RF_EARG, "negative",
                rf_analyze(b.sim, b.data, &(rf_analyze_options){ .samples = -1 }, &none));
    rf_context_interrupt(b.ctx);
    assert_int_equal(rf_analyze(b.sim, b.data, NULL, &none), RF_EINTERRUPTED);
    assert_null(none);
    release(&built);
    release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trial_is_what_switching_by_hand_gives),
        cmocka_unit_test(rows_come_worst_first),
        cmocka_unit_test(accuracy_is_that_of_evaluation),
        cmocka_unit_test(the_error_of_every_tensor_comes_along),
        cmocka_unit_test(a_fixed_batch_is_filled_up_and_the_filling_not_counted),
        cmocka_unit_test(the_simulation_stays_as_it_was),
        cmocka_unit_test(what_cannot_be_analyzed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
