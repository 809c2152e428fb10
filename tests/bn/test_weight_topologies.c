/* Which BN folds into which weight, in every kind of network that AIMET's own tests of its fold have. */
#include "sim/net_text.h"
#include "sim/sim_data.h"

#define SAMPLES 3
#define TOL 1e-5 /* of the largest output: one product moves from the sum to its factor */

static const struct {
    const char *what, *net;
    int folded, left;
} nets[] = {
    { "convolution with a bias",
      "input x:-1,3,6,6\nc = Conv x w:4,3,3,3 b:4\ny = BatchNormalization c " NET_BN(
          "bn", "4") "\noutput y",
      1, 0 },
    { "depthwise convolution",
      "input x:-1,4,6,6\nc = Conv x w:4,1,3,3 group=4\ny = BatchNormalization c " NET_BN(
          "bn", "4") "\noutput y",
      1, 0 },
    { "convolution in one dimension",
      "input x:-1,3,6\nc = Conv x w:4,3,3\ny = BatchNormalization c " NET_BN("bn",
                                                                             "4") "\noutput y",
      1, 0 },
    { "convolution in three dimensions",
      "input x:-1,2,4,4,4\nc = Conv x w:4,2,3,3,3\ny = BatchNormalization c " NET_BN(
          "bn", "4") "\noutput y",
      1, 0 },
    { "transposed convolution",
      "input x:-1,3,4,4\nc = ConvTranspose x w:3,4,2,2\ny = BatchNormalization c " NET_BN(
          "bn", "4") "\noutput y",
      1, 0 },
    { "depthwise transposed convolution",
      "input x:-1,4,4,4\nc = ConvTranspose x w:4,1,2,2 group=4\ny = BatchNormalization c " NET_BN(
          "bn", "4") "\noutput y",
      1, 0 },
    { "in front of a convolution in one dimension",
      "input x:-1,3,6\nn = BatchNormalization x " NET_BN("bn",
                                                         "3") "\ny = Conv n w:4,3,3\noutput y",
      1, 0 },
    { "in front of a convolution in three dimensions",
      "input x:-1,2,4,4,4\nn = BatchNormalization x " NET_BN(
          "bn", "2") "\ny = Conv n w:4,2,3,3,3 b:4\noutput y",
      1, 0 },
    { "in front of a grouped convolution, which stays",
      "input x:-1,4,6,6\nn = BatchNormalization x " NET_BN(
          "bn", "4") "\ny = Conv n w:4,2,3,3 group=2\noutput y",
      0, 1 },
    { "in front of a transposed convolution, which stays",
      "input x:-1,3,4,4\nn = BatchNormalization x " NET_BN(
          "bn", "3") "\ny = ConvTranspose n w:3,4,2,2\noutput y",
      0, 1 },
    { "between two convolutions: the first has it",
      "input x:-1,3,6,6\nc = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "4") "\ny = Conv n v:4,4,1,1\noutput y",
      1, 0 },
    { "one behind and one in front",
      "input x:-1,3,6,6\nc = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "4") "\nr = Relu n\nm = BatchNormalization r " NET_BN("bo",
                                                                      "4") "\ny = Conv m "
                                                                           "v:4,4,1,1\noutput y",
      2, 0 },
    { "an activation between, which stays",
      "input x:-1,3,6,6\nc = Conv x w:4,3,3,3\nr = Relu c\ny = BatchNormalization r " NET_BN(
          "bn", "4") "\noutput y",
      0, 1 },
    { "a layer with a second reader, which stays",
      "input x:-1,3,6,6\nc = Conv x w:4,3,3,3\nn = BatchNormalization c " NET_BN(
          "bn", "4") "\ny = Add n c\noutput y",
      0, 1 },
    { "in front of two layers, which stays",
      "input x:-1,3,6,6\nn = BatchNormalization x " NET_BN(
          "bn", "3") "\nc = Conv n w:4,3,1,1\nd = Conv n v:4,3,1,1\ny = Add c d\noutput y",
      0, 1 },
    { "two branches that join",
      "input x:-1,3,6,6\nc = Conv x w:4,3,1,1\nn = BatchNormalization c " NET_BN(
          "bn", "4") "\nd = Conv x v:4,3,1,1\nm = BatchNormalization d " NET_BN("bo",
                                                                                "4") "\ny = Add n "
                                                                                     "m\noutput y",
      2, 0 },
};

static rf_tensor *outputs_of(rf_context *ctx, const rf_graph *g)
{
    rf_port port;
    rf_tensor *y = NULL;
    CHECK_OK(ctx, rf_graph_input(g, 0, &port));
    port.dims[0] = SAMPLES;
    rf_tensor *x = waves(ctx, port.rank, port.dims);
    const rf_tensor *inputs[] = { x };
    CHECK_OK(ctx, rf_infer(g, inputs, SAMPLES, &y));
    rf_tensor_free(x);
    return y;
}

static double largest_of(const rf_tensor *t)
{
    double largest = 0.0;
    for (int64_t i = 0; i < t->count; i++)
        largest = fmax(largest, fabs((double)rf_tensor_f32(t)[i]));
    return largest;
}

static void check(rf_context *ctx, size_t index)
{
    rf_graph *g = net_of(ctx, nets[index].net);
    rf_fold_report *report = NULL;
    rf_tensor *before = outputs_of(ctx, g);
    CHECK_OK(ctx, rf_fold_to_weight(g, &report));
    rf_tensor *after = outputs_of(ctx, g);
    if (report->folded_count != nets[index].folded || report->standalone_count != nets[index].left)
        fail_msg("%s: %d folded, %d left", nets[index].what, report->folded_count,
                 report->standalone_count);
    const double most = TOL * fmax(1.0, largest_of(before));
    assert_int_equal(before->count, after->count);
    for (int64_t i = 0; i < before->count; i++) {
        const double difference =
            fabs((double)rf_tensor_f32(before)[i] - (double)rf_tensor_f32(after)[i]);
        if (!(difference <= most))
            fail_msg("%s: output %lld differs by %g", nets[index].what, (long long)i, difference);
    }
    rf_fold_report_free(report);
    rf_tensor_free(before);
    rf_tensor_free(after);
    rf_graph_free(g);
}

static void every_bn_that_can_is_folded_and_outputs_stay(void **state)
{
    rf_context *ctx = test_context();
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        check(ctx, i);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bn_that_can_is_folded_and_outputs_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
