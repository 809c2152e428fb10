"""refold compare and inspect: what they say about simulations, QDQ models, and models that cannot run."""
import os
import shutil

import program

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../demo")


class Compare(program.ProgramTest):
    def walk(self):
        """model.onnx, and its simulation calibrated, folded and exported."""
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "1.onnx", "--data", data)
        self.succeed("fold", "1.onnx", "-o", "4.onnx")
        self.succeed("export", "4.onnx", "-o", "out")
        return data

    def test_a_model_equals_itself(self):
        model, data = self.tiny_model(), self.tiny_data()
        found = self.document("compare", model, model, "--data", data)
        self.assertEqual((found["samples"], found["top1_agreement"], found["first_difference"]), (48, 100, None))
        self.assertEqual([(o["max_abs"], o["max_rel"]) for o in found["outputs"]], [(0, 0)])
        self.assertGreater(len(found["tensors"]), 50)
        text = self.succeed("compare", model, model, "--input", "x.npy", "--samples", "7")
        self.assertRegex(text, r"samples +7\n")
        self.assertIn("agree within 0.0001", text)

    def test_quantization_shows_from_the_first_tensor_on(self):
        data = self.walk()
        found = self.document("compare", "model.onnx", "1.onnx", "--data", data)
        self.assertTrue(found["outputs"][0]["differs"])
        self.assertEqual(found["first_difference"], found["tensors"][0]["name"])
        self.assertTrue(all(t["sqnr_db"] is None or t["sqnr_db"] > -10 for t in found["tensors"]))
        loose = self.document("compare", "model.onnx", "1.onnx", "--data", data, "--tolerance", "1000")
        self.assertIsNone(loose["first_difference"])

    def test_the_exported_model_is_the_simulation(self):
        data = self.walk()
        found = self.document("compare", "4.onnx", "out/model_qdq.onnx", "--data", data)
        self.assertLess(found["outputs"][0]["max_rel"], 1e-2)  # a tie may fall to the other side
        self.assertTrue(any(t["in_b"].endswith("_dequantized") and t["in_a"].endswith("/quantized")
                            for t in found["tensors"]))
        short = self.document("compare", "4.onnx", "out/model_qdq.onnx", "--data", data, "--outputs-only")
        self.assertEqual((short["tensors"], short["outputs"]), ([], found["outputs"]))

    def test_two_models_and_one_kind_of_input(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.fail_with(2, "B is missing", "compare", model, "--data", data)
        self.fail_with(2, "two are enough", "compare", model, model, model, "--data", data)
        self.fail_with(2, "--data SPEC is missing, or --input", "compare", model, model)
        self.fail_with(2, "exclude each other", "compare", model, model, "--data", data, "--input", "x.npy")
        self.fail_with(3, "'none.onnx'", "compare", model, "none.onnx", "--data", data)

    def test_onnx_runtime_runs_the_export(self):
        if not shutil.which("node") or not os.path.isdir(os.path.join(DEMO, "node_modules/onnxruntime-node")):
            self.skipTest("ONNX Runtime is not installed (npm ci --ignore-scripts in demo/)")
        data = self.walk()
        os.environ["REFOLD_ORT"] = DEMO
        found = self.document("compare", "4.onnx", "out/model_qdq.onnx", "--data", data, "--runtime", "ort")
        self.assertEqual((found["samples"], found["runtime"]), (48, "ort"))
        self.assertLess(found["outputs"][0]["max_rel"], 0.05)  # some codes apart, by how it adds floats
        self.assertGreater(found["top1_agreement"], 90)
        self.assertGreater(len(found["tensors"]), 20)
        self.fail_with(1, "is a simulation", "compare", "model.onnx", "4.onnx", "--data", data, "--runtime", "ort")

    def test_onnx_runtime_that_is_not_there_is_told(self):
        model, data = self.tiny_model(), self.tiny_data()
        os.environ["REFOLD_ORT"] = self.folder
        path = os.environ["PATH"]
        os.environ["PATH"] = self.folder
        try:
            self.fail_with(1, "npm install", "compare", model, model, "--data", data, "--runtime", "ort")
        finally:
            os.environ["PATH"] = path


class Inspect(program.ProgramTest):
    def test_the_document_tells_what_would_be_quantized_and_how_much_it_takes(self):
        found = self.document("inspect", self.tiny_model(), "--batch", "4", "--param-bw", "3")
        quantizers = found["quantizers"]
        self.assertEqual(len(quantizers["list"]), quantizers["param"] + quantizers["activation"])
        self.assertEqual({q["bitwidth"] for q in quantizers["list"] if q["kind"] == "param"}, {3})
        memory = found["memory"]
        self.assertEqual(memory["batch"], 4)
        self.assertLess(memory["activation_bytes"], memory["infer_bytes"])
        self.assertLess(memory["infer_bytes"], memory["train_bytes"])
        self.assertGreater(min(memory["qat_bytes"], memory["reestimate_bytes"]), 0)

    def test_multiply_adds_are_the_well_known_ones(self):
        for name, billions in (("resnet18", 1.81), ("mobilenet_v2", 0.30)):
            self.succeed("zoo", name, "-o", "net.onnx", "--force")
            self.assertEqual(round(self.document("inspect", "net.onnx", "--batch", "1")["macs"] / 1e9, 2), billions)

    def test_every_line_fits_a_hundred_columns(self):
        for words in ((self.tiny_model(),), (self.tiny_model("again.onnx"), "--config", "default", "-v")):
            lines = self.succeed("inspect", *words).splitlines()
            self.assertEqual([line for line in lines if len(line) > 100], [])
            self.assertIn("advice", lines)

    def test_simulations_and_qdq_models_are_inspected(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "1.onnx", "--data", data, "--param-bw", "4")
        self.succeed("export", "1.onnx", "-o", "out")
        found = self.document("inspect", "1.onnx")
        self.assertEqual(found["state"], "calibrated")
        self.assertEqual({q["bitwidth"] for q in found["quantizers"]["list"] if q["kind"] == "param"}, {4})
        self.assertRegex(self.succeed("inspect", "1.onnx"), r"quantized +\d+ parameters \(4 bits\)")
        found = self.document("inspect", "out/model_qdq.onnx")
        self.assertEqual(found["quantizers"]["list"], [])
        self.assertTrue(any("QDQ" in advice for advice in found["advice"]))
        self.assertGreater(found["memory"]["infer_bytes"], 0)
        self.assertIsNone(found["memory"]["qat_bytes"])

    def test_a_model_that_cannot_run_is_inspected(self):
        program.write_model(self.path("odd.onnx"), "NoSuchOp")
        found = self.document("inspect", "odd.onnx")
        self.assertEqual(found["unsupported"], ["NoSuchOp (node 'the_node')"])
        self.assertIsNone(found["memory"]["infer_bytes"])


program.main()
