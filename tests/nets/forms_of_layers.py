"""Forms: where BN stand, how weights and parameters are given, shapes of layers, batches and inputs."""
import numpy
from onnx import TensorProto, helper

from form_builder import form

# --- where BN stand ---


@form()
def bn_before_padded_conv(n):
    x = n.conv(n.bn("x", 3), 3, 6, bias=True)
    n.classify(n.op("Relu", x), 6)


@form()
def bn_before_conv(n):
    x = n.conv(n.bn("x", 3), 3, 6, kernel=(1, 1))
    n.classify(n.op("Relu", x), 6)


@form()
def bn_after_relu(n):
    x = n.bn(n.op("Relu", n.conv("x", 3, 6)), 6)
    n.classify(n.conv(x, 6, 6), 6)


@form()
def bn_after_add(n):
    x = n.op("Add", n.conv("x", 3, 6), n.conv("x", 3, 6, kernel=(1, 1)))
    n.classify(n.op("Relu", n.bn(x, 6)), 6)


@form()
def bn_after_concat(n):
    x = n.op("Concat", n.conv("x", 3, 6), n.conv("x", 3, 6, kernel=(1, 1)), axis=1)
    n.classify(n.op("Relu", n.bn(x, 12)), 12)


@form()
def bn_after_max_pool(n):
    x = n.op("MaxPool", n.conv("x", 3, 6), kernel_shape=[2, 2], strides=[2, 2])
    n.classify(n.op("Relu", n.bn(x, 6)), 6)


@form()
def bn_after_average_pool(n):
    x = n.op("AveragePool", n.conv("x", 3, 6), kernel_shape=[2, 2], strides=[2, 2])
    n.classify(n.op("Relu", n.bn(x, 6)), 6)


@form(quick=True)
def bn_after_bn(n):
    n.classify(n.op("Relu", n.bn(n.conv_bn("x", 3, 6), 6)), 6)


@form()
def bn_after_pad(n):
    x = n.op("Pad", n.conv("x", 3, 6), n.ints(0, 0, 1, 1, 0, 0, 1, 1))
    n.classify(n.bn(x, 6), 6)


@form()
def pad_before_conv(n):
    x = n.op("Pad", "x", n.ints(0, 0, 1, 1, 0, 0, 1, 1), n.number(0))
    n.classify(n.conv_bn_relu(x, 3, 6, pads=[0] * 4), 6)


@form()
def conv_read_twice(n):
    c = n.conv("x", 3, 6)
    n.classify(n.op("Add", n.op("Relu", n.bn(c, 6)), c), 6)


@form(outputs=("y", "features"))
def conv_output_is_an_output(n):
    c = n.conv("x", 3, 6)
    n.op("Identity", c, out="features")
    n.classify(n.op("Relu", n.bn(c, 6)), 6)


@form(outputs=("y", "z"))
def bn_output_is_an_output(n):
    n.bn(n.conv("x", 3, 6), 6, out="y")
    n.classify(n.op("Relu", "y"), 6, out="z")


@form()
def ends_with_bn(n):
    n.bn(n.conv("x", 3, 6), 6, out="y")


@form(inputs={"x": (None, 5, 8)})
def bn_of_matmul_in_three_dims(n):
    x = n.op("Add", n.op("MatMul", "x", n.random(8, 6)), n.random(6))
    n.classify(n.op("Relu", n.bn(n.op("Transpose", x, perm=[0, 2, 1]), 6)), 6)


# --- parameters: shared, computed, spelt out ---


@form(quick=True)
def shared_weights(n):
    w = n.random(3, 3, 3, 3)
    x = n.conv_bn_relu("x", 3, 3, weight=w)
    n.classify(n.conv_bn_relu(x, 3, 3, weight=w), 3)


@form(quick=True)
def shared_bn_parameters(n):
    parameters = [n.gamma(6), n.random(6), n.random(6), n.positive(6)]
    x = n.op("Relu", n.op("BatchNormalization", n.conv("x", 3, 6), *parameters))
    n.classify(n.op("BatchNormalization", n.conv(x, 6, 6), *parameters), 6)


@form()
def bn_scale_computed(n):
    def filled(value):
        return n.op("ConstantOfShape", n.ints(6), value=helper.make_tensor("v", TensorProto.FLOAT, [1], [value]))
    x = n.op("BatchNormalization", n.conv("x", 3, 6), filled(1.0), filled(0.0), n.random(6), n.positive(6))
    n.classify(n.op("Relu", x), 6)


@form()
def bn_statistics_computed(n):
    c = n.conv("x", 3, 6)
    mean = n.op("Reshape", n.op("Mul", n.random(6), n.number(0.5)), n.ints(-1))
    var = n.op("Add", n.positive(6), n.const(numpy.array([1.0], numpy.float32)))
    x = n.op("BatchNormalization", c, n.positive(6), n.random(6), mean, var)
    n.classify(n.op("Relu", x), 6)


