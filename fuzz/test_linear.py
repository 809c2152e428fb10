"""Reading takes time in proportion to the file: usage: test_linear.py BUILD. Four times as much of anything a reader may have to
go through takes about four times as many steps. Steps are edges of the readers' code and bytes asked for: no clock is in them.

What the libraries under refold do with a file is not counted."""
import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

BUILD = os.path.abspath(sys.argv.pop(1))
sys.argv[1:] = []
import make_corpus as make  # noqa: E402
from make_corpus import field, node, program, tensor, tf  # noqa: E402

FEW, TIMES = 1000, 4
MOST = 6  # times as many steps for 4 times as much; 16 if they grew with the square, 4.6 with a logarithm
NAMES = [f"n{i}" for i in range(TIMES * FEW)]


# --- each makes a file with n of something ---


def onnx(nodes=(), tensors=(), inputs=(), infos=(), outputs=("x",), version=8, opset=13):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, t) for t in tensors)
    graph += b"".join(field(11, program.port(i, (1, 2))) for i in ("x", *inputs))
    graph += b"".join(field(12, program.port(o, (1, 2))) for o in outputs) + b"".join(field(13, program.port(i, (1, 2))) for i in infos)
    return field(1, version) + field(7, graph) + field(8, field(2, opset))


def unary(name, source, target):
    return field(1, source) + field(2, target) + (field(3, name) if name else b"") + field(4, "Relu")


def chain(n):
    return [unary(NAMES[i], NAMES[i - 1] if i else "x", NAMES[i]) for i in range(n)]


def branch(i):
    return field(1, unary("", "x", f"b{i}")) + field(2, "then") + field(12, program.port(f"b{i}", (1, 2)))


def either(i):
    return node("If", ["c"], [NAMES[i]], *(field(1, k) + field(6, branch(i)) + field(20, 5) for k in ("then_branch", "else_branch")))


def integer(name, value):
    return field(1, name) + field(3, value) + field(20, 2)


def old_add(i, constant):
    return field(1, "x") + field(1, constant) + field(2, NAMES[i]) + field(4, "Add") + \
        field(5, integer("broadcast", 1)) + field(5, integer("axis", 0))


TRUE = field(2, 9) + field(8, "t") + field(9, b"\1")


def training(op, i, inputs=("x",), *attributes):
    return node(op, inputs, [NAMES[i]], *attributes)


