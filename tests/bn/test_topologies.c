/* Every kind of layer and of join goes through calibration, training, re-estimation and fold, in all three arithmetics. */
#include "sim/net_text.h"
#include "sim/sim_data.h"

#include "sim/sim.h"

#define SAMPLES 16
#define CLASSES 5
#define TAIL(from) "g = GlobalAveragePool " from "\nf = Flatten g\ny = Gemm f u:8,5 b:5\noutput y"

static const struct {
    const char *what, *net;
    int folds;
    bool is_1d;
} nets[] = {
    { "depthwise",
      "input x:-1,3,8,8\nc = Conv x w:8,3,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\nr = Clip n\n"
                     "d = Conv r v:8,1,3,3 group=8\nm = BatchNormalization d " NET_BN(
                         "bo", "8") "\nq = Relu m\n" TAIL("q"),
      2, false },
    { "grouped convolution",
      "input x:-1,4,8,8\nc = Conv x w:8,2,3,3 group=2\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\nr = Relu n\n" TAIL("r"),
      1, false },
    { "residual add",
      "input x:-1,3,8,8\nc = Conv x w:8,3,1,1\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\nr = Relu n\n"
                     "d = Conv r v:8,8,1,1\nm = BatchNormalization d " NET_BN(
                         "bo", "8") "\na = Add m r\nq = Relu a\n" TAIL("q"),
      2, false },
    { "concat and max pool",
      "input x:-1,3,8,8\nc = Conv x w:4,3,1,1\nn = BatchNormalization c " NET_BN(
          "bn",
          "4") "\nd = Conv x v:4,3,1,1\nm = BatchNormalization d " NET_BN("bo",
                                                                          "4") "\nk = Concat n "
                                                                               "m axis=1\np = "
                                                                               "MaxPool k "
                                                                               "kernel_shape=2,"
                                                                               "2 "
                                                                               "strides=2,"
                                                                               "2\n" TAIL("p"),
      2, false },
    { "PReLU and LeakyRelu",
      "input x:-1,3,8,8\nc = Conv x w:8,3,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\nr = PRelu n slope:8,1,1\n"
                     "d = Conv r v:8,8,3,3\nm = BatchNormalization d " NET_BN(
                         "bo", "8") "\nq = LeakyRelu m\n" TAIL("q"),
      2, false },
    { "hard swish",
      "input x:-1,3,8,8\nc = Conv x w:8,3,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\ns = HardSigmoid n\nr = Mul n s\n" TAIL("r"),
      1, false },
    { "transposed convolution",
      "input x:-1,3,8,8\nc = ConvTranspose x w:3,8,2,2\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\nr = Relu n\n" TAIL("r"),
      1, false },
    { "grouped transposed convolution, which stays",
      "input x:-1,4,8,8\nc = ConvTranspose x w:4,4,2,2 group=2\nn = BatchNormalization "
      "c " NET_BN("bn", "8") "\nr = Relu n\n" TAIL("r"),
      0, false },
    { "depthwise transposed convolution, which stays",
      "input x:-1,8,8,8\nc = ConvTranspose x w:8,1,2,2 group=8\nn = BatchNormalization "
      "c " NET_BN("bn", "8") "\nr = Relu n\n" TAIL("r"),
      0, false },
    { "convolution in one dimension",
      "input x:-1,3,8\nc = Conv x w:8,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "8") "\nr = Relu n\n" TAIL("r"),
      1, true },
    { "linear layers",
      "input x:-1,3,8\nf = Flatten x\nc = Gemm f w:24,8 b:8\nn = BatchNormalization c " NET_BN(
          "bn",
          "8") "\nr = Relu n\nd = MatMul r v:8,8\nm = BatchNormalization d " NET_BN("bo",
                                                                                    "8") "\ny "
                                                                                         "= "
                                                                                         "Gemm "
                                                                                         "m "
                                                                                         "u:8,"
                                                                                         "5\nou"
                                                                                         "tput "
                                                                                         "y",
      2, true },
};

typedef struct bench {
    rf_context *ctx;
    temp_folder temp;
    rf_tensor *x;
    rf_dataset *data;
} bench;

static bench bench_new(const rf_graph *g, rf_context *ctx)
{
    bench b = { .ctx = ctx, .temp = temp_folder_make() };
    rf_port port;
    char x[512], y[512], spec[1100];
    rf_tensor *labels = NULL;
    CHECK_OK(ctx, rf_graph_input(g, 0, &port));
    port.dims[0] = SAMPLES;
    b.x = waves(ctx, port.rank, port.dims);
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_I64, 1, (int64_t[]){ SAMPLES }, &labels));
    for (int64_t i = 0; i < SAMPLES; i++)
        ((int64_t *)rf_tensor_data(labels))[i] = i % CLASSES;
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, b.x, temp_path(&b.temp, "x.npy", x), true));
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, labels, temp_path(&b.temp, "y.npy", y), true));
    snprintf(spec, sizeof spec, "npy:%s,%s", x, y);
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, NULL, &b.data));
    rf_tensor_free(labels);
    return b;
}

static void bench_close(bench *b)
{
    rf_dataset_free(b->data);
    rf_tensor_free(b->x);
    temp_folder_remove(&b->temp);
}

static rf_tensor *outputs_of(const bench *b, const rf_sim *sim)
{
    const rf_tensor *inputs[] = { b->x };
    rf_tensor *y = NULL;
    CHECK_OK(b->ctx, rf_infer(rf_sim_graph(sim), inputs, SAMPLES, &y));
    return y;
}

