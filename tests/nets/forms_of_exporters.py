"""Forms: what exporters write, for operator sets 6 to 21, and pieces of detectors, recognizers and keyword spotters."""
import numpy
from onnx import TensorProto, helper

from form_builder import form

END = 9223372036854775807


def sizes(n, x, first, last):
    """Some of the dims of x, at run time."""
    return n.op("Slice", n.op("Shape", x), n.ints(first), n.ints(last), n.ints(0))


# --- old operator sets ---


@form(opset=6, ir=3, reference=False, quick=True)
def opset_6(n):
    x = n.op("BatchNormalization", n.conv("x", 3, 6), n.gamma(6), n.random(6), n.random(6), n.positive(6), is_test=1)
    x = n.op("Dropout", n.op("Relu", x), is_test=1)
    x = n.op("Add", n.op("Mul", x, n.random(6), axis=1, broadcast=1), n.random(6), axis=1, broadcast=1)
    n.classify(x, 6)


@form(opset=7, ir=3)
def opset_7_dropout(n):
    x = n.op("Dropout", n.conv_bn("x", 3, 6), outs=2, ratio=0.3)[0]
    n.classify(x, 6)


@form(opset=7, ir=3)
def opset_7_upsample(n):
    x = n.conv("x", 3, 6)
    small = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    n.classify(n.op("Add", n.op("Upsample", small, mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]), x), 6)


@form(opset=8, ir=3)
def opset_8_initializers_apart(n):
    n.classify(n.conv_bn_relu("x", 3, 6), 6)


@form(opset=8, ir=3, quick=True)
def opset_8_initializers_as_inputs(n):
    n.inputs_hold_constants = True
    n.classify(n.conv_bn_relu("x", 3, 6), 6)


@form(opset=8, ir=3)
def opset_8_spatial(n):
    n.classify(n.bn(n.conv("x", 3, 6), 6, spatial=1, momentum=0.9, epsilon=1e-3), 6)


@form(opset=9, ir=4, quick=True)
def opset_9_upsample(n):
    x = n.conv_bn("x", 3, 6)
    small = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    large = n.op("Upsample", small, n.value(numpy.array([1, 1, 2, 2], numpy.float32)), mode="nearest")
    n.classify(n.op("Add", large, x), 6)


@form(opset=10, ir=5)
def opset_10_clip(n):
    n.classify(n.op("Clip", n.conv_bn("x", 3, 6), min=0.0, max=6.0), 6)


@form()
def clip_without_minimum(n):
    n.classify(n.op("Clip", n.conv_bn("x", 3, 6), "", n.number(6)), 6)


# Its BN runs on the batch in ONNX Runtime; refold reads what it was trained for.
@form(opset=14, reference=False)
def opset_14_training(n):
    c = n.conv("x", 3, 6)
    x, _, _ = n.op("BatchNormalization", c, n.gamma(6), n.random(6), n.random(6), n.positive(6), outs=3, training_mode=1)
    n.classify(x, 6)


# --- new operator sets ---


