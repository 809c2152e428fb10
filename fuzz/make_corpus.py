"""Writes the seeds of fuzz/corpus: usage: make_corpus.py REFOLD (keras_seeds FOLDER writes
those of hdf5/). What fuzzing found lies beside them, as crash-*."""
import gzip
import io
import json
import os
import random
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "cli"))
import program  # noqa: E402  takes the program's path from the command line
import tensorflow_maker as tf  # noqa: E402

field = program.field


def save(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)


def store(file, name, data):
    """A member with no time of its own, so that the same seeds give the same bytes."""
    file.writestr(zipfile.ZipInfo(name), data, file.compression)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# --- ONNX ---


def tensor(name, dims, values):
    return b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name) + \
        field(9, struct.pack(f"<{len(values)}f", *values))


def ints(name, values):
    return field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7)


def node(op, inputs, outputs, *attributes):
    return b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + \
        field(3, op.lower()) + field(4, op) + b"".join(field(5, a) for a in attributes)


def model(nodes, tensors, shape, opset=13, metadata=()):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, t) for t in tensors)
    graph += field(11, program.port("x", shape)) + field(12, program.port("y", (1, 2)))
    props = b"".join(field(14, field(1, k) + field(2, v)) for k, v in metadata)
    return field(1, 8) + field(7, graph) + field(8, field(2, opset)) + props


def conv_net(metadata=()):
    noise = random.Random(1)
    draw = lambda n: [noise.uniform(-1, 1) for _ in range(n)]
    bn = [tensor(f"bn.{k}", [2], [abs(v) + 0.1 for v in draw(2)]) for k in "gbmv"]
    nodes = [node("Conv", ["x", "w"], ["c"], ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1])),
             node("BatchNormalization", ["c", "bn.g", "bn.b", "bn.m", "bn.v"], ["n"]), node("Relu", ["n"], ["r"]),
             node("GlobalAveragePool", ["r"], ["p"]), node("Flatten", ["p"], ["f"]), node("Gemm", ["f", "fc"], ["y"])]
    tensors = [tensor("w", [2, 1, 3, 3], draw(18)), tensor("fc", [2, 2], draw(4)), *bn]
    return model(nodes, tensors, (1, 1, 4, 4), metadata=metadata)


def onnx():
    save("onnx", "conv-bn", conv_net())
    save("onnx", "shapes", model([node("Shape", ["x"], ["s"]), node("Reshape", ["x", "s"], ["y"])], [], (1, 2)))
    save("onnx", "constant", model([node("Constant", [], ["k"], field(1, "value") + field(5, tensor("", [2], [1, 2])) +
                                         field(20, 4)), node("Add", ["x", "k"], ["y"])], [], (1, 2)))
    branch = field(1, node("Relu", ["x"], ["b"])) + field(2, "then") + field(12, program.port("b", (1, 2)))
    save("onnx", "branch", model([node("If", ["c"], ["y"], field(1, "then_branch") + field(6, branch) + field(20, 5),
                                       field(1, "else_branch") + field(6, branch) + field(20, 5))],
                                 [tensor("c", [1], [1])], (1, 2)))
    pool = [ints("kernel_shape", [2, 2]), ints("strides", [2, 2]), ints("dilations", [1, 1])]
    save("onnx", "old", model([node("MaxPool", ["x"], ["m"], *pool), node("Dropout", ["m"], ["d"]),
                               node("Concat", ["d", "d"], ["y"], field(1, "axis") + field(3, 1) + field(20, 2))], [],
                              (1, 1, 4, 4), opset=7))


def sim():
    quantizer = {"tensor": "w", "kind": "param", "bitwidth": 4, "symmetric": True, "strict_symmetric": False,
                 "unsigned_symmetric": False, "axis": 0, "enabled": True, "frozen": False,
                 "min": [-1, -1], "max": [0.875, 0.875]}
    output = dict(quantizer, tensor="r", kind="activation", symmetric=False, axis=None, min=[0], max=[1])
    text = {"format": 1, "state": "calibrated", "negative_gamma": {"batchnormalization": 1},
            "options": {"param_bw": 4, "output_bw": 8, "scheme": "tf-init", "config": "default",
                        "compat": None}, "quantizers": [quantizer, output]}
    save("sim", "calibrated", conv_net([("refold", json.dumps(text))]))


# --- JSON ---


