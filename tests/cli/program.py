"""What the tests of the program share: running it, and making small models and data without any library."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

# Seconds that a program may take before it counts as one that hangs; with sanitizers it takes several times as long.
PATIENCE = 120 * int(os.environ.get("REFOLD_PATIENCE", "1"))
REFOLD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/refold"


class ProgramTest(unittest.TestCase):
    """Each test runs in an empty folder of its own, which is also where the program runs."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = self.scratch.name

    def tearDown(self):
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words, environment=None, **options):
        environment = dict(os.environ, TERM="dumb", OMP_WAIT_POLICY="passive", **(environment or {}))
        threads = os.environ.get("REFOLD_TEST_THREADS")  # as in testing.h
        if threads and words and words[0].isalpha() and "--threads" not in words:
            words += ("--threads", threads)
        streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE) | options
        return subprocess.Popen([REFOLD, *words], cwd=self.folder, env=environment, text=True, **streams)

    def run_program(self, *words, **options):
        """Exit code, standard output, standard error."""
        process = self.start(*words, **options)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def succeed(self, *words):
        code, out, err = self.run_program(*words)
        self.assertEqual(code, 0, f"refold {' '.join(words)}: {err}")
        return out

    def document(self, *words):
        """The JSON that a command prints, with its head checked."""
        document = json.loads(self.succeed(*words, "--json"))
        self.assertEqual((document["schema"], document["command"]), (1, words[0]))
        return document

    def fail_with(self, code, text, *words, **options):
        """One line of error that holds `text`, the exit code, nothing on standard output, nothing left behind."""
        before = listing(self.folder)
        found, out, err = self.run_program(*words, "-q", **options)
        self.assertEqual(found, code, f"refold {' '.join(words)}: exit code {found}, {err!r}")
        lines = [line for line in err.splitlines() if not line.startswith("refold: warning: ")]
        self.assertEqual(len(lines), 1, f"refold {' '.join(words)}: expected one line: {err!r}")
        self.assertIn(text, lines[0])
        self.assertEqual(out, "")
        self.assertEqual(listing(self.folder), before, "the failed command left something behind")
        return lines[0]

    def tiny_model(self, name="model.onnx"):
        self.succeed("zoo", "resnet20", "--width", "0.25", "--input", "1x8x8", "--classes", "3", "-o", name)
        return name

    def tiny_data(self, count=48):
        """npy: specification of images whose class shows as a bright corner."""
        write_npy(self.path("x.npy"), [count, 1, 8, 8], images(count))
        write_npy(self.path("y.npy"), [count], [i % 3 for i in range(count)], "<i8")
        return "npy:x.npy,y.npy"


def faults(library, call, at=0, what="once", count=None):
    """The environment in which the at-th call of a kind fails: see faults.c."""
    return {"LD_PRELOAD": library, "FAULT_CALL": call, "FAULT_AT": str(at), "FAULT_DO": str(what)} | \
        ({"FAULT_COUNT": count} if count else {})


def use_memory_for_scratch():
    """Where a disk is slow to sync, tests that write much would wait for it most of their time."""
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"


def listing(folder):
    """Every file below `folder` with its size."""
    return sorted((os.path.join(place, name), os.lstat(os.path.join(place, name)).st_size)
                  for place, _, names in os.walk(folder) for name in names)


def images(count):
    """[count, 1, 8, 8] numbers; class i % 3 has a bright quadrant."""
    noise = random.Random(7)
    values = []
    for i in range(count):
        top, left = divmod(i % 3, 2)
        for y in range(8):
            for x in range(8):
                bright = y // 4 == top and x // 4 == left
                values.append((1.0 if bright else 0.0) + noise.uniform(-0.3, 0.3))
    return values


def write_npy(path, shape, values, dtype="<f4"):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({', '.join(map(str, shape))},), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    code = {"<f4": "f", "<i8": "q"}[dtype]
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(values)}{code}", *values))


def read_npy(path):
    """Shape and float32 values."""
    with open(path, "rb") as file:
        raw = file.read()
    length = struct.unpack("<H", raw[8:10])[0]
    header = eval(raw[10:10 + length].decode(), {})  # a dictionary that refold wrote
    data = raw[10 + length:]
    return list(header["shape"]), list(struct.unpack(f"<{len(data) // 4}f", data))


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def write_idx(path, shape, values):
    with open(path, "wb") as file:
        file.write(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values))


def write_png(path, width, height, gray):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + bytes(gray[y * width:(y + 1) * width]) for y in range(height))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def field(number, payload):
    """One field of a protobuf message: text, bytes, a message or an integer."""
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def port(name, shape):
    dims = b"".join(field(1, field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def write_model(path, op_type, shape=(1, 3)):
    """A model of one node x -> y."""
    node = field(1, "x") + field(2, "y") + field(3, "the_node") + field(4, op_type)
    graph = field(1, node) + field(2, "g") + field(11, port("x", shape)) + field(12, port("y", shape))
    with open(path, "wb") as file:
        file.write(field(1, 8) + field(7, graph) + field(8, field(2, 13)))


def main():
    unittest.main(verbosity=2)
