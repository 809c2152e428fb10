"""TensorFlow's models through the program: every operator against naive references, SavedModels, the whole workflow."""
import math
import os
import random
import unittest

import program
import tensorflow_maker as tf
import tensorflow_reference as ref
from tensorflow_maker import FLOAT, INT32, const, node, placeholder
from tensorflow_reference import Array, each, noise

TOLERANCE = 2e-5  # float32, sums of up to some hundred terms of size 1


def weights(name, array):
    return const(name, FLOAT, array.shape, array.data)


def integers(name, values, dims=None):
    return const(name, INT32, [len(values)] if dims is None else dims, values)


class TensorFlowTest(program.ProgramTest):
    def write(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content)

    def infer(self, model, x, *options):
        program.write_npy(self.path("x.npy"), x.shape, x.data)
        self.succeed("infer", model, "--input", "x.npy", "--output", "y.npy", "--force", *options)
        return Array(*program.read_npy(self.path("y.npy")))

    def check(self, nodes, x, expected, operators=None):
        """The graph of these nodes behind the placeholder 'x' gives `expected`; it has these ONNX operators."""
        self.write("g.pb", tf.graph([placeholder("x", [-1, *x.shape[1:]]), *nodes]))
        y = self.infer("g.pb", x)
        self.assertEqual(y.shape, expected.shape)
        worst = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(y.data, expected.data))
        self.assertLess(worst, TOLERANCE)
        if operators is not None:
            self.assertEqual(self.document("inspect", "g.pb")["operators"], operators)


class Elements(TensorFlowTest):
    def test_unary(self):
        x, positive = noise((2, 3, 4, 5)), noise((2, 3, 4, 5), low=0.1, high=2.0)
        sigmoid = lambda v: 1 / (1 + math.exp(-v))
        elu = lambda v: v if v > 0 else math.exp(v) - 1
        for op, f in [("Abs", abs), ("Elu", elu), ("Erf", math.erf), ("Exp", math.exp), ("Floor", math.floor),
                      ("Neg", lambda v: -v), ("Relu", lambda v: max(v, 0)), ("Sigmoid", sigmoid),
                      ("Softplus", lambda v: math.log1p(math.exp(v))), ("Tanh", math.tanh), ("Square", lambda v: v * v),
                      ("Selu", lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * (math.exp(v) - 1))),
                      ("Softsign", lambda v: v / (1 + abs(v))), ("Ceil", math.ceil)]:
            with self.subTest(op):
                self.check([node("y", op, ["x"])], x, each(x, f))
        for op, f in [("Log", math.log), ("Sqrt", math.sqrt), ("Rsqrt", lambda v: v ** -0.5), ("Reciprocal", lambda v: 1 / v)]:
            with self.subTest(op):
                self.check([node("y", op, ["x"])], positive, each(positive, f))

    def test_activations_with_attributes(self):
        x = noise((2, 3, 4, 5), low=-9, high=9)
        self.check([node("y", "Relu6", ["x"])], x, each(x, lambda v: min(max(v, 0), 6)), {"Clip": 1})
        self.check([node("y", "LeakyRelu", ["x"], alpha=0.3)], x, each(x, lambda v: v if v > 0 else 0.3 * v))
        self.check([const("a", FLOAT, [], [-2.0]), const("b", FLOAT, [], [3.0]), node("y", "ClipByValue", ["x", "a", "b"])],
                   x, each(x, lambda v: min(max(v, -2), 3)))
        self.check([node("y", "Softmax", ["x"])], x, ref.softmax(x))

    def test_binary_broadcasts_as_tensorflow_does(self):
        x = noise((2, 3, 4, 5), low=0.5, high=2.0)
        for shape in [(), (5,), (4, 5), (3, 1, 5), (1, 3, 4, 5)]:
            c = noise(shape, 2, 0.5, 2.0)
            for op, f in [("Add", lambda a, b: a + b), ("AddV2", lambda a, b: a + b), ("Sub", lambda a, b: a - b),
                          ("Mul", lambda a, b: a * b), ("RealDiv", lambda a, b: a / b), ("Maximum", max),
                          ("Minimum", min), ("SquaredDifference", lambda a, b: (a - b) ** 2), ("Pow", lambda a, b: a ** b)]:
                with self.subTest(f"{op} {shape}"):
                    self.check([weights("c", c), node("y", op, ["x", "c"])], x, ref.broadcast(x, c, f))
                    self.check([weights("c", c), node("y", op, ["c", "x"])], x, ref.broadcast(c, x, f))

    def test_bias_and_sums(self):
        x, b = noise((2, 3, 4, 5)), noise((5,), 2)
        self.check([weights("b", b), node("y", "BiasAdd", ["x", "b"])], x, ref.broadcast(x, b, lambda p, q: p + q))
        self.check([node("r", "Relu", ["x"]), node("n", "Neg", ["x"]), node("y", "AddN", ["x", "r", "n"])], x,
                   each(x, lambda v: max(v, 0)))

    def test_arg_max_of_channels(self):
        x = noise((2, 3, 4, 5))
        self.write("g.pb", tf.graph([placeholder("x", [-1, 3, 4, 5]), integers("a", [3], []),
                                     node("m", "ArgMax", ["x", "a"]), node("y", "Cast", ["m"], DstT=tf.Type(FLOAT))]))
        y = self.infer("g.pb", x)
        self.assertEqual(y.data, [float(max(range(5), key=lambda c: x[(*i, c)])) for i in y.indices()])


