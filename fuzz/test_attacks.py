"""Files made to do harm, one test a class of attack: usage: test_attacks.py BUILD REFOLD. Each reader meets them with counted memory
and, where they are built so, under sanitizers; it must refuse them in one line, for the reason that they were made for."""
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
import make_corpus as make  # noqa: E402
from make_corpus import field, node, program, tensor, tf  # noqa: E402

GRAY = make.png(2, 2, 8, 0, b"\0\x01\x02\0\x03\x04")
WEIGHTS = make.read(os.path.join(make.HERE, "corpus/hdf5/oldest"))


def onnx(nodes, tensors=(), shape=(1, 2)):
    return make.model(nodes, tensors, shape)


RELU = node("Relu", ["x"], ["y"])


def initializer(*dims, raw=b"", dtype=1):
    """Without numbers, or with these bytes."""
    return b"".join(field(1, d & (1 << 64) - 1) for d in dims) + field(2, dtype) + field(8, "w") + field(9, raw)


def safetensors(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(shape, size=0):
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}


def npz(*members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members:
            make.store(file, name, data)
    return out.getvalue()


def keras_zip(config):
    return npz(("metadata.json", "{}"), ("config.json", config), ("model.weights.h5", WEIGHTS), method=zipfile.ZIP_DEFLATED)


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def idx(*dims, data=b""):
    return struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims) + data


def graphdef(*nodes):
    return tf.graph([tf.placeholder("x", [1, 4]), *nodes])


def splat(dims):
    """A constant whose single number stands for all."""
    return tf.node("c", "Const", dtype=tf.Type(tf.FLOAT), value=tf.Tensor(
        tf.number(1, tf.FLOAT) + tf.block(2, tf.shape_message(dims)) + tf.block(5, struct.pack("<f", 1.0))))


def keras(*layers, kind="Functional", out="y"):
    config = {"name": "n", "layers": list(layers)}
    if kind == "Functional":
        config |= {"input_layers": [["x", 0, 0]], "output_layers": [[out, 0, 0]]}
    return json.dumps({"class_name": kind, "config": config}).encode() + b"\0" + WEIGHTS


def keras_layer(kind, name, *sources, **config):
    return dict(make.layer(kind, name=name, **config), name=name, inbound_nodes=[[[s, 0, 0, {}] for s in sources]])


KERAS_X = dict(make.layer("InputLayer", batch_input_shape=[None, 4, 4, 2], name="x"), name="x", inbound_nodes=[])
ENCODING = {"min": -1.0, "max": 0.875, "scale": 0.125, "offset": -8, "bitwidth": 4, "is_symmetric": "True", "dtype": "int"}


def encodings(name):
    return b'{"version": "0.6.1", "activation_encodings": {' + name + b': []}, "param_encodings": {}}'


def config(op_type):
    return (b'{"defaults": {"ops": {}, "params": {}}, "params": {}, "op_type": {' + op_type +
            b'}, "supergroups": [], "model_input": {}, "model_output": {}}')