/* AIMET's own criterion for a fold: within three codes of the output, nearly all within one. */
static void check_ticks(const rf_sim *sim, const rf_tensor *before, const rf_tensor *after,
                        const char *what)
{
    const rf_node *n = rf_value_quantizer(rf_graph_find_value(sim->graph, "y"));
    const rf_qspec spec = rf_quantizer_spec(n);
    int64_t beyond_one = 0;
    float scale;
    int32_t offset;
    rf_scale_offset(&spec, *rf_quantizer_min(n), *rf_quantizer_max(n), &scale, &offset);
    for (int64_t i = 0; i < before->count; i++) {
        const float ticks = fabsf(rf_tensor_f32(before)[i] - rf_tensor_f32(after)[i]) / scale;
        if (ticks > 3.01f)
            fail_msg("%s: output %lld moved by %g codes", what, (long long)i, (double)ticks);
        beyond_one += ticks > 1.01f;
    }
    assert_true(beyond_one * 100 <= before->count);
}

/* What has an activation quantizer, and its range to the last bit, written out. */
static char *ranges_of(const rf_sim *sim)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *n = sim->quantizers.items[i];
        if (!rf_quantizer_is_param(n) && rf_quantizer_enabled(n))
            fprintf(f, "%s %d %a %a\n", sim->compat_aimet ? "" : rf_quantizer_tensor(n)->name,
                    rf_quantizer_spec(n).bitwidth, (double)*rf_quantizer_min(n),
                    (double)*rf_quantizer_max(n));
    }
    fclose(f);
    return text;
}

static void run(rf_context *ctx, size_t index, const char *compat)
{
    rf_graph *g = net_of(ctx, nets[index].net);
    bench b = bench_new(g, ctx);
    const rf_sim_options options = { .compat = compat };
    rf_train_options train = RF_TRAIN_OPTIONS_INIT;
    rf_reestimate_options reestimate = RF_REESTIMATE_OPTIONS_INIT;
    rf_fold_report *report = NULL;
    rf_sim *sim = NULL;
    train.batch = reestimate.batch = 8;
    train.learning_rate = 1e-3;
    CHECK_OK(ctx, rf_sim_new(g, &options, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, b.data, NULL, NULL));
    CHECK_OK(ctx, rf_train_sim(sim, b.data, &train, NULL));
    CHECK_OK(ctx, rf_reestimate_sim(sim, b.data, &reestimate, NULL));
    rf_tensor *before = outputs_of(&b, sim);
    char *ranges_before = ranges_of(sim);
    CHECK_OK(ctx, rf_fold_to_scale(sim, &report));
    rf_tensor *after = outputs_of(&b, sim);
    char *ranges_after = ranges_of(sim);
    assert_string_equal(ranges_before, ranges_after); /* layers take over those of their BN */
    if (report->folded_count != nets[index].folds)
        fail_msg("%s (%s): %d pairs folded", nets[index].what, compat ? compat : "refold",
                 report->folded_count);
    if (!compat) /* AIMET's way with gammas below 0 is not exact */
        check_ticks(sim, before, after, nets[index].what);
    free(ranges_before);
    free(ranges_after);
    rf_fold_report_free(report);
    rf_tensor_free(before);
    rf_tensor_free(after);
    rf_sim_free(sim);
    rf_graph_free(g);
    bench_close(&b);
}

static void check_all(const char *compat)
{
    rf_context *ctx = test_context();
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        run(ctx, i, compat);
    rf_context_free(ctx);
}

static void every_kind_of_layer_folds_within_aimets_criterion(void **state)
{
    (void)state;
    check_all(NULL);
}

static void every_kind_of_layer_folds_as_in_aimet(void **state)
{
    (void)state;
    check_all("aimet");
}

static void every_kind_of_layer_folds_as_in_aimet_v2(void **state)
{
    (void)state;
    check_all("aimet-v2");
}

/* Its tensors are AIMET's: a Linear that has got a bias is a Gemm in the next export. */
static void a_linear_layer_with_a_new_bias_goes_by_pytorchs_name(void **state)
{
    rf_context *ctx = test_context();
    rf_graph *g = net_of(ctx, "input x:-1,6\n/fc/MatMul = MatMul x w:6,4\n/bn/BatchNormalization = "
                              "BatchNormalization /fc/MatMul " NET_BN(
                                  "bn", "4") "\n/act/Sigmoid = Sigmoid "
                                             "/bn/BatchNormalization\noutput /act/Sigmoid");
    bench b = bench_new(g, ctx);
    rf_sim *sim = NULL;
    (void)state;
    CHECK_OK(ctx, rf_sim_new(g, &(rf_sim_options){ .compat = "aimet" }, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, b.data, NULL, NULL));
    CHECK_OK(ctx, rf_fold_to_scale(sim, NULL));
    const rf_value *v = rf_graph_find_value(sim->graph, "/fc/Gemm_output_0");
    assert_non_null(v);
    assert_string_equal(v->producer->op_type, "Add");
    assert_non_null(rf_value_quantizer(v));
    assert_null(rf_graph_find_value(sim->graph, "/bn/BatchNormalization"));
    rf_sim_free(sim);
    rf_graph_free(g);
    bench_close(&b);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_layer_folds_within_aimets_criterion),
        cmocka_unit_test(every_kind_of_layer_folds_as_in_aimet),
        cmocka_unit_test(every_kind_of_layer_folds_as_in_aimet_v2),
        cmocka_unit_test(a_linear_layer_with_a_new_bias_goes_by_pytorchs_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
