/* Networks whose BN were fused into convolutions before the file was written: by whom, and how to keep them. */
#include <string.h>

#include "base/status.h"
#include "inspect/inspection.h"

#define TORCHSCRIPT                                                                                \
    "torch.onnx.export(model.eval(), x, \"model.onnx\", dynamo=False, do_constant_folding=False, " \
    "training=torch.onnx.TrainingMode.PRESERVE)"
#define DYNAMO "torch.onnx.export(model.eval(), (x,), \"model.onnx\", dynamo=True, optimize=False)"
#define KERAS                                                                                      \
    "give refold the Keras file (.h5, .hdf5) or the TensorFlow SavedModel itself, whose BN are "   \
    "still there; tf2onnx fuses them whatever its options say"

typedef struct exporter {
    const char *name;
    bool (*wrote)(const rf_graph *g);
    const char *keep; /* what to do, continuing "To keep BN, " */
} exporter;

static bool mentions(const char *text, const char *word)
{
    return text && strcasestr(text, word) != NULL;
}

static bool by_ultralytics(const rf_graph *g)
{
    return mentions(rf_graph_metadata(g, "author"), "ultralytics") ||
           mentions(rf_graph_metadata(g, "description"), "ultralytics");
}

static bool by_keras_converter(const rf_graph *g)
{
    return mentions(g->producer, "tf2onnx") || mentions(g->producer, "keras2onnx") ||
           mentions(g->producer, "tensorflow");
}

/* onnxsim and onnxoptimizer keep the producer, but rename what they compute. */
static bool by_simplifier(const rf_graph *g)
{
    if (mentions(g->producer, "onnx-simplifier") || mentions(g->producer, "onnxsim") ||
        mentions(g->producer, "onnxslim") || mentions(g->producer, "onnx-optimizer"))
        return true;
    for
        RF_GRAPH_EACH_NODE(n, g)
    for (int i = 1; rf_node_is(n, "Conv") && i < n->input_count; i++)
        if (n->inputs[i] &&
            (strstr(n->inputs[i]->name, "onnxsim") || strstr(n->inputs[i]->name, "onnxoptimizer")))
            return true;
    return false;
}

/* Its optimizer leaves operators of its own behind. */
static bool by_onnx_runtime(const rf_graph *g)
{
    return mentions(g->producer, "onnxruntime") || rf_graph_opset(g, "com.microsoft.nchwc") > 0;
}

/* torch.export names nodes after its own: node_conv2d_1, node_Conv_12. */
static bool by_dynamo(const rf_graph *g)
{
    int named = 0, nodes = 0;
    if (!mentions(g->producer, "pytorch"))
        return false;
    for
        RF_GRAPH_EACH_NODE(n, g)
        {
            nodes++;
            named += strncmp(n->name, "node_", 5) == 0;
        }
    return 2 * named > nodes || rf_graph_opset(g, "pkg.onnxscript.torch_lib") > 0;
}

static bool by_torchscript(const rf_graph *g)
{
    return mentions(g->producer, "pytorch");
}

static bool by_paddle(const rf_graph *g)
{
    return mentions(g->producer, "paddle");
}

static bool by_anybody(const rf_graph *g)
{
    (void)g;
    return true;
}

/* The first that fits is meant: what works on other exporters' files stands before them. */
static const exporter exporters[] = {
    { "Ultralytics", by_ultralytics,
      "export its inner model, which yolo export would fuse: model = YOLO(\"yolo.pt\").model; "
      "then " TORCHSCRIPT },
    { "onnx-simplifier", by_simplifier,
      "simplify with onnxsim in.onnx out.onnx --skip-fuse-bn, or give refold the file from before "
      "it" },
    { "ONNX Runtime", by_onnx_runtime,
      "give refold the model from before ONNX Runtime's optimization "
      "(optimized_model_filepath was set)" },
    { "tf2onnx", by_keras_converter, KERAS },
    { "PyTorch's dynamo exporter", by_dynamo, "export again with " DYNAMO },
    { "PyTorch's TorchScript exporter", by_torchscript, "export again with " TORCHSCRIPT },
    { "Paddle", by_paddle, "export again with paddle2onnx --optimize_tool None" },
    { NULL, by_anybody,
      "export again. PyTorch: " TORCHSCRIPT " or, with the newer exporter, " DYNAMO
      ". TensorFlow and Keras: " KERAS "." },
};

static bool any_nonzero(const rf_tensor *t)
{
    const float *values = rf_tensor_f32(t);
    for (int64_t i = 0; i < t->count; i++)
        if (values[i] != 0.0F)
            return true;
    return false;
}

static bool is_convolution(const rf_node *n)
{
    return rf_node_is(n, "Conv") || rf_node_is(n, "ConvTranspose");
}

static bool has_bias(const rf_node *n)
{
    const rf_value *b = rf_skip_fakequant(rf_node_input(n, 2));
    return b && b->constant && b->constant->dtype == RF_DTYPE_F32 && any_nonzero(b->constant);
}

/* A trace of BN in names: converters call the convolution's output after the BN that they fused into it. */
static const char *name_of_lost_bn(const rf_graph *g)
{
    static const char *const traces[] = { "BatchNorm", "batch_norm", "/bn", "_bn", ".bn" };
    for
        RF_GRAPH_EACH_NODE(n, g)
    for (int i = 0; is_convolution(n) && i < 3; i++) {
        const rf_value *v = i == 0 ? rf_node_output(n, 0) : rf_node_input(n, i);
        for (size_t k = 0; v && k < sizeof traces / sizeof *traces; k++)
            if (strstr(v->name, traces[k]))
                return v->name;
    }
    return NULL;
}

static void count_convolutions(const rf_graph *g, int *all_out, int *biased_out)
{
    *all_out = *biased_out = 0;
    for
        RF_GRAPH_EACH_NODE(n, g)
        {
            *all_out += is_convolution(n);
            *biased_out += is_convolution(n) && has_bias(n);
        }
}

static const exporter *find_exporter(const rf_graph *g)
{
    const exporter *e = exporters;
    while (!e->wrote(g))
        e++;
    return e;
}

static rf_status advise_fused(rf_looking *l, int convolutions, int biased)
{
    const exporter *e = find_exporter(l->graph);
    const char *trace = name_of_lost_bn(l->graph);
    l->report.bn_fused_by = e->name ? e->name : "an unknown exporter";
    if (trace)
        RF_TRY(rf_advise(l,
                         "Already folded: no BatchNormalization is left, but tensor '%s' still has "
                         "its name; it was fused into the convolution%s%s.",
                         trace, e->name ? ", probably by " : "", e->name ? e->name : ""));
    else
        RF_TRY(rf_advise(l,
                         "No BatchNormalization is left, and %d of %d convolutions have biases: if "
                         "the network was trained with BN, they were fused%s%s.",
                         biased, convolutions, e->name ? ", probably by " : "",
                         e->name ? e->name : ""));
    RF_TRY(rf_advise(l, "To keep BN, %s", e->keep));
    return rf_advise(l, "Without BN, quantize and train work all the same; reestimate and fold "
                        "have nothing to do.");
}

rf_status rf_look_provenance(rf_looking *l)
{
    int convolutions, biased;
    if (l->pairs.count > 0 || rf_looking_has(l, "QuantizeLinear"))
        return RF_OK;
    count_convolutions(l->graph, &convolutions, &biased);
    if (biased > 0)
        return advise_fused(l, convolutions, biased);
    return rf_advise(
        l,
        "No BatchNormalization: quantize and train work; reestimate and fold have nothing to do.");
}