def index_of_long_keys():
    """Entries of five bytes, each of which repeats a key of sixty thousand."""
    value = tf.number(1, tf.FLOAT)
    first = tf.varint(0) + tf.varint(60000) + tf.varint(len(value)) + b"k" * 60000 + value
    rest = b"".join(tf.varint(60000) + tf.varint(2) + tf.varint(len(value)) + bytes([65 + i // 26, 65 + i % 26]) + value for i in range(600))
    body = first + rest + struct.pack("<II", 0, 1)
    block = body + b"\0" + struct.pack("<I", tf.masked(body + b"\0"))
    meta, places = tf.table_block([]), b""
    index = tf.table_block([(b"z", tf.varint(0) + tf.varint(len(body)))])
    places = tf.varint(len(block)) + tf.varint(len(meta) - 5) + tf.varint(len(block) + len(meta)) + tf.varint(len(index) - 5)
    return block + meta + index + places.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def fills(count):
    """Constants that a graph of a few hundred bytes computes, each within the limit."""
    size = tf.const("s", tf.INT32, [2], [1 << 13, 1 << 11])
    made = [tf.node(f"f{i}", "Fill", ["s", "v"]) for i in range(count)]
    return graphdef(size, tf.const("v", tf.FLOAT, [], [0.0]), *made,
                    tf.node("y", "AddN", ["x"] + [f"f{i}" for i in range(count)]))


def norm(lengths):
    names = ["g", "b", "m", "v"]
    return onnx([node("BatchNormalization", ["x", *names], ["y"])], [tensor(n, [k], [1] * k) for n, k in zip(names, lengths)], (1, 2, 4, 4))


def nested_graph(depth):
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return field(1, 8) + field(7, graph)


class Attacks(program.ProgramTest):
    def read(self, target, content):
        """What the reader says; the sanitizers and the limit on memory end the process."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            found = subprocess.run([os.path.join(BUILD, f"fuzz_{target}"), file.name], capture_output=True, text=True, errors="replace",
                                   timeout=120, env=dict(os.environ, FUZZ_MESSAGES="1"))
        self.assertEqual(found.returncode, 0, f"{target}: {found.stderr[-2000:]}")
        return found.stderr.splitlines()[-1]

    def refuse(self, *cases):
        """(target, content, part of the message) for each."""
        for i, (target, content, reason) in enumerate(cases):
            with self.subTest(target=target, case=i):
                said = self.read(target, content)
                self.assertIn(reason, said)
                self.assertNotEqual(said, "read")

    def model_with_data_at(self, location):
        data = field(13, field(1, "location") + field(2, location)) + field(14, 1)
        where = field(1, 4) + field(2, 1) + field(8, "w") + data
        with open(self.path("model/net.onnx"), "wb") as file:
            file.write(onnx([node("Add", ["x", "w"], ["y"])], [where], (1, 4)))

    def secret(self):
        os.makedirs(self.path("model"))
        with open(self.path("secret.bin"), "wb") as file:
            file.write(bytes(16))

    def test_path_traversal(self):
        self.secret()
        for location in ("../secret.bin", "a/../../secret.bin", self.path("secret.bin"), "/etc/passwd", "..", "."):
            self.model_with_data_at(location)
            self.fail_with(3, "model's own folder", "inspect", "model/net.onnx")
        made = self.read("tar", tar(("../../escape/c.png", GRAY), ("/absolute/d.png", GRAY)))  # labels: nothing is unpacked
        self.assertEqual(made, "read")
        self.assertFalse(os.path.exists("/absolute"))

    def test_symlinks(self):
        self.secret()
        os.symlink("../secret.bin", self.path("model/link.bin"))
        os.symlink("..", self.path("model/up"))
        for location in ("link.bin", "up/secret.bin"):
            self.model_with_data_at(location)
            self.fail_with(3, "model's own folder", "inspect", "model/net.onnx")
        graph = tf.graph([tf.placeholder("x", [1, 2]), tf.node("w", "VarHandleOp", shared_name="w", dtype=tf.Type(tf.FLOAT)),
                          tf.node("r", "ReadVariableOp", ["w"]), tf.node("y", "Add", ["x", "r"])])
        model = tf.saved_model(graph, {"serving_default": tf.signature({"a": "x:0"}, {"b": "y:0"})})
        tf.write_saved_model(self.path("saved"), model, {"w": ([2], [1.0, 2.0])})
        self.succeed("convert", "saved", "-o", "fine.onnx")
        data = self.path("saved/variables/variables.data-00000-of-00001")
        os.rename(data, self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), data)
        self.fail_with(3, "symbolic link", "convert", "saved", "-o", "o.onnx")

    def test_tiny_files_that_ask_for_gigabytes(self):
        self.refuse(
            ("onnx", onnx([RELU], [initializer(1 << 34, raw=b"1234")]), "raw_data has 4 bytes"),
            ("onnx", onnx([RELU], [initializer(10 ** 9, dtype=7)]), "raw_data has 0 bytes"),
            ("onnx", field(1, 8) + field(7, field(1, b"") * 500000), "times its size"),
            ("safetensors", struct.pack("<Q", 1 << 40) + b"{}", "no .safetensors file"),
            ("safetensors", safetensors({"w": entry([1 << 30], 1 << 32)}), "outside the file"),
            ("npy", make.npy("<f4", f"({1 << 40},)", bytes(4)), "bytes"),
            ("npz", npz(("x.npy", make.npy("<f4", f"({1 << 40},)", bytes(4)))), "bytes"),
            ("idx", idx(1 << 31, 1 << 15, 1 << 15), "cannot hold"),
            ("image", make.png(8000, 8000, 8, 0, b""), "too few for 8000 x 8000"),
            ("image", make.JPEG.replace(b"\x08\x00\x08\x00\x08", b"\x08\x20\x00\x20\x00"), "too few for 8192 x 8192"),
            ("tensorflow", graphdef(splat([1 << 20, 1 << 20]), tf.node("y", "Add", ["x", "c"])), "c"),
            ("bundle", index_of_long_keys(), "keys unfold to many times"),
            ("keras", keras(KERAS_X, keras_layer("ZeroPadding2D", "y", "x", padding=[[1 << 40, 1 << 40], [0, 0]])), "y"))

    def test_json_of_any_size(self):
        self.tiny_model(), self.tiny_data()
        for option, limit in (("--config", 16 << 20), ("--load-encodings", 256 << 20)):
            with open(self.path("huge.json"), "wb") as file:
                file.truncate(limit + 1)  # a hole: it costs neither disk nor time
            self.fail_with(3, f"at most {limit}", "quantize", "model.onnx", "-o", "o.onnx", "--data", "npy:x.npy", option, "huge.json")

    def test_constants_that_a_small_graph_computes(self):
        self.refuse(("tensorflow", fills(5), "all that are computed may have 67108864"))

    def test_constants_that_many_nodes_share(self):
        add = [field(1, "x") + field(1, "w") + field(2, f"n{i}") + field(4, "Add") + field(5, field(1, "broadcast") + field(3, 1) + field(20, 2)) +
               field(5, field(1, "axis") + field(3, 0) + field(20, 2)) for i in range(4000)]
        graph = b"".join(field(1, n) for n in add) + field(2, "g") + field(5, tensor("w", [4000], [1] * 4000)) + \
            field(11, program.port("x", (4000, 1))) + field(12, program.port("n0", (4000, 1)))
        self.assertEqual(self.read("onnx", field(1, 8) + field(7, graph) + field(8, field(2, 6))), "read")

    def test_cycles(self):
        self.refuse(
            ("onnx", onnx([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]), "cycle"),
            ("onnx", onnx([node("Relu", ["y"], ["y"])]), "cycle"),
            ("tensorflow", graphdef(tf.node("a", "Neg", ["b"]), tf.node("b", "Neg", ["a"]), tf.node("y", "Add", ["x", "b"])), "its own result"),
            ("keras", keras(KERAS_X, keras_layer("ReLU", "a", "b"), keras_layer("ReLU", "b", "a"), keras_layer("ReLU", "y", "b")),
             "reads its own output"))

    def test_functions_that_call_themselves(self):
        inner = tf.function("f", ["a"], ["r"], [tf.node("n", "f", ["a"])], {"r": "n:r:0"})
        self.refuse(("tensorflow", tf.graph([tf.placeholder("x", [1, 4]), tf.node("y", "f", ["x"])], [inner]), "call themselves"))

    def test_overflowing_dims(self):
        vast = 1 << 62
        self.refuse(
            ("onnx", onnx([RELU], [initializer(vast, vast)]), "overflows"),
            ("onnx", onnx([RELU], [initializer(1 << 61, dtype=7)]), "raw_data has 0 bytes"),
            ("safetensors", safetensors({"w": entry([vast, 4])}), "overflows"),
            ("npy", make.npy("<f4", f"({vast}, 4)", b""), "overflows"),
            ("npy", make.npy("<f4", f"({1 << 64},)", b""), "2^63"),
            ("npz", npz(("x.npy", make.npy("<f4", f"({vast}, 4)", b""))), "overflows"),
            ("idx", idx(*[(1 << 32) - 1] * 4), "cannot hold"),
            ("tensorflow", graphdef(splat([vast, 4]), tf.node("y", "Add", ["x", "c"])), "no usable number of elements"),
            ("keras", keras(KERAS_X, keras_layer("Reshape", "y", "x", target_shape=[vast, vast])), "y"))

    def test_negative_dims(self):
        self.refuse(
            ("onnx", onnx([RELU], [initializer(-1)]), "dim 0 is -1"),
            ("onnx", make.model([RELU], [], ((1 << 64) - 5, 2)), "declares a dim of -5"),
            ("safetensors", safetensors({"w": entry([-1])}), "a dim that is not a number from 0"),
            ("npy", make.npy("<f4", "(-1,)", b""), "shape"),
            ("tensorflow", graphdef(splat([-4, -4]), tf.node("y", "Add", ["x", "c"])), "c"),
            ("keras", keras(KERAS_X, keras_layer("Reshape", "y", "x", target_shape=[-4, -8])), "y"))

    def test_duplicate_names(self):
        two = [tensor("w", [1], [1]), tensor("w", [1], [2])]
        x = make.npy("|u1", "(1,)", b"x")
        self.refuse(
            ("onnx", onnx([RELU], two), "'w'"),
            ("onnx", onnx([RELU, node("Neg", ["x"], ["y"])]), "'y'"),
            ("onnx", onnx([node("Relu", ["x"], ["y"], make.ints("a", [1]), make.ints("a", [2]))]), "attribute 'a' twice"),
            ("tensorflow", graphdef(tf.node("y", "Neg", ["x"]), tf.node("y", "Relu", ["x"])), "two nodes have the name 'y'"),
            ("keras", keras(KERAS_X, KERAS_X, keras_layer("ReLU", "y", "x")), "two layers have the name"),
            ("encodings", encodings(b'"y": [], "y"'), "duplicate"),
            ("config", config(b'"Conv": {}, "Conv": {}'), "duplicate"),
            ("safetensors", safetensors(b'{"w": {}, "w": {}}'), "duplicate"),
            ("npz", npz(("x.npy", x), ("x.npy", x)), "'x' is there twice"))

    def test_bn_vectors_of_the_wrong_length(self):
        program.write_npy(self.path("x.npy"), [1, 2, 4, 4], [0.0] * 32)
        for at in range(4):
            lengths = [2] * 4
            lengths[at] = 3
            with open(self.path("net.onnx"), "wb") as file:
                file.write(norm(lengths))
            self.fail_with(3, "batchnormalization", "infer", "net.onnx", "--input", "x.npy", "--output", "y.npy")
        vector = lambda name, count: tf.const(name, tf.FLOAT, [count], [1.0] * count)
        parts = [vector(n, 3 if n == "m" else 2) for n in "gbmv"]
        image = tf.graph([tf.placeholder("x", [1, 4, 4, 2]), *parts, tf.node("y", "FusedBatchNormV3", ["x", *"gbmv"], is_training=False)])
        self.refuse(("tensorflow", image, "y"))

    def test_invalid_utf8(self):
        bad = b"\xc3\x28"
        self.refuse(
            ("onnx", onnx([field(1, "x") + field(2, "y") + field(3, bad) + field(4, "Relu")]), "UTF-8"),
            ("tensorflow", graphdef(tf.block(1, bad) + tf.block(2, "Neg") + tf.block(3, "x")), "UTF-8"),
            ("keras", keras(KERAS_X, keras_layer("ReLU", "y", "x")).replace(b'"name": "n"', b'"name": "' + bad + b'"'), "decode byte 0xc3"),
            ("encodings", encodings(b'"' + bad + b'"'), "decode byte 0xc3"),
            ("config", config(b'"' + bad + b'": {}'), "decode byte 0xc3"),
            ("safetensors", safetensors(b'{"' + bad + b'": {}}'), "decode byte 0xc3"))

    def test_deep_nesting(self):
        deep = b"[" * 100000
        inner = keras_layer("ReLU", "r", "x")
        for _ in range(40):
            inner = dict(json.loads(keras(KERAS_X, inner, out="r").split(b"\0")[0]), name="r", inbound_nodes=[[["x", 0, 0, {}]]])
        calls = [tf.function(f"f{i}", ["a"], ["r"], [tf.node("n", f"f{i + 1}" if i < 99 else "Neg", ["a"])],
                             {"r": "n:r:0" if i < 99 else "n:y:0"}) for i in range(100)]
        self.refuse(
            ("onnx", nested_graph(200), "nested deeper"),
            ("encodings", deep, "depth"), ("config", deep, "depth"), ("safetensors", safetensors(deep), "depth"),
            ("keras", b"[" * 100000 + b"\0" + WEIGHTS, "JSON"),
            ("keras", keras(KERAS_X, inner, out="r"), "deep"),
            ("tensorflow", tf.graph([tf.placeholder("x", [1, 4]), tf.node("y", "f0", ["x"])], calls), "call"))

    def test_bombs_in_gzip(self):
        zeros = bytes(1 << 24)
        self.refuse(
            ("idx", gzip.compress(idx(1, 4, 4) + zeros), "more bytes than its dims"),
            ("idx", gzip.compress(idx(1 << 31, 1 << 15, 1 << 15)), "cannot hold"),
            ("tar", gzip.compress(gzip.compress(tar(("a/b.png", GRAY)))), "compressed more than once"))

    def test_bombs_in_zip(self):
        self.refuse(
            ("npz", npz(("x.npy", make.npy("|u1", f"({1 << 34},)", bytes(1 << 22))), method=zipfile.ZIP_DEFLATED), "bytes"),
            ("keras", keras_zip(" " * (1 << 26)), "config.json"))

    def test_bombs_in_png(self):
        text = [(b"zTXt", b"k\0\0" + make.zlib.compress(bytes(1 << 22)))] * 8
        self.assertEqual(self.read("image", make.png(1, 1, 8, 0, b"\0\0", chunks=text)), "read")  # texts are passed over
        self.refuse(("image", make.png(8000, 8000, 8, 0, bytes(1 << 16)), "too few for 8000 x 8000"))
        self.assertIn(self.read("image", make.png(2, 2, 8, 0, bytes(1 << 26))), ("read", "'picture' is a damaged PNG"))


program.main()