def encodings():
    old = {"min": -1.0, "max": 0.875, "scale": 0.125, "offset": -8, "bitwidth": 4, "is_symmetric": "True", "dtype": "int"}
    new = {"name": "w", "enc_type": "PER_CHANNEL", "dtype": "INT", "bw": 8, "is_sym": True, "scale": [0.5, 0.25],
           "offset": [-128, -128]}
    save("encodings", "dictionaries", json.dumps(
        {"version": "0.6.1", "activation_encodings": {"y": [dict(old, bitwidth=8, offset=0, is_symmetric="False", min=0,
                                                                 max=255, scale=1.0)]},
         "param_encodings": {"w": [old, old], "b": [{"bitwidth": 32, "dtype": "float"}]}}))
    save("encodings", "lists", json.dumps({"version": "1.0.0", "param_encodings": [new], "activation_encodings": [
        {"name": "y", "enc_type": "PER_TENSOR", "dtype": "FLOAT", "bw": 16}]}))
    save("encodings", "nested", "[" * 5000)
    save("encodings", "not-utf8", b'{"version": "0.6.1", "activation_encodings": {"\xc3\x28": []}}')
    save("encodings", "infinite", '{"version": "0.6.1", "activation_encodings": {"y": [{"min": 0, "max": 1e999}]}}')
    save("config", "small", json.dumps({
        "defaults": {"ops": {"is_output_quantized": "True"}, "params": {"is_quantized": "True", "is_symmetric": "True"},
                     "strict_symmetric": "False", "per_channel_quantization": "True"},
        "params": {"bias": {"is_quantized": "False"}},
        "op_type": {"Softmax": {"encoding_constraints": {"min": 0, "max": 1}, "is_output_quantized": "True",
                                "params": {"weight": {"is_symmetric": "True"}},
                                "supported_kernels": [{"activation": {"bitwidth": 8, "dtype": "int"}}]}},
        "supergroups": [{"op_list": ["Conv", "BatchNormalization", "Relu"]}],
        "model_input": {"is_input_quantized": "True"}, "model_output": {}}))


# --- arrays and pictures ---


def npy(descr, shape, raw, version=1, fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + raw


def arrays():
    plain = npy("<f4", "(2, 3)", struct.pack("<6f", *range(6)))
    save("npy", "float32", plain)
    save("npy", "fortran", npy("<f8", "(2, 3, 2)", struct.pack("<12d", *range(12)), version=2, fortran=True))
    save("npy", "half", npy("<f2", "(4,)", bytes(8), version=3))
    save("npy", "large", npy("<u8", "(2L,)", struct.pack("<QQ", 1, 1 << 63)))
    save("npy", "overflow", npy("<f4", "(4611686018427387904, 4)", b""))
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as file:
            store(file, "x.npy", plain)
            store(file, "y.npy", npy("<i8", "(2,)", struct.pack("<2q", 0, 1)))
        save("npz", name, out.getvalue())
    header = json.dumps({"__metadata__": {"step": "1"}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                         "r": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]}}).encode()
    save("safetensors", "two", struct.pack("<Q", len(header)) + header + bytes(16))
    raw = struct.pack(">HBB3I", 0, 8, 3, 2, 2, 2) + bytes(range(8))
    save("idx", "images", raw)
    save("idx", "images-gzip", gzip.compress(raw, mtime=0))
    save("idx", "labels", struct.pack(">HBBI", 0, 8, 1, 2) + bytes([0, 1]))
    save("idx", "huge", gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 1 << 31, 1 << 15, 1 << 15), mtime=0))


def png(width, height, depth, colour, rows, interlace=0, chunks=b""):
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    if isinstance(chunks, list):
        chunks = b"".join(chunk(kind, body) for kind, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)) + \
        chunks + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# The smallest baseline picture: 8 x 8 gray, tables of one code each.
JPEG = bytes.fromhex(
    "ffd8ffdb004300" + "01" * 64 + "ffc0000b080008000801011100" + "ffc40014000100000000000000000000000000000000"
    "ffc40014100100000000000000000000000000000000" + "ffda0008010100003f00" + "3f" + "ffd9")


def pictures():
    gray = png(2, 2, 8, 0, b"\0\x01\x02\0\x03\x04")
    save("png", "gray", gray)
    save("png", "rgba16", png(1, 1, 16, 6, b"\0" + bytes(8)))
    save("png", "palette", png(4, 1, 2, 3, b"\0\x1b", chunks=[(b"PLTE", bytes(range(12))), (b"tRNS", b"\x80")]))
    save("png", "interlaced", png(2, 2, 8, 2, b"\0" + bytes(3) + b"\0" + bytes(3) + b"\0" + bytes(6), interlace=1))
    save("png", "text-bomb", png(1, 1, 8, 0, b"\0\0", chunks=[(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 22)))] * 4))
    save("png", "huge", png(8192, 8192, 8, 0, b""))
    save("jpeg", "gray", JPEG)
    save("jpeg", "huge", JPEG.replace(b"\x08\x00\x08\x00\x08", b"\x08\x20\x00\x20\x00"))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name in ("pets/cat/a.png", "pets/dog/b.png", "../../escape/c.png", "/absolute/d.png"):
            info = tarfile.TarInfo(name)
            info.size = len(gray)
            file.addfile(info, io.BytesIO(gray))
    raw = out.getvalue()[:4 * 1024] + bytes(1024)
    save("tar", "plain", raw)
    save("tar", "gzip", gzip.compress(raw, mtime=0))
    save("tar", "gzip-twice", gzip.compress(gzip.compress(raw, mtime=0), mtime=0))