@form()
def bn_of_constants_behind_identities(n):
    def behind(low, high):
        constant = n.value(numpy.linspace(low, high, 6, dtype=numpy.float32))
        return n.op("Identity", n.op("Identity", constant))
    x = n.op("BatchNormalization", n.conv("x", 3, 6), behind(0.8, 1.2), behind(-1, 1), behind(-1, 1), behind(0.5, 2))
    n.classify(n.op("Relu", x), 6)


@form()
def weights_behind_identities(n):
    w = n.op("Identity", n.value((0.4 * n.rng.randn(6, 3, 3, 3)).astype(numpy.float32)))
    x = n.conv_bn_relu("x", 3, 6, weight=w)
    n.classify(n.conv_bn(x, 6, 6, weight=n.op("Identity", n.random(6, 6, 3, 3))), 6)


@form()
def weights_reshaped(n):
    w = n.op("Reshape", n.random(6, 27), n.ints(6, 3, 3, 3))
    n.classify(n.conv_bn_relu("x", 3, 6, weight=w), 6)


@form()
def weights_turned_from_hwio(n):
    w = n.op("Transpose", n.random(3, 3, 3, 6), perm=[3, 2, 0, 1])
    n.classify(n.conv_bn_relu("x", 3, 6, weight=w), 6)


@form()
def weight_normalization(n):
    v = n.random(6, 3, 3, 3)
    norm = n.op("Sqrt", n.op("ReduceSum", n.op("Mul", v, v), n.ints(1, 2, 3), keepdims=1))
    w = n.op("Mul", v, n.op("Div", n.positive(6, 1, 1, 1), norm))
    n.classify(n.conv_bn_relu("x", 3, 6, weight=w), 6)


@form()
def linear_of_transpose_matmul_add(n):
    w = n.op("Transpose", n.random(10, 192), perm=[1, 0])
    x = n.op("Add", n.random(10), n.op("MatMul", n.op("Flatten", "x"), w))
    x = n.op("MatMul", n.op("Relu", n.bn(x, 10)), n.random(10, 4))
    n.op("Add", x, n.random(4), out="y")


@form()
def bn_as_mul_and_add(n):
    x = n.op("Mul", n.conv("x", 3, 6), n.positive(6, 1, 1))
    x = n.op("Relu", n.op("Add", x, n.random(6, 1, 1)))
    x = n.op("Mul", n.conv(x, 6, 6), n.positive(1, 6, 1, 1))
    n.classify(n.op("Relu", n.op("Sub", x, n.random(1, 6, 1, 1))), 6)


# --- layers ---


@form()
def asymmetric_kernels_and_pads(n):
    x = n.conv_bn("x", 3, 6, kernel=(1, 5), pads=[0, 2, 0, 2])
    x = n.conv_bn(x, 6, 6, kernel=(3, 1), pads=[2, 0, 0, 0], strides=[2, 1], dilations=[1, 2])
    x = n.op("MaxPool", x, kernel_shape=[2, 1], pads=[1, 0, 0, 0], strides=[1, 2])
    n.classify(n.op("Relu", x), 6)


@form()
def auto_pad_same_upper(n):
    n.classify(n.conv_bn_relu("x", 3, 6, kernel=(4, 3), auto_pad="SAME_UPPER", strides=[2, 3]), 6)


@form()
def auto_pad_same_lower(n):
    n.classify(n.conv_bn_relu("x", 3, 6, kernel=(4, 3), auto_pad="SAME_LOWER", strides=[2, 3]), 6)


@form()
def auto_pad_valid(n):
    n.classify(n.conv_bn_relu("x", 3, 6, kernel=(4, 3), auto_pad="VALID", strides=[2, 3]), 6)


@form(inputs={"x": (None, 3, 40)}, quick=True)
def one_dimension(n):
    x = n.conv_bn_relu("x", 3, 6, kernel=(5,), strides=[2])
    x = n.op("MaxPool", x, kernel_shape=[2])
    n.classify(n.conv_bn_relu(x, 6, 8, kernel=(3,), group=2, dilations=[2], pads=[2, 2]), 8)


