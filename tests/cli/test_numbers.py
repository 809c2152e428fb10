"""Numbers that are none, ranges that close, labels that are no class; and the same bits twice in a row."""
import math
import os
import struct

import program


class Numbers(program.ProgramTest):
    def setUp(self):
        super().setUp()
        self.model, self.data = self.tiny_model(), self.tiny_data()
        self.train = ["--batch", "16", "--threads", "1"]

    def quantize(self):
        self.succeed("quantize", self.model, "-o", "sim.onnx", "--data", self.data, "--param-bw", "4")

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_training_that_diverges_keeps_its_checkpoint(self):
        code, _, err = self.run_program("train", self.model, "-o", "t.onnx", "--data", self.data, *self.train, "--epochs", "9",
                                        "--lr", "1000000", "--momentum", "0.999999", "--checkpoint", "c",
                                        "--checkpoint-every", "1", "-q")
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertRegex(err, r"step \d+.* not finite.*checkpoint 'c' of step \d+ is kept")
        self.assertFalse(os.path.exists(self.path("t.onnx")))
        self.assertNotIn(b"nan", self.read("c")[:20000])

    def test_data_that_is_no_number(self):
        self.quantize()
        values = program.images(48)
        values[1000] = math.nan
        program.write_npy(self.path("x.npy"), [48, 1, 8, 8], values)
        for words in (["train", "sim.onnx", *self.train], ["train", self.model, *self.train], ["reestimate", "sim.onnx"]):
            self.fail_with(1, "NaN or infinity in input 'input', sample", *words, "-o", "o.onnx", "--data", self.data,
                           "--no-shuffle")
        for words in (["quantize", self.model, "-o", "o.onnx"], ["run", self.model, "-o", "o"]):
            self.fail_with(1, "'input'", *words, "--data", self.data)
        for name in ("sim.onnx", self.model):
            self.fail_with(1, "NaN or infinity in input 'input', sample 16", "evaluate", name, "--data", self.data)

    def test_outputs_that_are_no_numbers(self):
        """evaluate names the weight, or says that numbers outgrew float32 on the way."""
        nan = program.field(8, "w") + program.field(1, 3) + program.field(2, 1) + program.field(9, struct.pack("<3f", 0, math.nan, 1))
        huge = program.field(8, "w") + program.field(1, 3) + program.field(2, 1) + program.field(9, struct.pack("<3f", 3e38, 1, 1))
        node = program.field(1, "x") + program.field(1, "w") + program.field(2, "y") + program.field(3, "scale") + program.field(4, "Mul")
        program.write_npy(self.path("x.npy"), [4, 3], [2.0] * 12)
        program.write_npy(self.path("y.npy"), [4], [0, 1, 2, 0], "<i8")
        for weights, reason in ((nan, "'w' of Mul node 'scale' holds NaN"), (huge, "numbers outgrow float32")):
            graph = program.field(1, node) + program.field(2, "g") + program.field(5, weights) + \
                program.field(11, program.port("x", (4, 3))) + program.field(12, program.port("y", (4, 3)))
            with open(self.path("net.onnx"), "wb") as file:
                file.write(program.field(1, 8) + program.field(7, graph) + program.field(8, program.field(2, 13)))
            self.fail_with(1, reason, "evaluate", "net.onnx", "--data", self.data)

    def test_a_range_that_explodes_stops_the_training(self):
        """BN keeps the loss finite whatever the size of the weights, whose ranges follow them."""
        self.succeed("quantize", self.model, "-o", "sim.onnx", "--data", self.data, "--param-bw", "4", "--scheme", "tf")
        code, _, err = self.run_program("train", "sim.onnx", "-o", "t.onnx", "--data", self.data, *self.train, "--epochs", "4",
                                        "--lr", "100000", "--checkpoint", "c", "--checkpoint-every", "1", "-q")
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertRegex(err, r"after step \d+ the range of '.*' \(layer '.*'\) has exploded: it is .* wide.*checkpoint 'c' of step \d is kept")
        self.assertFalse(os.path.exists(self.path("t.onnx")))

    def test_weights_of_the_file_that_are_no_numbers(self):
        weights = self.read(self.model)
        at = len(weights) // 2 // 4 * 4
        for name, shift in (("a.onnx", 0), ("b.onnx", 1), ("c.onnx", 2), ("d.onnx", 3)):  # one of them meets a number
            broken = bytearray(weights)
            broken[at + shift:at + shift + 4] = b"\x00\x00\xc0\x7f"
            with open(self.path(name), "wb") as file:
                file.write(broken)
        codes = [self.run_program("quantize", n, "-o", "o.onnx", "--data", self.data, "-q") for n in ("a.onnx", "b.onnx", "c.onnx", "d.onnx")]
        self.assertTrue(any(code == 1 and "holds nan at element" in err for code, _, err in codes), codes)

    def test_a_label_that_is_no_class(self):
        program.write_npy(self.path("y.npy"), [48], [7] * 48, "<i8")
        self.fail_with(4, "label 7", "train", self.model, "-o", "o.onnx", "--data", self.data)
        self.fail_with(4, "label 7", "run", self.model, "-o", "o", "--data", self.data)
        self.fail_with(4, "label 7", "evaluate", self.model, "--data", self.data)

    def test_a_batch_with_one_value_a_channel(self):
        self.succeed("zoo", "resnet20", "--width", "0.25", "--input", "1x4x4", "--classes", "3", "-o", "small.onnx")
        program.write_npy(self.path("x.npy"), [48, 1, 4, 4], program.images(48)[:48 * 16])
        self.fail_with(4, "BatchNormalization 'layer3.0.bn1'", "train", "small.onnx", "-o", "o.onnx", "--data", self.data,
                       "--batch", "1")
        self.fail_with(4, "BatchNormalization 'layer3.0.bn1'", "run", "small.onnx", "-o", "o", "--data", self.data, "--batch", "1")
        self.succeed("quantize", "small.onnx", "-o", "sim.onnx", "--data", self.data)
        self.fail_with(4, "'layer3.0.bn1'", "reestimate", "sim.onnx", "-o", "o.onnx", "--data", self.data, "--batch", "1")

    def test_data_without_samples(self):
        self.quantize()
        program.write_npy(self.path("x.npy"), [0, 1, 8, 8], [])
        program.write_npy(self.path("y.npy"), [0], [], "<i8")
        for words in (["quantize", self.model], ["train", self.model], ["run", self.model], ["train", "sim.onnx"],
                      ["reestimate", "sim.onnx"]):
            self.fail_with(4, "x.npy", *words, "-o", "o.onnx", "--data", self.data)
        self.fail_with(4, "x.npy", "evaluate", self.model, "--data", self.data)

    def test_a_range_that_closes_is_told(self):
        self.quantize()
        code, _, err = self.run_program("train", "sim.onnx", "-o", "t.onnx", "--data", self.data, *self.train, "--epochs", "4",
                                        "--encoding-lr", "1000", "--lr", "0.001")
        self.assertEqual(code, 0, err)
        self.assertRegex(err, r"after step \d+ the range of '.*' is closed")

    def test_the_same_bits_twice_in_a_row(self):
        self.quantize()
        for compute in ("int8", "float"):
            common = ["--compute", compute, "--seed", "5", "--batch", "16", "--data", self.data]
            for threads in ("1", "3"):
                for name in ("a", "b"):
                    self.succeed("train", "sim.onnx", "-o", f"t{name}.onnx", "--steps", "4", "--threads", threads, *common, "--force")
                    self.succeed("reestimate", "ta.onnx", "-o", f"r{name}.onnx", "--threads", threads, *common, "--force")
                    self.succeed("run", self.model, "-o", f"o{name}", "--steps", "2", "--threads", threads, *common, "--force")
                for one, other in (("ta.onnx", "tb.onnx"), ("ra.onnx", "rb.onnx"), ("oa/folded.onnx", "ob/folded.onnx"),
                                   ("oa/model.encodings", "ob/model.encodings"), ("oa/model_qdq.onnx", "ob/model_qdq.onnx")):
                    self.assertEqual(self.read(one), self.read(other), f"{one}, {compute}, {threads} threads")

    def test_other_threads_agree_to_rounding(self):
        self.quantize()
        self.succeed("train", "sim.onnx", "-o", "trained.onnx", "--data", self.data, "--batch", "16", "--steps", "2", "--threads", "1")
        found = []
        for n in ("1", "2", "3", "5"):
            common = ["--data", self.data, "--batch", "16", "--compute", "float", "--threads", n]
            trained = self.document("train", self.model, "-o", f"{n}.onnx", "--steps", "4", *common)
            again = self.document("reestimate", "trained.onnx", "-o", f"r{n}.onnx", *common)
            run = self.document("run", self.model, "-o", f"o{n}", "--steps", "2", "--val", self.data, *common)
            found.append([trained["last_loss"], *again["layers"][0]["mean_after"], *again["layers"][-1]["var_after"],
                          run["steps"][1]["loss"]])
        for one in found[1:]:
            for a, b in zip(found[0], one):
                self.assertAlmostEqual(a, b, delta=1e-4 * max(1, abs(a)))


program.main()