# --- TensorFlow and Keras ---


def tensorflow():
    relu = [tf.placeholder("x", [1, 4, 4, 1]), tf.const("w", tf.FLOAT, [3, 3, 1, 2], [0.5] * 18),
            tf.node("c", "Conv2D", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME"), tf.node("y", "Relu", ["c"])]
    save("graphdef", "conv", tf.graph(relu))
    shapes = [tf.placeholder("x", [1, 4]), tf.const("s", tf.INT32, [2], [2, 2]), tf.node("y", "Reshape", ["x", "s"])]
    save("graphdef", "reshape", tf.graph(shapes))
    empty = [tf.placeholder("x", [1, 4]), tf.const("e", tf.INT32, [0], []), tf.const("n", tf.INT32, [], [1]),
             tf.node("r", "Range", ["e", "n", "n"]), tf.node("y", "Reshape", ["x", "r"])]
    save("graphdef", "range-of-nothing", tf.graph(empty))
    many = [tf.placeholder("x", [1, 4]), tf.const("s", tf.INT32, [2], [1 << 14, 1 << 13]), tf.const("v", tf.FLOAT, [], [0.0])]
    many += [tf.node(f"f{i}", "Fill", ["s", "v"]) for i in range(9)] + [tf.node("y", "AddN", ["x"] + [f"f{i}" for i in range(9)])]
    save("graphdef", "fill-gigabytes", tf.graph(many))
    save("savedmodel", "served", tf.saved_model(tf.graph(relu), {"serving_default": tf.signature({"a": "x:0"}, {"b": "y:0"})}))
    inner = tf.function("f", ["a"], ["r"], [tf.node("n", "Neg", ["a"])], {"r": "n:y:0"})
    call = [tf.placeholder("x", [1, 4]), tf.node("p", "PartitionedCall", ["x"], f=tf.Func("f"))]
    save("savedmodel", "function", tf.saved_model(tf.graph(call, [inner]),
                                                  {"serving_default": tf.signature({"a": "x:0"}, {"b": "p:0"})}))
    with tempfile.TemporaryDirectory() as folder:
        tf.write_variables(folder, {"w": ([2], [1.0, 2.0]), "layer/bias": ([1], [3.0])})
        save("bundle", "two", read(os.path.join(folder, "variables/variables.index")))


def layer(kind, **config):
    return {"class_name": kind, "config": config}


def keras():
    shape = [None, 4, 4, 2]
    weights = read(os.path.join(HERE, "corpus/hdf5/oldest"))  # of keras_seeds
    chain = [layer("InputLayer", batch_input_shape=shape, name="x"),
             layer("Conv2D", name="c", filters=3, kernel_size=[3, 3], padding="same", activation="relu"),
             layer("MaxPooling2D", name="p", pool_size=[2, 2]), layer("Flatten", name="f")]
    sequential = json.dumps({"class_name": "Sequential", "config": {"name": "net", "layers": chain}})
    save("keras_json", "sequential", sequential.encode() + b"\0" + weights)
    nodes = [dict(layer("InputLayer", batch_input_shape=shape, name="x"), name="x", inbound_nodes=[]),
             dict(layer("Activation", name="a", activation="relu"), name="a", inbound_nodes=[[["x", 0, 0, {}]]]),
             dict(layer("Add", name="y"), name="y", inbound_nodes=[[["x", 0, 0, {}], ["a", 0, 0, {}]]])]
    functional = json.dumps({"class_name": "Functional", "config": {
        "name": "net", "layers": nodes, "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}})
    save("keras_json", "functional", functional.encode() + b"\0" + weights)
    for name, method in (("stored", zipfile.ZIP_STORED), ("bomb", zipfile.ZIP_DEFLATED)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as file:
            store(file, "metadata.json", "{}")
            store(file, "config.json", sequential if name == "stored" else " " * (1 << 22))
            store(file, "model.weights.h5", weights)
        save("keras_zip", name, out.getvalue())


if __name__ == "__main__":
    for make in (onnx, sim, encodings, arrays, pictures, tensorflow, keras):
        make()
