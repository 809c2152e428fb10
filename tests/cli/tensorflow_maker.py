"""TensorFlow's files by hand, for tests: protobuf messages byte by byte, SavedModels with their variables."""
import os
import struct

FLOAT, INT32, UINT8, STRING, INT64, BOOL, RESOURCE = 1, 3, 4, 7, 9, 10, 20

# --- protobuf ---


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, payload):
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def shape_message(dims):
    return b"".join(block(2, number(1, d)) for d in dims)


def tensor(dtype, dims, values):
    """TensorProto with its numbers as bytes, or as strings."""
    message = number(1, dtype) + block(2, shape_message(dims))
    if dtype == STRING:
        return message + b"".join(block(8, v) for v in values)
    code = {FLOAT: "f", INT32: "i", INT64: "q", BOOL: "?", UINT8: "B"}[dtype]
    return message + block(4, struct.pack(f"<{len(values)}{code}", *values))


class Type(int):
    """An attribute that is a DataType."""


class Func(str):
    """An attribute that is a function."""


class Shape(list):
    """An attribute that is a shape."""


class Tensor(bytes):
    """An attribute that is a TensorProto."""


def attribute(value):
    if isinstance(value, bool):
        return number(5, value)
    if isinstance(value, Type):
        return number(6, value)
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, float):
        return varint(4 << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, Func):
        return block(10, block(1, value))
    if isinstance(value, str):
        return block(2, value)
    if isinstance(value, Shape):
        return block(7, shape_message(value))
    if isinstance(value, Tensor):
        return block(8, value)
    return block(1, block(3, b"".join(varint(v) for v in value)))  # list of integers, packed


def node(name, op, inputs=(), **attributes):
    message = block(1, name) + block(2, op) + b"".join(block(3, i) for i in inputs)
    for key, value in attributes.items():
        message += block(5, block(1, key) + block(2, attribute(value)))
    return message


def const(name, dtype, dims, values):
    return node(name, "Const", dtype=Type(dtype), value=Tensor(tensor(dtype, dims, values)))


def placeholder(name, dims, dtype=FLOAT):
    return node(name, "Placeholder", dtype=Type(dtype), shape=Shape(dims))


def function(name, inputs, outputs, nodes, returns):
    """FunctionDef; returns: output name -> tensor inside."""
    signature = block(1, name)
    signature += b"".join(block(2, block(1, i)) for i in inputs)
    signature += b"".join(block(3, block(1, o)) for o in outputs)
    message = block(1, signature) + b"".join(block(3, n) for n in nodes)
    return message + b"".join(block(4, block(1, k) + block(2, v)) for k, v in returns.items())


def graph(nodes, functions=()):
    library = b"".join(block(1, f) for f in functions)
    return b"".join(block(1, n) for n in nodes) + (block(2, library) if functions else b"")


def signature(inputs, outputs):
    info = lambda name: block(1, name) + number(2, FLOAT)
    message = b"".join(block(1, block(1, k) + block(2, info(v))) for k, v in inputs.items())
    return message + b"".join(block(2, block(1, k) + block(2, info(v))) for k, v in outputs.items())


def saved_model(graph_def, signatures, restore=None):
    meta = block(1, block(4, "serve")) + block(2, graph_def)
    if restore:
        meta += block(3, block(3, restore))
    for key, value in signatures.items():
        meta += block(5, block(1, key) + block(2, value))
    return number(1, 1) + block(2, meta)


# --- checkpoints ---


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def table_block(entries):
    """A block of the table format, keys sharing beginnings, one restart point; with its trailer."""
    out, last = b"", b""
    for key, value in entries:
        shared = len(os.path.commonprefix([last, key]))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    out += struct.pack("<II", 0, 1)
    return out + b"\0" + struct.pack("<I", masked(out + b"\0"))


def table(entries):
    """All entries in blocks of three, an index, and the footer."""
    out, index = b"", []
    for i in range(0, len(entries), 3):
        data = table_block(entries[i:i + 3])
        index.append((entries[i:i + 3][-1][0] + b"~", varint(len(out)) + varint(len(data) - 5)))
        out += data
    meta = table_block([])
    places = varint(len(out)) + varint(len(meta) - 5)
    out += meta
    data = table_block(index)
    places += varint(len(out)) + varint(len(data) - 5)
    out += data
    return out + places.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write_variables(folder, variables, shards=1):
    """variables: key -> (dims, floats). Shard i % shards has the i-th."""
    os.makedirs(os.path.join(folder, "variables"))
    data, entries = [b""] * shards, [(b"", number(1, shards))]
    for i, (key, (dims, values)) in enumerate(sorted(variables.items())):
        content, shard = struct.pack(f"<{len(values)}f", *values), i % shards
        entry = number(1, FLOAT) + block(2, shape_message(dims)) + number(3, shard)
        entry += number(4, len(data[shard])) + number(5, len(content))
        entries.append((key.encode(), entry + varint(6 << 3 | 5) + struct.pack("<I", masked(content))))
        data[shard] += content
    for shard, content in enumerate(data):
        with open(os.path.join(folder, f"variables/variables.data-{shard:05}-of-{shards:05}"), "wb") as f:
            f.write(content)
    with open(os.path.join(folder, "variables/variables.index"), "wb") as f:
        f.write(table(entries))


def write_saved_model(folder, model, variables, shards=1):
    write_variables(folder, variables, shards)
    with open(os.path.join(folder, "saved_model.pb"), "wb") as f:
        f.write(model)