class Layers(TensorFlowTest):
    def test_convolutions(self):
        x = noise((2, 7, 6, 3))
        for kernel in [(3, 3), (1, 1), (2, 4)]:
            for stride, dilation, padding in [(1, 1, "SAME"), (2, 1, "SAME"), (1, 2, "SAME"), (1, 1, "VALID"), (2, 1, "VALID")]:
                with self.subTest(f"{kernel} {stride} {dilation} {padding}"):
                    w, d = noise((*kernel, 3, 4), 2), noise((*kernel, 3, 2), 3)
                    options = {"strides": [1, stride, stride, 1], "dilations": [1, dilation, dilation, 1], "padding": padding}
                    self.check([weights("w", w), node("y", "Conv2D", ["x", "w"], **options)], x,
                               ref.conv(x, w, stride, padding, dilation), {"Conv": 1})
                    self.check([weights("w", d), node("y", "DepthwiseConv2dNative", ["x", "w"], **options)], x,
                               ref.depthwise(x, d, stride, padding, dilation), {"Conv": 1})

    def test_explicit_padding(self):
        x, w = noise((1, 5, 5, 2)), noise((3, 3, 2, 3), 2)
        self.check([weights("w", w), node("y", "Conv2D", ["x", "w"], strides=[1, 2, 2, 1], padding="EXPLICIT",
                                          explicit_paddings=[0, 0, 1, 2, 0, 3, 0, 0])],
                   x, ref.conv(x, w, 2, ((1, 2), (0, 3))))

    def test_channels_first_graphs_take_channels_first_data(self):
        x, w, b = noise((2, 3, 6, 5)), noise((3, 3, 3, 4), 2), noise((4,), 3)
        y = ref.broadcast(ref.conv(ref.transpose(x, (0, 2, 3, 1)), w, 2), b, lambda p, q: p + q)
        self.check([weights("w", w), weights("b", b),
                    node("c", "Conv2D", ["x", "w"], strides=[1, 1, 2, 2], padding="SAME", data_format="NCHW"),
                    node("y", "BiasAdd", ["c", "b"], data_format="NCHW")], x, ref.transpose(y, (0, 3, 1, 2)), {"Conv": 1})

    def test_transposed_convolution(self):
        x = noise((2, 3, 4, 3))
        for kernel, stride, padding, size in [(3, 2, "SAME", (6, 8)), (4, 2, "SAME", (6, 7)), (2, 2, "VALID", (6, 8)),
                                              (3, 1, "VALID", (5, 6)), (2, 3, "SAME", (9, 10)), (2, 3, "VALID", (8, 11))]:
            with self.subTest(f"{kernel} {stride} {padding} {size}"):
                w = noise((kernel, kernel, 2, 3), 2)
                self.check([weights("w", w), integers("s", [2, *size, 2]),
                            node("y", "Conv2DBackpropInput", ["s", "w", "x"], strides=[1, stride, stride, 1], padding=padding)],
                           x, ref.conv_transpose(x, w, (2, *size, 2), stride, padding), {"ConvTranspose": 1})

    def test_dilation_by_space_to_batch(self):
        x, w = noise((1, 7, 9, 3)), noise((3, 3, 3, 2), 2)
        # SAME by 2 on each side; one pixel at the end makes 7 + 4 + 1 and 9 + 4 + 1 even
        nodes = [weights("w", w), integers("block", [2, 2]), integers("pads", [2, 3, 2, 3], [2, 2]),
                 integers("crops", [0, 1, 0, 1], [2, 2]),
                 node("in", "SpaceToBatchND", ["x", "block", "pads"]),
                 node("c", "Conv2D", ["in", "w"], strides=[1, 1, 1, 1], padding="VALID"),
                 node("y", "BatchToSpaceND", ["c", "block", "crops"])]
        self.check(nodes, x, ref.conv(x, w, 1, "SAME", 2), {"Conv": 1, "Identity": 1})

    def test_pools(self):
        x = noise((2, 7, 6, 3))
        for kernel, stride, padding in [(2, 2, "VALID"), (3, 2, "SAME"), (3, 1, "SAME"), (2, 3, "VALID")]:
            for op in ["MaxPool", "AvgPool"]:
                with self.subTest(f"{op} {kernel} {stride} {padding}"):
                    self.check([node("y", op, ["x"], ksize=[1, kernel, kernel, 1], strides=[1, stride, stride, 1],
                                     padding=padding)], x, ref.pool(x, kernel, stride, padding, op == "AvgPool"))

    def test_matrix_products_and_their_biases(self):
        x, w, b = noise((3, 5)), noise((5, 4), 2), noise((4,), 3)
        y = ref.broadcast(ref.matmul(x, w), b, lambda p, q: p + q)
        self.check([weights("w", w), weights("b", b), node("m", "MatMul", ["x", "w"]), node("y", "BiasAdd", ["m", "b"])],
                   x, y, {"Gemm": 1})
        self.check([weights("w", ref.transpose(w, (1, 0))), node("y", "MatMul", ["x", "w"], transpose_b=True)], x,
                   ref.matmul(x, w), {"Gemm": 1})

    def test_a_bias_that_others_read_stays_an_addition(self):
        x, w, b = noise((2, 4, 4, 3)), noise((1, 1, 3, 5), 2), noise((5,), 3)
        c = ref.conv(x, w)
        plus = ref.broadcast(c, b, lambda p, q: p + q)
        nodes = [weights("w", w), weights("b", b), node("c", "Conv2D", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME"),
                 node("p", "BiasAdd", ["c", "b"]), node("y", "Mul", ["c", "p"])]
        self.check(nodes, x, ref.broadcast(c, plus, lambda p, q: p * q), {"Conv": 1, "Add": 1, "Mul": 1})

    def test_resizing(self):
        x = noise((1, 3, 5, 2))
        for size in [(6, 10), (5, 7), (2, 3), (6, 5)]:
            for corners, half in [(False, False), (True, False), (False, True)]:
                for op in ["ResizeBilinear", "ResizeNearestNeighbor"]:
                    if corners and size in [(5, 7), (2, 3)] and op == "ResizeNearestNeighbor":
                        continue  # refused: a scale is no float32, and ties would fall the other way
                    with self.subTest(f"{op} {size} {corners} {half}"):
                        self.check([integers("s", size), node("y", op, ["x", "s"], align_corners=corners, half_pixel_centers=half)],
                                   x, ref.resize(x, size, op == "ResizeBilinear", corners, half), {"Resize": 1})


class BatchNorm(TensorFlowTest):
    def setUp(self):
        super().setUp()
        self.x = noise((2, 4, 4, 3))
        self.p = [noise((3,), 2, 0.5, 1.5), noise((3,), 3), noise((3,), 4), noise((3,), 5, 0.5, 2.0)]
        self.y = ref.batch_norm(self.x, *self.p, 1e-3)
        names = ["gamma", "beta", "mean", "variance"]
        self.constants = [weights(n, a) for n, a in zip(names, self.p)] + [const("e", FLOAT, [], [1e-3])]

    def test_fused(self):
        for op in ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"]:
            self.check(self.constants + [node("bn", op, ["x", "gamma", "beta", "mean", "variance"], epsilon=1e-3, is_training=False)],
                       self.x, self.y, {"BatchNormalization": 1})

    def test_spelt_out(self):
        inverse = [node("bn/add", "AddV2", ["variance", "e"]), node("bn/Rsqrt", "Rsqrt", ["bn/add"])]
        scaled = inverse + [node("bn/mul", "Mul", ["bn/Rsqrt", "gamma"])]
        shift = [node("bn/mul_2", "Mul", ["mean", "bn/mul"]), node("bn/sub", "Sub", ["beta", "bn/mul_2"])]
        for last in [["bn/mul_1", "bn/sub"], ["bn/sub", "bn/mul_1"]]:
            nodes = scaled + shift + [node("bn/mul_1", "Mul", ["x", "bn/mul"]), node("bn/add_1", "AddV2", last)]
            self.check(self.constants + nodes, self.x, self.y, {"BatchNormalization": 1})
        self.assertEqual(self.document("inspect", "g.pb")["batch_norms"][0]["bn"], "bn")
        nodes = [node("bn/centred", "Sub", ["x", "mean"]), node("bn/add", "Add", ["variance", "e"]), node("bn/Sqrt", "Sqrt", ["bn/add"]),
                 node("bn/div", "RealDiv", ["bn/centred", "bn/Sqrt"]), node("bn/mul", "Mul", ["bn/div", "gamma"]),
                 node("bn/out", "Add", ["bn/mul", "beta"])]
        self.check(self.constants + nodes, self.x, self.y, {"BatchNormalization": 1})

    def test_spelt_out_without_gamma(self):
        ones = Array((3,), [1.0] * 3)
        nodes = [node("bn/add", "Add", ["variance", "e"]), node("bn/Rsqrt", "Rsqrt", ["bn/add"]), node("bn/mul", "Mul", ["x", "bn/Rsqrt"]),
                 node("bn/mul_1", "Mul", ["mean", "bn/Rsqrt"]), node("bn/sub", "Sub", ["beta", "bn/mul_1"]),
                 node("bn/add_1", "Add", ["bn/mul", "bn/sub"])]
        self.check(self.constants + nodes, self.x, ref.batch_norm(self.x, ones, *self.p[1:], 1e-3), {"BatchNormalization": 1})

    def test_what_only_looks_like_one_is_computed_as_it_stands(self):
        other = noise((3,), 9)
        nodes = [weights("o", other), node("add", "Add", ["variance", "e"]), node("r", "Rsqrt", ["add"]), node("m", "Mul", ["x", "r"]),
                 node("y", "Add", ["m", "o"])]
        expected = ref.make(self.x.shape, lambda i: self.x[i] / math.sqrt(self.p[3][i[-1:]] + 1e-3) + other[i[-1:]])
        self.check(self.constants + nodes, self.x, expected, {"Mul": 1, "Add": 1})

    def test_training_form_without_statistics(self):
        empty = [const("none", FLOAT, [0], [])]
        self.write("g.pb", tf.graph([placeholder("x", [-1, 4, 4, 3]), *self.constants, *empty,
                                     node("bn", "FusedBatchNormV3", ["x", "gamma", "beta", "none", "none"], epsilon=1e-3)]))
        _, _, err = self.run_program("inspect", "g.pb")
        self.assertIn("re-estimated", err)


class Shapes(TensorFlowTest):
    def test_transposes_cost_nothing_where_only_the_view_changes(self):
        x = noise((2, 3, 4, 5))
        for perm in [(0, 3, 1, 2), (0, 2, 1, 3), (0, 1, 3, 2), (3, 2, 1, 0)]:
            self.check([integers("p", perm), node("y", "Transpose", ["x", "p"])], x, ref.transpose(x, perm))

    def test_flattening_keeps_the_frameworks_order(self):
        x, w = noise((2, 3, 4, 5)), noise((60, 3), 2)
        flat = Array((2, 60), x.data)
        nodes = [node("s", "Shape", ["x"]), integers("b", [0]), integers("e", [1]), integers("i", [1]),
                 node("n", "StridedSlice", ["s", "b", "e", "i"], shrink_axis_mask=1), integers("m", [-1], []),
                 node("d", "Pack", ["n", "m"], axis=0), node("f", "Reshape", ["x", "d"]), weights("w", w),
                 node("y", "MatMul", ["f", "w"])]
        self.check(nodes, x, ref.matmul(flat, w), {"Transpose": 1, "Reshape": 1, "Gemm": 1})

    def test_reshape_squeeze_and_expand(self):
        x = noise((2, 1, 6, 4))
        self.check([integers("d", [-1, 3, 2, 4]), node("y", "Reshape", ["x", "d"])], x, Array((2, 3, 2, 4), x.data))
        self.check([node("y", "Squeeze", ["x"], squeeze_dims=[1])], x, Array((2, 6, 4), x.data))
        self.check([node("s", "Squeeze", ["x"], squeeze_dims=[1]), integers("a", [2], []), node("y", "ExpandDims", ["s", "a"])], x,
                   Array((2, 6, 1, 4), x.data))

    def test_reductions(self):
        x = noise((2, 3, 4, 5))
        mean, total = lambda v: sum(v) / len(v), sum
        for axes in [(1, 2), (3,), (1,), (1, 3), (2, 3), (1, 2, 3)]:
            for op, f in [("Mean", mean), ("Max", max), ("Sum", total)]:
                for keep in [False, True]:
                    with self.subTest(f"{op} {axes} {keep}"):
                        self.check([integers("a", axes), node("y", op, ["x", "a"], keep_dims=keep)], x, ref.reduce(x, axes, f, keep))
        self.check([integers("a", [1, 2]), node("y", "Mean", ["x", "a"])], x, ref.reduce(x, (1, 2), mean),
                   {"GlobalAveragePool": 1, "Flatten": 1})

    def test_joining_and_parting(self):
        x = noise((2, 4, 6, 5))
        for axis in (1, 2, 3, -1):
            self.check([node("r", "Relu", ["x"]), integers("a", [axis], []), node("y", "ConcatV2", ["x", "r", "a"])], x,
                       ref.concat([x, each(x, lambda v: max(v, 0))], axis % 4))
        halves = [ref.take(x, [slice(None), slice(2 * k, 2 * k + 2)] + [slice(None)] * 2) for k in range(2)]
        self.check([integers("a", [1], []), node("s", "Split", ["a", "x"], num_split=2), node("y", "Sub", ["s:1", "s"])], x,
                   ref.broadcast(halves[1], halves[0], lambda p, q: p - q))
        parts = [ref.take(x, [slice(None)] * 3 + [slice(a, b)]) for a, b in [(0, 2), (2, 5)]]
        self.check([integers("n", [2, -1]), integers("a", [3], []), node("s", "SplitV", ["x", "n", "a"], num_split=2),
                    node("y", "Identity", ["s:1"])], x, parts[1])
        rows = [Array((2, 6, 5), ref.take(x, [slice(None), slice(k, k + 1)] + [slice(None)] * 2).data) for k in range(4)]
        self.check([node("u", "Unpack", ["x"], axis=1, num=4), node("y", "Sub", ["u:3", "u:1"])], x,
                   ref.broadcast(rows[3], rows[1], lambda p, q: p - q))

    def test_slices(self):
        x = noise((2, 4, 6, 5))
        every = slice(None)
        self.check([integers("b", [0, 1, 2, 0]), integers("n", [-1, 2, 3, -1]), node("y", "Slice", ["x", "b", "n"])], x,
                   ref.take(x, [every, slice(1, 3), slice(2, 5), every]))
        self.check([integers("b", [0, 1, -1]), integers("e", [0, 4, -9]), integers("i", [1, 2, -2]),
                    node("y", "StridedSlice", ["x", "b", "e", "i"], begin_mask=1, end_mask=1)], x,
                   ref.take(x, [every, slice(1, 4, 2), slice(-1, None, -2), every]))
        picked = ref.take(x, [every, every, slice(2, 3), every])
        self.check([integers("b", [0, 0, 2]), integers("e", [0, 0, 3]), integers("i", [1, 1, 1]),
                    node("y", "StridedSlice", ["x", "b", "e", "i"], begin_mask=3, end_mask=3, shrink_axis_mask=4)], x,
                   Array((2, 4, 5), picked.data))
        last = ref.take(x, [every, every, every, slice(1, 2)])
        self.check([integers("b", [0, 1]), integers("e", [0, 2]), integers("i", [1, 1]),
                    node("y", "StridedSlice", ["x", "b", "e", "i"], ellipsis_mask=1)], x, last)

    def test_padding(self):
        x = noise((1, 3, 4, 2))
        pads = [(0, 0), (1, 2), (2, 1), (0, 0)]
        flat = integers("p", [v for p in pads for v in p], [4, 2])
        self.check([flat, node("y", "Pad", ["x", "p"])], x, ref.pad(x, pads))
        self.check([flat, const("v", FLOAT, [], [0.5]), node("y", "PadV2", ["x", "p", "v"])], x, ref.pad(x, pads, 0.5))
        self.check([flat, node("y", "MirrorPad", ["x", "p"], mode="REFLECT")], x, ref.pad(x, pads, reflect=True))

    def test_blocks(self):
        x = noise((1, 4, 6, 4))
        deep = ref.make((1, 2, 3, 16), lambda i: x[(0, 2 * i[1] + i[3] // 8, 2 * i[2] + i[3] // 4 % 2, i[3] % 4)])
        self.check([node("y", "SpaceToDepth", ["x"], block_size=2)], x, deep)
        wide = ref.make((1, 8, 12, 1), lambda i: x[(0, i[1] // 2, i[2] // 2, i[1] % 2 * 2 + i[2] % 2)])
        self.check([node("y", "DepthToSpace", ["x"], block_size=2)], x, wide)


class Flow(TensorFlowTest):
    def test_functions_are_inlined(self):
        x = noise((2, 5))
        inner = tf.function("inner", ["a", "b"], ["out"], [node("sum", "AddV2", ["a", "b"])], {"out": "sum:z:0"})
        outer = tf.function("outer", ["a"], ["first", "second"],
                            [node("twice", "PartitionedCall", ["a", "a"], f=tf.Func("inner")), node("neg", "Neg", ["twice:output:0"])],
                            {"first": "neg:y:0", "second": "twice:output:0"})
        nodes = [placeholder("x", [-1, 5]), node("call", "StatefulPartitionedCall", ["x"], f=tf.Func("outer")),
                 node("y", "Mul", ["call", "call:1"])]
        self.write("g.pb", tf.graph(nodes, [inner, outer]))
        self.assertLess(max(abs(a + 4 * b * b) for a, b in zip(self.infer("g.pb", x).data, x.data)), 1e-5)

    def test_phases_are_decided(self):
        x = noise((2, 5))
        nodes = [node("off", "PlaceholderWithDefault", ["no"], shape=tf.Shape([])), const("no", tf.BOOL, [], [False]),
                 node("s", "Switch", ["x", "off"]), node("train", "RandomUniform", ["s:1"]), node("rest", "Relu", ["s"]),
                 node("y", "Merge", ["train", "rest"])]
        self.check(nodes, x, each(x, lambda v: max(v, 0)))
        phase = [placeholder("phase", [], tf.BOOL), node("s", "Switch", ["x", "phase"]), node("rest", "Relu", ["s"]),
                 node("dead", "Neg", ["s:1"]), node("y", "Merge", ["dead", "rest"])]
        self.check(phase, x, each(x, lambda v: max(v, 0)))

    def test_what_is_not_there_is_refused_with_the_way_out(self):
        nodes = [placeholder("wav", [], tf.STRING), node("d", "DecodeWav", ["wav"]), node("s", "AudioSpectrogram", ["d"]),
                 node("m", "Mfcc", ["s", "d:1"]), integers("d2", [-1, 4, 3, 1]), node("r", "Reshape", ["m", "d2"]),
                 node("y", "Relu", ["r"])]
        self.write("g.pb", tf.graph(nodes))
        message = self.fail_with(3, "type string", "infer", "g.pb", "--input", "x.npy", "--output", "y.npy")
        self.assertIn("--inputs", message)
        self.succeed("convert", "g.pb", "-o", "cut.onnx", "--inputs", "r", "--input-shape", "1x4x3x1")
        x = noise((1, 4, 3, 1))
        self.assertEqual(self.infer("cut.onnx", x).data, [max(v, 0.0) for v in program.read_npy(self.path("x.npy"))[1]])
        self.write("h.pb", tf.graph([placeholder("x", [1, 4]), node("z", "Mystery", ["x"]), node("y", "Relu", ["z"])]))
        self.fail_with(3, "Mystery node 'z'", "convert", "h.pb", "-o", "h.onnx")
        self.fail_with(2, "no tensor 'nothing'", "convert", "h.pb", "-o", "h.onnx", "--outputs", "nothing")

    def test_open_sizes_are_given_by_hand(self):
        half = [integers("b", [1]), integers("e", [3]), integers("i", [1]), node("s", "Shape", ["x"]),
                node("hw", "StridedSlice", ["s", "b", "e", "i"]), integers("two", [2], []), node("big", "Mul", ["hw", "two"]),
                node("y", "ResizeBilinear", ["x", "big"])]
        self.write("g.pb", tf.graph([placeholder("x", [1, -1, -1, 3], tf.UINT8), *half]))
        self.fail_with(3, "--input-shape", "convert", "g.pb", "-o", "g.onnx")
        self.succeed("convert", "g.pb", "-o", "g.onnx", "--input-shape", "1x4x5x3")
        x = noise((1, 4, 5, 3))
        y = self.infer("g.onnx", x)
        expected = ref.resize(x, (8, 10), True)
        self.assertEqual(y.shape, expected.shape)
        self.assertLess(max(abs(a - b) for a, b in zip(y.data, expected.data)), TOLERANCE)


def small_model(function_name="body"):
    """A SavedModel in TF2's form: conv, bias, BN, relu, mean, dense; its variables restored by RestoreV2 in a function."""
    rng = random.Random(3)
    shapes = {"conv/kernel": (3, 3, 2, 4), "conv/bias": (4,), "bn/gamma": (4,), "bn/beta": (4,), "bn/mean": (4,),
              "bn/variance": (4,), "dense/kernel": (4, 3), "dense/bias": (3,)}
    values = {n: [rng.uniform(0.5, 1.5) if "bn" in n else rng.uniform(-1, 1) for _ in range(math.prod(s))]
              for n, s in shapes.items()}
    keys = {n: f"layer-{i}/.ATTRIBUTES/VARIABLE_VALUE" for i, n in enumerate(shapes)}
    reads = [node(f"read{i}", "ReadVariableOp", [f"v{i}"]) for i in range(len(shapes))]
    r = lambda i: f"read{i}:value:0"
    body = tf.function(function_name, ["image"] + [f"v{i}" for i in range(len(shapes))], ["scores"], reads + [
        node("net/conv/Conv2D", "Conv2D", ["image", r(0)], strides=[1, 2, 2, 1], padding="SAME"),
        node("net/conv/BiasAdd", "BiasAdd", ["net/conv/Conv2D:output:0", r(1)]),
        node("net/bn/FusedBatchNormV3", "FusedBatchNormV3", ["net/conv/BiasAdd:output:0", r(2), r(3), r(4), r(5)],
             epsilon=1e-3, is_training=False),
        node("net/relu/Relu", "Relu", ["net/bn/FusedBatchNormV3:y:0"]),
        const("axes", INT32, [2], [1, 2]), node("net/pool/Mean", "Mean", ["net/relu/Relu:activations:0", "axes:output:0"]),
        node("net/dense/MatMul", "MatMul", ["net/pool/Mean:output:0", r(6)]),
        node("net/dense/BiasAdd", "BiasAdd", ["net/dense/MatMul:product:0", r(7)]),
        node("Identity", "Identity", ["net/dense/BiasAdd:output:0"])], {"scores": "Identity:output:0"})
    names = tf.Tensor(tf.tensor(tf.STRING, [len(keys)], list(keys.values())))
    restore = [node("names", "Const", dtype=tf.Type(tf.STRING), value=names), node("all", "RestoreV2", ["file", "names:output:0", "names:output:0"])]
    for i in range(len(shapes)):
        restore += [node(f"id{i}", "Identity", [f"all:tensors:{i}"]), node(f"set{i}", "AssignVariableOp", [f"w{i}", f"id{i}:output:0"])]
    restore = tf.function("restore", ["file"] + [f"w{i}" for i in range(len(shapes))], ["done"], restore, {"done": "file"})
    handles = [node(n, "VarHandleOp", shared_name=n, dtype=tf.Type(FLOAT)) for n in shapes]
    nodes = handles + [placeholder("serving_default_image", [-1, 8, 8, 2]), placeholder("saver", [], tf.STRING),
                       node("call", "StatefulPartitionedCall", ["serving_default_image", *shapes], f=tf.Func(function_name)),
                       node("call_1", "StatefulPartitionedCall", ["saver", *shapes], f=tf.Func("restore"))]
    signatures = {"serving_default": tf.signature({"image": "serving_default_image:0"}, {"scores": "call:0"}),
                  "__saved_model_init_op": tf.signature({}, {"__saved_model_init_op": "NoOp"})}
    model = tf.saved_model(tf.graph(nodes, [body, restore]), signatures, "call_1")
    return model, {keys[n]: (shapes[n], values[n]) for n in shapes}, {n: Array(shapes[n], values[n]) for n in shapes}


def small_reference(x, v):
    y = ref.broadcast(ref.conv(x, v["conv/kernel"], 2), v["conv/bias"], lambda a, b: a + b)
    y = ref.batch_norm(y, v["bn/gamma"], v["bn/beta"], v["bn/mean"], v["bn/variance"], 1e-3)
    y = ref.reduce(each(y, lambda a: max(a, 0)), (1, 2), lambda r: sum(r) / len(r))
    return ref.broadcast(ref.matmul(y, v["dense/kernel"]), v["dense/bias"], lambda a, b: a + b)


class SavedModels(TensorFlowTest):
    def make(self, shards=1):
        model, variables, arrays = small_model()
        os.mkdir(self.path("model"))
        tf.write_saved_model(self.path("model"), model, variables, shards)
        return arrays

    def test_variables_are_bound_by_what_restores_them(self):
        arrays, x = self.make(shards=3), noise((2, 8, 8, 2))
        expected = small_reference(x, arrays)
        for name in ["model", "model/saved_model.pb"]:
            y = self.infer(name, x)
            self.assertEqual(y.shape, expected.shape)
            self.assertLess(max(abs(a - b) for a, b in zip(y.data, expected.data)), TOLERANCE)
        found = self.document("inspect", "model")
        self.assertEqual(found["operators"], {"BatchNormalization": 1, "Conv": 1, "Relu": 1, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1})
        self.assertEqual((found["inputs"][0]["name"], found["outputs"][0]["name"]), ("image:0", "net/dense/BiasAdd:0"))
        self.assertEqual(found["batch_norms"][0], {"bn": "net/bn/FusedBatchNormV3", "folds_into": "net/conv/Conv2D", "reason": None})

    def test_the_whole_workflow(self):
        self.make()
        images = noise((64, 8, 8, 2), 7)
        program.write_npy(self.path("d.npy"), images.shape, images.data)
        self.succeed("convert", "model", "-o", "float.onnx")
        self.succeed("quantize", "float.onnx", "-o", "sim.onnx", "--data", "npy:d.npy", "--batch", "16")
        self.succeed("reestimate", "sim.onnx", "-o", "re.onnx", "--data", "npy:d.npy", "--batch", "16", "--batches", "4")
        self.succeed("fold", "re.onnx", "-o", "folded.onnx")
        self.succeed("export", "folded.onnx", "-o", "out", "--prefix", "m")
        with open(self.path("out/m.encodings")) as f:
            text = f.read()
        for name in ["image:0", "conv/kernel:0", "net/relu/Relu:0", "dense/kernel:0"]:
            self.assertIn(f'"{name}"', text)
        x = Array((4, 8, 8, 2), images.data[:4 * 128])
        a, b = self.infer("folded.onnx", x), self.infer("out/m_qdq.onnx", x)
        self.assertLess(max(abs(p - q) for p, q in zip(a.data, b.data)), 0.05)  # a step of the last quantizer

    def test_data_lies_as_the_framework_has_it_unless_it_only_fits_the_other_way(self):
        self.make()
        self.succeed("convert", "model", "-o", "m.onnx")
        x = noise((2, 8, 8, 2))
        last, first = self.infer("m.onnx", x), self.infer("m.onnx", ref.transpose(x, (0, 3, 1, 2)))
        self.assertEqual(last.data, first.data)
        self.assertEqual(last.data, self.infer("m.onnx", x, "--input-layout", "nhwc").data)

    def test_signatures_are_chosen_by_name(self):
        model, variables, _ = small_model()
        self.make()
        graph = placeholder("serving_default_x", [-1, 3]) , node("a", "Relu", ["serving_default_x"]), node("b", "Neg", ["serving_default_x"])
        two = {n: tf.signature({"x": "serving_default_x:0"}, {"y": f"{n}:0"}) for n in ("a", "b")}
        self.write("model/saved_model.pb", tf.saved_model(tf.graph(graph), two))
        self.assertIn("'a', 'b'", self.fail_with(2, "--signature", "convert", "model", "-o", "m.onnx"))
        self.succeed("convert", "model", "-o", "m.onnx", "--signature", "b")
        self.assertEqual(self.document("inspect", "m.onnx")["operators"], {"Neg": 1})

    def test_damage_is_found(self):
        self.make()
        data = self.path("model/variables/variables.data-00000-of-00001")
        content = bytearray(open(data, "rb").read())
        content[17] ^= 4
        self.write(data, bytes(content))
        self.fail_with(3, "checksum", "convert", "model", "-o", "m.onnx")
        self.write(data, bytes(content[:40]))
        self.fail_with(3, "that has 40", "convert", "model", "-o", "m.onnx")
        os.rename(data, self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), data)
        self.fail_with(3, "symbolic link", "convert", "model", "-o", "m.onnx")
        index = self.path("model/variables/variables.index")
        content = bytearray(open(index, "rb").read())
        content[20] ^= 1
        self.write(index, bytes(content))
        self.fail_with(3, "checksum", "convert", "model", "-o", "m.onnx")
        os.remove(index)
        self.fail_with(3, "has no value", "convert", "model", "-o", "m.onnx")


class References(TensorFlowTest):
    """A keyword spotter as its authors saved it, with numbers that TensorFlow gave; its arrays lie channels first."""

    def test_outputs_are_tensorflows(self):
        shared = os.environ.get("REFOLD_SHARED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared"))
        model = os.path.join(shared, "models/tensorflow/kws_ref_model")
        if not os.path.isdir(model):
            self.skipTest("no reference files; set REFOLD_SHARED to run this")
        x, y = (Array(*program.read_npy(f"{model}.{n}.npy")) for n in ("input", "output"))
        self.succeed("convert", model, "-o", "kws.onnx")
        for name in (model, "kws.onnx"):
            found = self.infer(name, x)
            self.assertLess(max(abs(a - b) for a, b in zip(found.data, y.data)), 1e-4)
        self.assertEqual(self.document("inspect", "kws.onnx")["operators"]["BatchNormalization"], 9)


class Ranges(TensorFlowTest):
    def test_fake_quantization_is_kept_as_encodings(self):
        w = noise((1, 1, 2, 3), 2)
        nodes = [placeholder("x", [-1, 4, 4, 2]), const("lo", FLOAT, [], [-1.0]), const("hi", FLOAT, [], [3.0]), weights("w", w),
                 const("wlo", FLOAT, [3], [-1.0, -0.5, -0.25]), const("whi", FLOAT, [3], [1.0, 0.5, 0.25]),
                 node("qx", "FakeQuantWithMinMaxVars", ["x", "lo", "hi"], num_bits=8),
                 node("qw", "FakeQuantWithMinMaxVarsPerChannel", ["w", "wlo", "whi"], num_bits=4, narrow_range=True),
                 node("c", "Conv2D", ["qx", "qw"], strides=[1, 1, 1, 1], padding="SAME"),
                 node("y", "FakeQuantWithMinMaxArgs", ["c"], min=0.0, max=6.0)]
        self.write("g.pb", tf.graph(nodes))
        self.assertEqual(self.document("inspect", "g.pb")["operators"], {"Conv": 1, "Identity": 1})


unittest.main()