ONNX = {
    "nodes in a chain": lambda n: onnx(chain(n), outputs=[NAMES[n - 1]]),
    "nodes in the wrong order": lambda n: onnx(chain(n)[::-1], outputs=[NAMES[n - 1]]),
    "nodes without names": lambda n: onnx([unary("", "x", m) for m in NAMES[:n]]),
    "nodes of one name": lambda n: onnx([unary("a", "x", m) for m in NAMES[:n]]),
    "nodes whose names are like made-up ones": lambda n: onnx(
        [unary(f"relu{'_' if i % 2 else '.'}{i // 2}" if i < n // 2 else "", "x", m) for i, m in enumerate(NAMES[:n])]),
    "inputs of one node": lambda n: onnx([node("Sum", NAMES[:n], ["y"])], [tensor(m, [1], [1]) for m in NAMES[:n]]),
    "outputs of one node": lambda n: onnx([node("Split", ["x"], NAMES[:n])]),
    "initializers": lambda n: onnx(chain(1), [tensor(m + "w", [1], [1]) for m in NAMES[:n]]),
    "initializers that are inputs": lambda n: onnx(chain(1), [tensor(m + "w", [1], [1]) for m in NAMES[:n]],
                                                   inputs=[m + "w" for m in NAMES[:n]], version=3),
    "initializers that are no inputs, of an old version": lambda n: onnx(
        chain(1), [tensor(m + "w", [1], [1]) for m in NAMES[:n]], inputs=[m + "w" for m in NAMES[:n // 2]], version=3),
    "inputs": lambda n: onnx(chain(1), inputs=[m + "i" for m in NAMES[:n]]),
    "outputs": lambda n: onnx(chain(n), outputs=NAMES[:n]),
    "descriptions": lambda n: onnx(chain(n), infos=NAMES[:n]),
    "constants": lambda n: onnx([node("Constant", [], [m], field(1, "value") + field(5, tensor("", [1], [1])) + field(20, 4))
                                 for m in NAMES[:n]]),
    "branches": lambda n: onnx([either(i) for i in range(n)], [tensor("c", [1], [1])]),
    "constants of operator set 6": lambda n: onnx([old_add(i, NAMES[i] + "w") for i in range(n)],
                                                  [tensor(m + "w", [1], [1]) for m in NAMES[:n]], opset=6),
    "readers of one constant of operator set 6": lambda n: onnx([old_add(i, "w") for i in range(n)], [tensor("w", [n], [1] * n)], opset=6),
    "Dropout in training form": lambda n: onnx([training("Dropout", i, ["x", "r", "t"]) for i in range(n)],
                                               [tensor("r", [], [0.5]), TRUE], outputs=NAMES[:n]),
    "BN in training form": lambda n: onnx([training("BatchNormalization", i, ["x", *"gbmv"], integer("training_mode", 1)) for i in range(n)],
                                          [tensor(k, [2], [1, 1]) for k in "gbmv"], outputs=NAMES[:n], opset=15),
    "attributes that are lists": lambda n: onnx(
        [node("Relu", ["x"], [m], make.ints("a", range(9))) for m in NAMES[:n]], outputs=NAMES[:n]),
    "dims": lambda n: onnx([field(1, "x") + field(2, "y") + field(4, "Relu") + field(5, make.ints("a", range(n)))]),
    "numbers": lambda n: onnx(chain(1), [tensor("w", [64 * n], [0.5] * (64 * n))]),
}


def old_encoding(i):
    return {"min": -1.0 - i, "max": 0.875, "scale": 0.125, "offset": -8, "bitwidth": 4, "is_symmetric": "True", "dtype": "int"}


def new_encoding(name, channels=1):
    return {"name": name, "enc_type": "PER_CHANNEL", "dtype": "INT", "bw": 8, "is_sym": True, "scale": [0.5] * channels,
            "offset": [-128] * channels}


def encodings(version, activations, params):
    return json.dumps({"version": version, "activation_encodings": activations, "param_encodings": params})


ENCODINGS = {
    "tensors": lambda n: encodings("0.6.1", {m: [old_encoding(i)] for i, m in enumerate(NAMES[:n])}, {}),
    "parameters": lambda n: encodings("0.6.1", {}, {m: [old_encoding(i)] for i, m in enumerate(NAMES[:n])}),
    "channels": lambda n: encodings("0.6.1", {}, {"w": [old_encoding(i) for i in range(n)]}),
    "tensors of version 1": lambda n: encodings("1.0.0", [], [new_encoding(m) for m in NAMES[:n]]),
    "channels of version 1": lambda n: encodings("1.0.0", [], [new_encoding("w", n)]),
    "keys that mean nothing": lambda n: encodings("0.6.1", {"y": [dict(old_encoding(1), **{m: 1 for m in NAMES[:n]})]}, {}),
    "spaces": lambda n: encodings("0.6.1", {}, {}) + " " * (16 * n),
}


def config(op_types=(), supergroups=(), params=()):
    return json.dumps({
        "defaults": {"ops": {"is_output_quantized": "True"}, "params": {"is_quantized": "True"}},
        "params": {p: {"is_quantized": "False"} for p in params}, "op_type": {o: {"is_output_quantized": "True"} for o in op_types},
        "supergroups": [{"op_list": s} for s in supergroups], "model_input": {}, "model_output": {}})


CONFIG = {
    "types of operators": lambda n: config(op_types=NAMES[:n]),
    "supergroups": lambda n: config(supergroups=[["Conv", m] for m in NAMES[:n]]),
    "operators of a supergroup": lambda n: config(supergroups=[NAMES[:n]]),
    "parameters": lambda n: config(params=NAMES[:n]),
}


def safetensors(header, data=b""):
    header = json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


SAFETENSORS = {
    "tensors": lambda n: safetensors({m: {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i, m in enumerate(NAMES[:n])},
                                     bytes(n)),
    "texts": lambda n: safetensors({"__metadata__": {m: m for m in NAMES[:n]}}),
    "numbers": lambda n: safetensors({"w": {"dtype": "F32", "shape": [64 * n], "data_offsets": [0, 256 * n]}}, bytes(256 * n)),
}


def npz(n):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in NAMES[:n]:
            make.store(file, name + ".npy", make.npy("|u1", "(1,)", b"x"))
    return out.getvalue()


def tar(folder_of):
    def write(n):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as file:
            for i, name in enumerate(NAMES[:n]):
                info = tarfile.TarInfo(f"pets/{folder_of(i)}/{name}.png")
                info.size = len(GRAY)
                file.addfile(info, io.BytesIO(GRAY))
        return out.getvalue()
    return write


GRAY = make.png(2, 2, 8, 0, b"\0\x01\x02\0\x03\x04")
ARRAYS = {
    "npy numbers": ("npy", lambda n: make.npy("<f4", f"({64 * n},)", bytes(256 * n))),
    "npy numbers in Fortran's order": ("npy", lambda n: make.npy("<f8", f"({n}, 8, 8)", bytes(512 * n), fortran=True)),
    "npy header": ("npy", lambda n: make.npy("<f4", "(1," + " " * n + ")", bytes(4))),
    "npz arrays": ("npz", npz),
    "IDX images": ("idx", lambda n: struct.pack(">HBB3I", 0, 8, 3, n, 8, 8) + bytes(64 * n)),
    "IDX images with gzip": ("idx", lambda n: gzip.compress(struct.pack(">HBB3I", 0, 8, 3, n, 8, 8) + os.urandom(64 * n), mtime=0)),
    "IDX labels": ("idx", lambda n: struct.pack(">HBBI", 0, 8, 1, n) + bytes(i % 3 for i in range(n))),
    "tar pictures": ("tar", tar(lambda i: f"c{i % 2}")),
    "tar classes": ("tar", tar(lambda i: f"c{i}")),
    "tar with gzip": ("tar", lambda n: gzip.compress(tar(lambda i: f"c{i % 9}")(n), mtime=0)),
    "PNG texts": ("image", lambda n: make.png(1, 1, 8, 0, b"\0\0", chunks=[(b"tEXt", b"k\0v")] * n)),
    "JPEG comments": ("image", lambda n: make.JPEG[:2] + b"\xff\xfe\0\3x" * n + make.JPEG[2:]),
}


def graph(middle, last):
    return tf.graph([tf.placeholder("x", [1, 4]), *middle, tf.node("y", "Relu", [last])])


def tf_chain(n):
    return [tf.node(NAMES[i], "Neg", [NAMES[i - 1] if i else "x"]) for i in range(n)]


def calls(n):
    inner = tf.function("f", ["a"], ["r"], [tf.node("n", "Neg", ["a"])], {"r": "n:y:0"})
    nodes = [tf.node(NAMES[i], "PartitionedCall", [NAMES[i - 1] if i else "x"], f=tf.Func("f")) for i in range(n)]
    return tf.graph([tf.placeholder("x", [1, 4]), *nodes, tf.node("y", "Relu", [NAMES[n - 1]])], [inner])


def functions(n):
    made = [tf.function(f"f{i}", ["a"], ["r"], [tf.node("n", "Neg", ["a"])], {"r": "n:y:0"}) for i in range(n)]
    nodes = [tf.node(NAMES[i], f"f{i}", [NAMES[i - 1] if i else "x"]) for i in range(n)]
    return tf.graph([tf.placeholder("x", [1, 4]), *nodes, tf.node("y", "Relu", [NAMES[n - 1]])], made)


def constants(n):
    names = [m + "c" for m in NAMES[:n]]
    return graph([*(tf.const(m, tf.FLOAT, [1], [1.0]) for m in names), tf.node("sum", "AddN", ["x", *names])], "sum")


def scalars(n):
    """Arithmetic on constants, which the reader computes."""
    nodes = [tf.node(f"s{i}", "Add", [f"s{i - 1}" if i else "one", "one"]) for i in range(n)]
    return graph([tf.const("one", tf.FLOAT, [], [1.0]), *nodes, tf.node("m", "Mul", ["x", f"s{n - 1}"])], "m")


def biases(n):
    """Layers that share their weights and their bias."""
    shared = [tf.const("w", tf.FLOAT, [1, 1, 4, n], [0.5] * (4 * n)), tf.const("b", tf.FLOAT, [n], [0.5] * n)]
    layers = [m for name in NAMES[:n] for m in (
        tf.node(name, "Conv2D", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME"), tf.node(name + "b", "BiasAdd", [name, "b"]))]
    total = tf.node("sum", "AddN", [m + "b" for m in NAMES[:n]])
    return tf.graph([tf.placeholder("x", [1, 2, 2, 4]), *shared, *layers, total, tf.node("y", "Relu", ["sum"])])


TENSORFLOW = {
    "layers that share a bias": biases,
    "nodes in a chain": lambda n: graph(tf_chain(n), NAMES[n - 1]),
    "nodes in the wrong order": lambda n: graph(tf_chain(n)[::-1], NAMES[n - 1]),
    "nodes that nobody reads": lambda n: graph([tf.node(m, "Neg", ["x"]) for m in NAMES[:n]], "x"),
    "constants": constants,
    "computed constants": scalars,
    "calls of a function": calls,
    "functions": functions,
}


def index(n):
    entry = tf.number(1, tf.FLOAT) + tf.block(2, tf.shape_message([1])) + tf.number(5, 4)
    return tf.table([(b"", tf.number(1, 1))] + [(key.encode(), entry) for key in sorted(NAMES[:n])])


def keras_model(kind, layers, out):
    config = {"name": "net", "layers": layers}
    if kind == "Functional":
        config |= {"input_layers": [["x", 0, 0]], "output_layers": [[out, 0, 0]]}
    return json.dumps({"class_name": kind, "config": config}).encode() + b"\0" + make.read(os.path.join(make.HERE, "corpus/hdf5/oldest"))


def keras_layer(name, source):
    return dict(make.layer("Activation", name=name, activation="relu"), name=name, inbound_nodes=[[[source, 0, 0, {}]]])


KERAS_INPUT = dict(make.layer("InputLayer", batch_input_shape=[None, 4, 4, 2], name="x"), name="x", inbound_nodes=[])


def keras_chain(n):
    return [keras_layer(NAMES[i], NAMES[i - 1] if i else "x") for i in range(n)]


def keras_sum(n):
    add = dict(make.layer("Add", name="y"), name="y", inbound_nodes=[[[m, 0, 0, {}] for m in NAMES[:n]]])
    return [KERAS_INPUT, *(keras_layer(m, "x") for m in NAMES[:n]), add]


KERAS = {
    "layers one after the other": lambda n: keras_model("Sequential", [KERAS_INPUT, *keras_chain(n)], None),
    "layers in a chain": lambda n: keras_model("Functional", [KERAS_INPUT, *keras_chain(n)], NAMES[n - 1]),
    "layers in the wrong order": lambda n: keras_model("Functional", [*keras_chain(n)[::-1], KERAS_INPUT], NAMES[n - 1]),
    "inputs of a layer": lambda n: keras_model("Functional", keras_sum(n), "y"),
}


class Linear(unittest.TestCase):
    def steps(self, target, *contents):
        """Edges and bytes for each content; the files must be of the kind that is read or refused late."""
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for i, content in enumerate(contents):
                names.append(os.path.join(folder, f"{i}"))
                with open(names[-1], "wb") as file:
                    file.write(content.encode() if isinstance(content, str) else content)
            found = subprocess.run([os.path.join(BUILD, f"fuzz_{target}"), *names], capture_output=True, text=True, timeout=120,
                                   env=dict(os.environ, REPLAY_STEPS="1", FUZZ_MESSAGES="1"))
        self.assertEqual(found.returncode, 0, found.stderr)
        return [[int(word) for word in line.split()] for line in found.stdout.splitlines()[:-1]], found.stderr

    def check(self, target, cases):
        for label, write in cases.items():
            with self.subTest(target=target, of=label):
                (few, many), said = self.steps(target, write(FEW), write(TIMES * FEW))
                if os.environ.get("REFOLD_SHOW_STEPS"):
                    print(f"{target}, {label}: {many[0] / few[0]:.2f} {few[0]} edges, {many[1] / few[1]:.2f} {few[1]} bytes: "
                          f"{said.splitlines()[1][:100]}", file=sys.stderr)
                for unit, a, b in (("edges", few[0], many[0]), ("bytes", few[1], many[1])):
                    self.assertLess(b, MOST * a, f"{TIMES} times as many take {b / a:.1f} times as many {unit}: {said}")

    def test_onnx(self):
        self.check("onnx", ONNX)

    def test_encodings(self):
        self.check("encodings", ENCODINGS)

    def test_configuration(self):
        self.check("config", CONFIG)

    def test_safetensors(self):
        self.check("safetensors", SAFETENSORS)

    def test_data(self):
        for label, (target, write) in ARRAYS.items():
            self.check(target, {label: write})

    def test_tensorflow(self):
        self.check("tensorflow", TENSORFLOW)
        self.check("bundle", {"variables": index})

    def test_keras(self):
        self.check("keras", KERAS)


unittest.main(verbosity=2)