@form(inputs={"x": (None, 2, 6, 8, 8)}, quick=True)
def three_dimensions(n):
    x = n.conv_bn_relu("x", 2, 6, kernel=(3, 3, 3))
    x = n.op("MaxPool", x, kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    x = n.conv_bn(x, 6, 8, kernel=(1, 3, 3))
    x = n.op("AveragePool", x, kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    n.classify(n.op("Relu", x), 8)


@form(quick=True)
def transposed_convolutions(n):
    x = n.op("ConvTranspose", "x", n.random(3, 4, 3, 3), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4,
             output_padding=[1, 1])
    x = n.op("Relu", n.bn(x, 4))
    x = n.op("ConvTranspose", x, n.random(4, 1, 2, 2), n.random(4), kernel_shape=[2, 2], strides=[2, 2], group=4)
    n.classify(n.op("Relu", n.bn(x, 4)), 4)


@form()
def transposed_convolutions_of_output_shape(n):
    x = n.op("ConvTranspose", "x", n.random(3, 4, 4, 4), kernel_shape=[4, 4], strides=[2, 2], output_shape=[16, 16])
    x = n.op("ConvTranspose", n.bn(x, 4), n.random(4, 4, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
    n.classify(x, 4)


@form()
def squeeze_and_excite(n):
    x = n.conv_bn_relu("x", 3, 8)
    s = n.op("ReduceMean", x, axes=[-1, -2], keepdims=1)
    s = n.op("Relu", n.conv(s, 8, 2, kernel=(1, 1), bias=True))
    s = n.op("HardSigmoid", n.conv(s, 2, 8, kernel=(1, 1), bias=True), alpha=1 / 6, beta=0.5)
    n.classify(n.op("Mul", s, x), 8)


# --- inputs, outputs, batches ---


@form(inputs={"x": (None, 3, 8, 8), "z": (None, 2, 8, 8)}, outputs=("y", "y2"), quick=True)
def two_inputs_and_outputs(n):
    s = n.op("Add", n.conv_bn("x", 3, 6), n.conv_bn("z", 2, 6))
    n.op("Relu", s, out="y2")
    n.classify(s, 6)


def small(n):
    n.classify(n.conv_bn_relu("x", 3, 6), 6)


@form(inputs={"x": (3, 3, 8, 8)}, batch=3, quick=True)
def batch_fixed(n):
    small(n)


@form(inputs={"x": (-1, 3, 8, 8)})
def batch_of_minus_1(n):
    small(n)


# ONNX Runtime feeds no batch of 0, which is how some exporters say that it is open: refold writes it so.
@form(inputs={"x": (0, 3, 8, 8)}, reference=False, quick=True)
def batch_of_0(n):
    small(n)


@form(inputs={"x": ("N", "C", "H", "W")}, quick=True)
def every_dim_open(n):
    small(n)


@form(quick=True)
def input_without_shape(n):
    small(n)
    n.change = lambda model: model.graph.input[0].type.tensor_type.ClearField("shape")


@form(quick=True)
def declared_shapes_that_are_wrong(n):
    small(n)
    n.change = lambda model: model.graph.value_info.append(
        helper.make_tensor_value_info(model.graph.node[1].output[0], TensorProto.FLOAT, [7, 7]))


@form(inputs={"x": (1, 3, 8, 8)}, batch=1)
def batch_of_1_in_a_reshape(n):
    x = n.op("Reshape", n.conv_bn_relu("x", 3, 6), n.ints(1, 384))
    n.op("Gemm", x, n.random(384, 4), n.random(4), out="y")


@form(batch=1)
def open_batch_but_1_in_a_reshape(n):
    batch_of_1_in_a_reshape(n)


@form(inputs={"x": (None, 3, 8, 8), "unused": (None, 2)})
def an_input_that_nobody_reads(n):
    n.classify(n.conv_bn("x", 3, 6), 6)


@form(reference=False)
def names_of_any_letters(n):
    x = n.op("Conv", "x", n.const(0.4 * n.rng.randn(6, 3, 3, 3).astype(numpy.float32), "a/b c:0"), out="out put/0",
             node="", kernel_shape=[3, 3], pads=[1] * 4)
    x = n.op("BatchNormalization", x, *[n.const(numpy.full(6, v, numpy.float32), name) for name, v in
                                        (("γ", 1), ("β/бета", 0.5), ("mean value", 0.1), ("var", 2))], out="t 1", node="")
    x = n.op("Sigmoid", n.op("Relu", x, out="t 2", node="same"), out="t/3", node="same")
    n.classify(x, 6)


@form()
def empty_tensors(n):
    n.classify(n.op("Concat", "x", n.const(numpy.zeros((0, 3, 8, 8), numpy.float32)), axis=0), 3)


@form()
def scalars(n):
    x = n.op("Mul", "x", n.number(2))
    x = n.op("Add", n.const(numpy.array([0.5], numpy.float32)), x)
    x = n.op("Div", x, n.const(numpy.array([[[[3.0]]]], numpy.float32)))
    n.classify(n.conv_bn(x, 3, 6), 6)


@form()
def identity_alone(n):
    n.op("Identity", "x", out="y")


# --- what is refused, or left out ---


@form(reference=False)
def a_strange_node_that_nobody_reads(n):
    x = n.conv_bn("x", 3, 6)
    n.domains = ["my.domain"]
    n.op("Foo", x, domain="my.domain")
    n.classify(x, 6)


@form(refused="operator 'my.domain.Foo'")
def a_strange_node(n):
    n.domains = ["my.domain"]
    n.op("Foo", n.conv("x", 3, 6), out="y", domain="my.domain")
