"""refold analyze: the table, the document, and what it needs."""
import json
import os

import program


class Analyze(program.ProgramTest):
    def bytes_of(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_the_document_has_every_layer_alone_and_left_out(self):
        model, data = self.tiny_model(), self.tiny_data()
        found = self.document("analyze", model, "--data", data, "--param-bw", "2", "--samples", "16")
        self.assertEqual((found["samples"], found["by"], found["state"]), (16, "top1", "calibrated"))
        self.assertEqual((found["fp32"]["agreement"], found["fp32"]["sqnr_db"]), (100, None))
        layers = {(row["layer"], row["kind"]) for row in found["layers"]}
        self.assertEqual(len(layers), len(found["layers"]))
        self.assertTrue(any(kind == "param" for _, kind in layers) and any(kind == "activation" for _, kind in layers))
        harms = [row["harm"] for row in found["layers"]]
        self.assertEqual(harms, sorted(harms, reverse=True))
        self.assertTrue(all(row["param_bw"] == 2 for row in found["layers"] if row["kind"] == "param"))
        enabled = self.document("inspect", model, "--param-bw", "2")["quantizers"]
        self.assertEqual(len(found["ranges"]), enabled["param"] + enabled["activation"])
        self.assertTrue(all(r["min"] <= r["max"] for r in found["ranges"]))
        self.assertTrue(all(t["mse"] >= 0 for t in found["tensors"]))

    def test_a_simulation_is_analyzed_as_it_is_and_not_changed(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "1.onnx", "--data", data, "--param-bw", "3")
        before = self.bytes_of("1.onnx")
        text = self.succeed("analyze", "1.onnx", "--data", data, "-o", "analyze.json")
        self.assertRegex(text, r"everything +[\d.]+ +[\d.]+ +[\d.]+ +[-\d.]+\n")
        self.assertRegex(text, r"and \d+ more \(--verbose lists all\)")
        self.assertEqual(self.bytes_of("1.onnx"), before)
        with open(self.path("analyze.json")) as file:
            saved = json.load(file)
        again = self.document("analyze", "1.onnx", "--data", data)
        for part in ("layers", "quantized", "ranges"):
            self.assertEqual(saved[part], again[part])

    def test_without_labels_noise_decides(self):
        model = self.tiny_model()
        self.tiny_data()
        found = self.document("analyze", model, "--data", "npy:x.npy", "--samples", "8")
        self.assertEqual((found["by"], found["fp32"]["top1"]), ("sqnr", None))
        noise = [row["only"]["sqnr_db"] for row in found["layers"] if row["only"]["sqnr_db"] is not None]
        self.assertEqual(noise, sorted(noise))
        self.fail_with(4, "needs labels", "analyze", model, "--data", "npy:x.npy", "--by", "top1")

    def test_nothing_is_overwritten_and_nothing_left(self):
        model, data = self.tiny_model(), self.tiny_data()
        with open(self.path("analyze.json"), "w") as file:
            file.write("mine")
        self.fail_with(1, "analyze.json", "analyze", model, "--data", data, "-o", "analyze.json")
        self.fail_with(2, "--data SPEC is missing", "analyze", model)
        self.assertFalse(os.path.exists(self.path("analyze.json.part")))


program.main()
