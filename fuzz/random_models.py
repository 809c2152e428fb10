"""Random models that are well-formed and odd: usage: random_models.py FOLDER COUNT SEED. Operators and layers with empty,
huge and negative sizes, which bytes changed at random do not reach. Give the folders to fuzz_tensorflow and fuzz_keras."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "cli"))
folder, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import tensorflow_maker as tf  # noqa: E402

OPS = """Abs Add AddN AddV2 All Any ArgMax AvgPool AvgPool3D BatchMatMulV2 BatchToSpaceND BiasAdd Cast Ceil ClipByValue Concat
ConcatV2 Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2 DepthToSpace DepthwiseConv2dNative Div Elu EnsureShape Equal Exp
ExpandDims FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill FloorDiv FloorMod
FusedBatchNorm FusedBatchNormV3 Gather GatherV2 Identity IdentityN LeakyRelu Log LogSoftmax LogicalAnd LogicalNot MatMul Max
MaxPool MaxPool3D Maximum Mean Merge Min MirrorPad Mul Neg OnesLike Pack Pad PadV2 Pow Prod Range Rank RealDiv Reshape
ResizeBilinear ResizeNearestNeighbor Relu Relu6 Rsqrt Select SelectV2 Shape Size Slice Softmax SpaceToBatchND SpaceToDepth Split
SplitV Square SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Switch Tanh TopKV2 Transpose Unpack Where
ZerosLike""".split()
LAYERS = """Activation Add Average AveragePooling1D AveragePooling2D BatchNormalization Concatenate Conv1D Conv2D Conv2DTranspose
Conv3D Cropping1D Cropping2D Dense DepthwiseConv2D Dot Dropout ELU Flatten GlobalAveragePooling2D GlobalMaxPooling1D
GroupNormalization LayerNormalization LeakyReLU Maximum MaxPooling1D MaxPooling2D Minimum Multiply Normalization PReLU Permute
ReLU RepeatVector Rescaling Reshape SeparableConv2D Softmax Subtract ThresholdedReLU UnitNormalization UpSampling1D UpSampling2D
ZeroPadding1D ZeroPadding2D""".split()
draw = random.Random(seed)


def size():
    return draw.choice([-1, 0, 1, 1, 2, 2, 3, 4, 4, 7, 1 << 20, 1 << 31, 1 << 40, -(1 << 40), (1 << 63) - 1])


def small_dims():
    return [draw.choice([0, 1, 2, 3, 4]) for _ in range(draw.choice([0, 1, 1, 2, 2, 3, 4, 4, 5]))]


def constant(name):
    dims = small_dims()
    total = 1
    for d in dims:
        total *= d
    kind = draw.choice([tf.FLOAT, tf.INT32, tf.INT32, tf.INT64, tf.BOOL])
    pick = {tf.FLOAT: lambda: draw.choice([0.0, 1.0, -1.0, float("nan"), float("inf"), 1e30, 0.5]),
            tf.INT32: lambda: draw.choice([-1, 0, 1, 2, 3, 4, (1 << 31) - 1, -(1 << 31)]),
            tf.INT64: size, tf.BOOL: lambda: draw.choice([True, False])}[kind]
    return tf.const(name, kind, dims, [pick() for _ in range(total)])


def attributes():
    return {"axis": draw.choice([0, 1, -1, 5, size()]), "alpha": draw.choice([0.5, float("nan")]), "N": 2, "num": size(),
            "data_format": draw.choice(["NHWC", "NHWC", "NCHW", "NC"]), "padding": draw.choice(["SAME", "VALID", "EXPLICIT"]),
            "explicit_paddings": [draw.choice([0, 1, size() & (1 << 63) - 1]) for _ in range(draw.choice([0, 4, 8]))],
            "strides": [1, draw.choice([0, 1, 2, 1 << 40]), draw.choice([1, 2]), 1][:draw.choice([2, 4, 4, 4])],
            "dilations": [1, draw.choice([1, 1, 2, 1 << 40]), 1, 1], "ksize": [1, draw.choice([0, 1, 2, 1 << 40]), 2, 1],
            "block_size": size(), "num_split": size(), "keep_dims": draw.choice([True, False]),
            "num_bits": draw.choice([8, 0, 64, size()]), "min": draw.choice([-1.0, float("nan")]), "max": 1.0,
            "epsilon": draw.choice([1e-3, -1.0, float("nan")]), "shape": tf.Shape([size() for _ in range(3)]),
            "squeeze_dims": [draw.choice([0, 1, 2, 7])], "DstT": tf.Type(draw.choice([1, 3, 9, 10, 7])),
            "begin_mask": draw.randrange(8), "end_mask": draw.randrange(8), "ellipsis_mask": draw.randrange(4),
            "new_axis_mask": draw.randrange(4), "shrink_axis_mask": draw.randrange(4), "mode": "REFLECT"}


def graph():
    names, nodes = ["x"], [tf.placeholder("x", draw.choice([[1, 4, 4, 2], [2, 3], [-1, 4, 4, 2], small_dims()]))]
    for i in range(draw.randrange(1, 5)):
        nodes.append(constant(f"c{i}"))
        names.append(f"c{i}")
    for i in range(draw.randrange(1, 6)):
        inputs = [draw.choice(names) + draw.choice(["", "", "", ":1"]) for _ in range(draw.randrange(0, 6))]
        nodes.append(tf.node(f"n{i}", draw.choice(OPS), inputs, **attributes()))
        names.append(f"n{i}")
    return tf.graph(nodes)


def layer(name):
    pair = lambda: draw.choice([1, 2, size(), [1, 2], [size(), size()], [[0, 1], [size(), 0]], None, "a"])
    config = {"name": name, "filters": size(), "units": size(), "kernel_size": pair(), "strides": pair(), "pool_size": pair(),
              "dilation_rate": pair(), "size": pair(), "padding": draw.choice(["same", "valid", "causal", pair()]),
              "cropping": pair(), "axis": draw.choice([-1, 0, 1, 9, [1], [9]]), "groups": size(), "n": size(),
              "depth_multiplier": size(), "target_shape": [size() for _ in range(draw.randrange(5))],
              "dims": [draw.choice([1, 2, 3, size()]) for _ in range(draw.randrange(4))], "use_bias": draw.choice([True, False]),
              "activation": draw.choice(["relu", "softmax", "linear", "nothing", None, 3]), "rate": 0.5,
              "data_format": draw.choice(["channels_last", "channels_first"]), "epsilon": draw.choice([1e-3, -1, "x"])}
    kept = {k: v for k, v in config.items() if k == "name" or draw.random() < 0.8}
    return {"class_name": draw.choice(LAYERS), "config": kept, "name": name}


def keras(weights):
    shape = [None] + [draw.choice([4, 4, 4, 4, 2, 2, 1, 3, 8, size()]) for _ in range(draw.randrange(1, 5))]
    layers = [{"class_name": "InputLayer", "config": {"batch_input_shape": shape, "name": "x"}, "name": "x", "inbound_nodes": []}]
    for i in range(draw.randrange(1, 5)):
        arguments = [draw.choice(layers)["name"] for _ in range(draw.choice([1, 1, 1, 2]))]
        layers.append(layer(f"l{i}" if i else "c"))
        layers[-1]["inbound_nodes"] = [[[a, draw.choice([0] * 20 + [1]), 0, {}] for a in arguments]]
    kind = draw.choice(["Sequential", "Functional"])
    config = {"name": "net", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [[layers[-1]["name"], 0, 0]]}
    return json.dumps({"class_name": kind, "config": config}).encode() + b"\0" + weights


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus/hdf5/oldest"), "rb") as file:
    hdf5 = file.read()
for kind, make in (("graphdef", graph), ("keras", lambda: keras(hdf5))):
    os.makedirs(os.path.join(folder, kind), exist_ok=True)
    for i in range(count):
        with open(os.path.join(folder, kind, f"{seed}-{i}"), "wb") as file:
            file.write(make())