@form(opset=18, ir=8, quick=True)
def opset_18(n):
    x = n.conv_bn_relu("x", 3, 8)
    a, b = n.op("Split", x, outs=2, axis=1, num_outputs=2)
    s = n.op("ReduceMean", a, n.ints(2, 3), keepdims=1)
    x = n.op("Concat", n.op("Mul", a, s), n.op("Pad", b, n.ints(1, 1, -1, -1), n.number(0), n.ints(2, 3)), axis=1)
    x = n.op("Resize", x, "", n.const(numpy.array([2, 2], numpy.float32)), axes=[2, 3], mode="nearest",
             coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    n.classify(x, 8)


@form(opset=19, ir=9, quick=True)
def opset_19(n):
    x = n.conv_bn("x", 3, 8)
    x = n.op("AveragePool", x, kernel_shape=[2, 2], dilations=[2, 2], pads=[1] * 4)
    x = n.op("Resize", x, "", "", n.ints(2, 8, 12, 12), mode="linear", keep_aspect_ratio_policy="stretch")
    n.classify(n.op("Relu", n.op("Cast", x, to=TensorProto.FLOAT, saturate=1)), 8)


@form(opset=20, ir=9)
def opset_20(n):
    n.classify(n.op("Gelu", n.conv_bn("x", 3, 8), approximate="tanh"), 8)


@form(opset=21, ir=10, quick=True)
def opset_21(n):
    x = n.conv_bn_relu("x", 3, 8)
    x = n.op("GroupNormalization", x, n.positive(8), n.random(8), num_groups=4, epsilon=1e-4)
    x = n.op("Reshape", x, n.ints(0, 8, -1), allowzero=0)
    x = n.op("Squeeze", n.op("ReduceMax", n.op("Unsqueeze", x, n.ints(3)), n.ints(2), keepdims=1), n.ints(2, 3))
    n.op("Gemm", n.op("Flatten", x), n.random(8, 4), out="y")


# --- exporters ---


@form()
def paddle(n):
    x = n.conv_bn("x", 3, 6)
    gate = n.op("Clip", n.op("Add", x, n.const(numpy.array([3.0], numpy.float32))), n.number(0), n.number(6))
    x = n.op("Div", n.op("Mul", x, gate), n.const(numpy.array([6.0], numpy.float32)))
    small = n.op("Mul", n.conv(x, 6, 8, strides=[2, 2]), n.positive(8, 1, 1))
    small = n.op("Relu", n.op("Add", small, n.random(8, 1, 1)))
    size = n.op("Concat", sizes(n, small, 0, 2), n.op("Cast", sizes(n, x, 2, 4), to=TensorProto.INT64), axis=0)
    large = n.op("Resize", small, "", "", size, mode="nearest", coordinate_transformation_mode="asymmetric",
                 nearest_mode="floor")
    n.classify(n.op("Concat", large, x, axis=1), 14)


@form(inputs={"x": ("unk__1", 8, 8, 3)})
def tf2onnx_fused(n):
    x = n.op("Relu", n.conv(n.op("Transpose", "x", perm=[0, 3, 1, 2]), 3, 6, bias=True))
    x = n.op("Transpose", n.op("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2])
    x = n.op("Clip", n.conv(x, 6, 6, group=6, bias=True), n.number(0), n.number(6))
    x = n.op("MatMul", n.op("ReduceMean", x, axes=[2, 3], keepdims=0), n.random(6, 4))
    n.op("Softmax", n.op("Add", x, n.random(4)), out="y", axis=-1)


@form(inputs={"x": ("unk__1", 8, 8, 3)})
def tf2onnx_bn_between_transposes(n):
    x = n.conv_bn(n.op("Transpose", "x", perm=[0, 3, 1, 2]), 3, 6)
    x = n.op("Transpose", x, perm=[0, 2, 3, 1])
    x = n.op("Relu", n.op("Add", n.op("Mul", x, n.positive(6)), n.random(6)))
    x = n.op("GlobalAveragePool", n.op("Transpose", x, perm=[0, 3, 1, 2]))
    n.op("MatMul", n.op("Squeeze", x, n.ints(2, 3)), n.random(6, 4), out="y")


@form()
def pytorch_view_of_computed_shape(n):
    x = n.conv_bn_relu("x", 3, 6)
    shape = n.op("Shape", x)
    rest = n.op("ReduceProd", n.op("Slice", shape, n.ints(1), n.ints(4)), axes=[0], keepdims=1)
    x = n.op("Reshape", x, n.op("Concat", n.op("Gather", shape, n.ints(0)), rest, axis=0))
    n.op("Gemm", x, n.random(384, 4), n.random(4), out="y")


@form()
def pytorch_group_norm(n):
    x = n.conv("x", 3, 8)
    g = n.op("InstanceNormalization", n.op("Reshape", x, n.ints(0, 4, -1)), n.const(numpy.ones(4, numpy.float32)),
             n.const(numpy.zeros(4, numpy.float32)))
    g = n.op("Mul", n.op("Reshape", g, n.op("Shape", x)), n.random(8, 1, 1))
    n.classify(n.op("Relu", n.op("Add", g, n.random(8, 1, 1))), 8)


@form()
def channel_shuffle(n):
    x = n.op("Reshape", n.conv_bn_relu("x", 3, 8), n.ints(-1, 2, 4, 8, 8))
    x = n.op("Reshape", n.op("Transpose", x, perm=[0, 2, 1, 3, 4]), n.ints(-1, 8, 8, 8))
    a = n.op("Slice", x, n.ints(0), n.ints(4), n.ints(1))
    b = n.conv_bn(n.op("Slice", x, n.ints(4), n.ints(END), n.ints(1)), 4, 4, group=4)
    n.classify(n.op("Concat", a, b, axis=1), 8)


@form()
def casts_to_double_and_back(n):
    x = n.op("Cast", n.op("Cast", "x", to=TensorProto.DOUBLE), to=TensorProto.FLOAT)
    n.classify(n.conv_bn(x, 3, 6), 6)


@form()
def half_floats_inside(n):
    x = n.op("Cast", "x", to=TensorProto.FLOAT16)
    w = n.const((0.4 * n.rng.randn(6, 3, 3, 3)).astype(numpy.float16))
    n.classify(n.op("Cast", n.conv(x, 3, 6, weight=w), to=TensorProto.FLOAT), 6)


# --- keyword spotters ---


@form(inputs={"x": (None, 49, 10)})
def keyword_spotter(n):
    x = n.conv_bn_relu(n.op("Unsqueeze", "x", n.ints(1)), 1, 6, kernel=(10, 4), auto_pad="SAME_UPPER", strides=[2, 2])
    x = n.op("AveragePool", n.conv_bn_relu(x, 6, 6, group=6), kernel_shape=[25, 5])
    n.op("Gemm", n.op("Reshape", x, n.ints(-1, 6)), n.random(12, 6), n.random(12), out="y", transB=1)


@form(inputs={"x": (None, 49, 10)})
def temporal_convolutions(n):
    x = n.conv_bn_relu(n.op("Transpose", "x", perm=[0, 2, 1]), 10, 16, kernel=(9,))
    x = n.op("Relu", n.op("Add", x, n.conv_bn(x, 16, 16, kernel=(9,))))
    n.op("Gemm", n.op("ReduceMean", x, axes=[2], keepdims=0), n.random(16, 12), n.random(12), out="y")


# --- detectors ---


def silu(n, x):
    return n.op("Mul", x, n.op("Sigmoid", x))


@form()
def yolo_head(n):
    """Distribution focal loss: softmax over 4 bins, and a convolution of constants that takes their mean."""
    a, c = n.op("Split", silu(n, n.conv_bn("x", 3, 16)), n.ints(8, 8), outs=2, axis=1)
    x = n.op("Concat", a, n.op("Add", a, silu(n, c)), axis=1)
    heads = [n.conv(x, 16, channels, kernel=(1, 1), bias=True) for channels in (16, 5)]
    h = n.op("Reshape", n.op("Concat", *heads, axis=1), n.ints(0, 21, -1))
    box, classes = n.op("Split", h, n.ints(16, 5), outs=2, axis=1)
    box = n.op("Transpose", n.op("Reshape", box, n.ints(0, 4, 4, 64)), perm=[0, 2, 1, 3])
    bins = n.const(numpy.arange(4, dtype=numpy.float32).reshape(1, 4, 1, 1))
    box = n.op("Reshape", n.op("Conv", n.op("Softmax", box, axis=1), bins), n.ints(0, 4, 64))
    anchors = n.random(1, 2, 64)
    low = n.op("Sub", anchors, n.op("Slice", box, n.ints(0), n.ints(2), n.ints(1)))
    high = n.op("Add", anchors, n.op("Slice", box, n.ints(2), n.ints(4), n.ints(1)))
    centre = n.op("Div", n.op("Add", low, high), n.number(2))
    box = n.op("Concat", centre, n.op("Sub", high, low), axis=1)
    box = n.op("Mul", box, n.const(numpy.full((1, 64), 8, numpy.float32)))
    n.op("Concat", box, n.op("Sigmoid", classes), out="y", axis=1)


def ssd_level(n, x, values):
    x = n.op("Transpose", n.conv(x, 8, values * 3, bias=True), perm=[0, 2, 3, 1])
    batch = n.op("Gather", n.op("Shape", x), n.const(numpy.array(0, numpy.int64)), axis=0)
    shape = n.op("Concat", n.op("Unsqueeze", batch, axes=[0]), n.ints(-1, values), axis=0)
    return n.op("Reshape", x, shape)


@form(opset=11, ir=6, outputs=("scores", "boxes"), quick=True)
def ssd_head(n):
    x = n.conv_bn_relu("x", 3, 8)
    levels = [x, n.conv_bn_relu(x, 8, 8, strides=[2, 2])]
    scores = n.op("Concat", *[ssd_level(n, level, 2) for level in levels], axis=1)
    places = n.op("Concat", *[ssd_level(n, level, 4) for level in levels], axis=1)
    n.op("Softmax", scores, out="scores", axis=2)

    def part(of, first, last):
        return n.op("Slice", of, n.ints(first), n.ints(last), n.ints(2))
    priors = n.positive(1, 240, 4)
    size = part(priors, 2, 2**31 - 1)
    centre = n.op("Add", n.op("Mul", n.op("Mul", part(places, 0, 2), n.number(0.1)), size), part(priors, 0, 2))
    half = n.op("Div", n.op("Mul", n.op("Exp", n.op("Mul", part(places, 2, 4), n.number(0.2))), size), n.number(2))
    n.op("Concat", n.op("Sub", centre, half), n.op("Add", centre, half), out="boxes", axis=2)


# --- recognizers of text ---


def text_lines(n):
    x = n.op("MaxPool", n.conv_bn_relu("x", 1, 8), kernel_shape=[2, 2], strides=[2, 2])
    x = n.op("MaxPool", n.conv_bn_relu(x, 8, 16), kernel_shape=[2, 2], strides=[2, 1], pads=[0, 1, 0, 1])
    x = n.op("Squeeze", n.conv(x, 16, 16, kernel=(4, 2), pads=[0] * 4, bias=True), axes=[2])
    return n.op("Transpose", x, perm=[2, 0, 1])


@form(opset=11, ir=6, inputs={"x": (None, 1, 16, 32)})
def text_recognizer(n):
    x = n.op("Add", n.op("MatMul", text_lines(n), n.random(16, 10)), n.random(10))
    n.op("LogSoftmax", x, out="y", axis=2)


@form(opset=11, ir=6, inputs={"x": (None, 1, 16, 32)}, refused="operator 'LSTM'", quick=True)
def recurrent_text_recognizer(n):
    x = n.op("LSTM", text_lines(n), n.random(1, 16, 16), n.random(1, 16, 4), hidden_size=4)
    n.op("Squeeze", x, out="y", axes=[1])


@form(opset=11, ir=6, refused="Loop")
def a_loop(n):
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Relu", ["v"], ["w"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("c", TensorProto.BOOL, []),
         helper.make_tensor_value_info("v", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, []), helper.make_tensor_value_info("w", TensorProto.FLOAT, None)])
    n.op("Loop", n.const(numpy.array(3, numpy.int64)), n.const(numpy.array(True)), n.conv("x", 3, 6), out="y", body=body)
