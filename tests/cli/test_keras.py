"""A Keras file through the whole program: convert, quantize, re-estimate, fold, export, and back to Keras."""
import os
import shutil
import struct
import unittest

from program import ProgramTest

SHARED = os.environ.get("REFOLD_SHARED", "../shared")
MODEL = os.path.join(SHARED, "models/keras/pretrainedResnet.h5")
ORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../demo/node_modules/onnxruntime-node")


def write_npy(path, kind, shape, values):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack(f"<{len(values)}{kind[1] if kind[1] == 'f' else 'q'}", *values))


def read_floats(path):
    with open(path, "rb") as file:
        data = file.read()
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack(f"<{(len(data) - begin) // 4}f", data[begin:])


@unittest.skipUnless(os.path.exists(MODEL), f"no {MODEL}")
class Keras(ProgramTest):
    def setUp(self):
        super().setUp()
        count, state = 32, 1
        values = []
        for _ in range(count * 3 * 32 * 32):
            state = (state * 1664525 + 1013904223) % (1 << 32)
            values.append(state / (1 << 24))
        write_npy(self.path("x.npy"), "<f4", f"({count}, 3, 32, 32)", values)
        write_npy(self.path("y.npy"), "<i8", f"({count},)", [i % 10 for i in range(count)])
        shutil.copy(MODEL, self.path("net.h5"))
        self.data = ("--data", "npy:x.npy,y.npy", "--input-layout", "nchw", "--batch", "8")

    def infer(self, model):
        self.succeed("infer", model, "--input", "x.npy", "--input-layout", "nchw", "--output", "out.npy", "--force")
        return read_floats(self.path("out.npy"))

    def check_near(self, found, expected):
        self.assertEqual(len(found), len(expected))
        self.assertLess(max(abs(a - b) for a, b in zip(found, expected)), 1e-4)

    def test_convert_keeps_bn_and_numbers(self):
        document = self.document("convert", "net.h5", "-o", "net.onnx")
        self.assertEqual((document["batch_norms"], document["verified"]), (7, True))
        self.check_near(self.infer("net.onnx"), self.infer("net.h5"))

    def test_the_whole_way_and_back(self):
        self.succeed("quantize", "net.h5", "-o", "1.onnx", *self.data, "--param-bw", "4")
        self.succeed("reestimate", "1.onnx", "-o", "3.onnx", *self.data, "--batches", "2")
        self.succeed("fold", "3.onnx", "-o", "4.onnx")
        self.succeed("export", "4.onnx", "-o", "out")
        self.assertIn("conv2d/kernel:0", self.succeed("encodings", "4.onnx", "--json"))
        document = self.document("export", "4.onnx", "--to", "keras", "-o", "new.h5")
        self.assertEqual((document["identities"], document["biases_added"]), (7, 0))
        self.check_near(self.infer("new.h5"), self.infer("out/model.onnx"))
        if os.path.isdir(ORT):
            os.environ["REFOLD_ORT"] = ORT
            self.succeed("compare", "4.onnx", "out/model_qdq.onnx", "--runtime", "ort", *self.data)

    def test_the_way_back_names_what_is_missing(self):
        self.succeed("quantize", "net.h5", "-o", "1.onnx", *self.data)
        os.rename(self.path("net.h5"), self.path("moved.h5"))
        self.fail_with(1, "--template FILE", "export", "1.onnx", "--to", "keras", "-o", "new.h5")
        self.succeed("export", "1.onnx", "--to", "keras", "-o", "new.h5", "--template", "moved.h5")

    def test_a_damaged_file_is_a_bad_model(self):
        with open(self.path("net.h5"), "rb+") as file:
            file.truncate(4000)
        self.fail_with(3, "a HDF5 file, but it is cut off", "convert", "net.h5", "-o", "net.onnx")


if __name__ == "__main__":
    unittest.main()
