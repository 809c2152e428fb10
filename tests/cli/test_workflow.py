"""The steps one by one and all in one, on a tiny network: files, JSON, exit codes, determinism, interruption."""
import json
import os
import signal
import time

import program

STEPS = ["fp32", "quantize", "train", "reestimate", "fold", "export"]
FILES = ["quantized.onnx", "trained.onnx", "reestimated.onnx", "folded.onnx", "model.onnx", "model.encodings",
         "model_qdq.onnx"]
TOLD = ["report.html", "report.json", "summary.json"]  # with seconds in them


class Workflow(program.ProgramTest):
    def walk(self):
        """All five steps by their own commands."""
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "1.onnx", "--data", data, "--param-bw", "4")
        self.succeed("train", "1.onnx", "-o", "2.onnx", "--data", data, "--batch", "16", "--epochs", "1")
        self.succeed("reestimate", "2.onnx", "-o", "3.onnx", "--data", data, "--batch", "16")
        self.succeed("fold", "3.onnx", "-o", "4.onnx")
        self.succeed("export", "4.onnx", "-o", "exported")
        return data

    def test_every_step_has_its_document(self):
        model, data = self.tiny_model(), self.tiny_data()
        found = self.document("inspect", model)
        self.assertEqual(found["inputs"][0]["shape"][1:], [1, 8, 8])
        self.assertEqual(found["operators"]["BatchNormalization"], len(found["batch_norms"]))
        self.assertTrue(all((bn["folds_into"] is None) != (bn["reason"] is None) for bn in found["batch_norms"]))

        found = self.document("quantize", model, "-o", "1.onnx", "--data", data, "--param-bw", "4")
        self.assertEqual((found["state"], found["samples"], found["file"]), ("calibrated", 48, "1.onnx"))

        found = self.document("train", "1.onnx", "-o", "2.onnx", "--data", data, "--batch", "16", "--val", data)
        self.assertEqual((found["state"], found["steps"], found["interrupted"]), ("trained", 3, False))
        self.assertEqual(found["validation"]["samples"], 48)

        found = self.document("reestimate", "2.onnx", "-o", "3.onnx", "--data", data, "--batch", "16")
        self.assertEqual((found["batches"], found["estimator"]), (3, "mean-of-batches"))
        for layer in found["layers"]:
            self.assertEqual(len({len(layer[k]) for k in ("mean_before", "mean_after", "var_before", "var_after")}), 1)

        found = self.document("fold", "3.onnx", "-o", "4.onnx")
        self.assertTrue(found["folded"])
        self.assertEqual({layer["max_code_difference"] for layer in found["folded"]}, {0})
        self.assertEqual(found["refused"], [])

        found = self.document("export", "4.onnx", "-o", "exported")
        self.assertEqual(sorted(os.path.basename(f) for f in found["files"]),
                         ["model.encodings", "model.onnx", "model_qdq.onnx"])

        found = self.document("evaluate", "exported/model_qdq.onnx", "--data", data)
        self.assertEqual((found["samples"], found["top5"]), (48, None))

    def test_export_lists_what_stays_float(self):
        self.walk()
        floats = self.document("export", "4.onnx", "-o", "listed")["float"]
        text = self.succeed("export", "4.onnx", "-o", "verbose", "-v")
        self.assertTrue(floats)
        self.assertEqual([line[8:] for line in text.splitlines() if line.startswith("  float ")], floats)
        self.assertIn(f"{len(floats)} float (--verbose lists them)", self.succeed("export", "4.onnx", "-o", "short"))

    def test_encodings_lie_on_their_grid(self):
        self.walk()
        found = self.document("encodings", "4.onnx")
        self.assertEqual(found["state"], "folded")
        self.assertEqual({q["bitwidth"] for q in found["quantizers"] if q["kind"] == "param" and q["enabled"]}, {4})
        for q in found["quantizers"]:
            count = len(q["scale"])
            self.assertTrue(len(q["min"]) == len(q["max"]) == len(q["offset"]) == count)
            self.assertTrue(count == 1 or q["axis"] is not None)
            if q["enabled"]:
                self.assertTrue(count >= 1 and all(s > 0 for s in q["scale"]) and all(o <= 0 for o in q["offset"]))
            if q["enabled"] and q["kind"] == "param":  # 4 bits, symmetric: scale = max / 7 in float32, to the last bit
                self.assertEqual([program.float32(program.float32(m) / 7) for m in q["max"]], q["scale"])

    def test_encodings_that_were_written_are_loaded_again(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "1.onnx", "--data", data, "--param-bw", "4")
        self.succeed("export", "1.onnx", "-o", "exported")
        found = self.document("quantize", model, "-o", "2.onnx", "--load-encodings", "exported/model.encodings",
                              "--param-bw", "4")
        self.assertEqual((found["state"], found["samples"], found["missing"]), ("calibrated", 0, []))
        self.succeed("export", "2.onnx", "-o", "again")
        with open(self.path("exported/model.encodings"), "rb") as a, open(self.path("again/model.encodings"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_what_encodings_lack_is_calibrated_or_switched_off(self):
        model, data = self.tiny_model(), self.tiny_data()
        entry = {"bitwidth": 8, "dtype": "int", "is_symmetric": "False", "min": -1.0, "max": 1.0}
        name = self.document("inspect", model)["inputs"][0]["name"]
        with open(self.path("one.encodings"), "w") as f:
            json.dump({"version": "0.6.1", "activation_encodings": {name: [entry]}, "param_encodings": {}}, f)
        load = ("quantize", model, "--load-encodings", "one.encodings", "-o")
        self.fail_with(2, "--no-partial", *load, "1.onnx")
        self.fail_with(2, "--load-encodings", "quantize", model, "-o", "1.onnx", "--data", data, "--freeze")
        self.assertGreater(self.document(*load, "1.onnx", "--data", data)["enabled"], 1)
        self.assertEqual(self.document(*load, "2.onnx", "--no-partial")["enabled"], 1)

    def test_run_makes_what_the_single_commands_make(self):
        data = self.walk()
        self.succeed("run", "model.onnx", "-o", "out", "--data", data, "--param-bw", "4", "--batch", "16", "--epochs", "1",
                     "--calibration-samples", "1024")
        for single, whole in (("2.onnx", "trained.onnx"), ("4.onnx", "folded.onnx"),
                              ("exported/model.encodings", "model.encodings")):
            with open(self.path(single), "rb") as a, open(self.path(f"out/{whole}"), "rb") as b:
                self.assertEqual(a.read(), b.read(), f"{single} and out/{whole} differ")

    def test_run_writes_everything_and_tells_it(self):
        model, data = self.tiny_model(), self.tiny_data()
        out = self.succeed("run", model, "-o", "out/", "--data", data, "--val", data, "--batch", "16", "--epochs", "2")
        self.assertEqual(sorted(os.listdir(self.path("out"))), sorted(FILES + TOLD))
        self.assertEqual([line.split()[0] for line in out.splitlines()[1:7]], STEPS)
        with open(self.path("out/summary.json")) as file:
            summary = json.load(file)
        self.assertEqual((summary["schema"], summary["command"], summary["model"]), (1, "run", model))
        self.assertEqual([step["step"] for step in summary["steps"]], STEPS)
        self.assertEqual(summary["options"]["epochs"], 2)
        for step in summary["steps"]:
            self.assertTrue(0 <= step["top1"] <= 100 and step["loss"] > 0 and step["seconds"] >= 0)
            self.assertTrue(os.path.exists(self.path(step["file"])), step["file"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["model.onnx", "out", "x.npy", "y.npy"])

    def test_two_runs_are_identical(self):
        model, data = self.tiny_model(), self.tiny_data()
        for out in ("a", "b"):
            self.succeed("run", model, "-o", out, "--data", data, "--batch", "16", "--epochs", "1", "--seed", "3")
        for name in FILES:
            with open(self.path(f"a/{name}"), "rb") as a, open(self.path(f"b/{name}"), "rb") as b:
                self.assertEqual(a.read(), b.read(), name)

    def test_training_can_be_left_out(self):
        model, data = self.tiny_model(), self.tiny_data()
        found = self.document("run", model, "-o", "out", "--data", data, "--epochs", "0")
        self.assertEqual([step["step"] for step in found["steps"]], [s for s in STEPS if s != "train"])
        self.assertIsNone(found["steps"][0]["top1"])
        self.assertFalse(os.path.exists(self.path("out/trained.onnx")))

    def test_a_model_without_bn_goes_through_and_says_so(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("fold", model, "-o", "fused.onnx", "--to", "weight")
        code, out, err = self.run_program("run", "fused.onnx", "-o", "out", "--data", data, "--batch", "16", "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual([step["step"] for step in json.loads(out)["steps"]], STEPS)
        self.assertIn("warning: 'fused.onnx' has no BatchNormalization", err)
        self.assertIn("quantize and train work", err)

    def test_force_overwrites_and_keeps_other_files(self):
        model, data = self.tiny_model(), self.tiny_data()
        os.makedirs(self.path("out"))
        open(self.path("out/mine.txt"), "w").close()
        self.succeed("run", model, "-o", "out", "--data", data, "--epochs", "0", "--force")
        self.assertIn("mine.txt", os.listdir(self.path("out")))
        self.assertIn("summary.json", os.listdir(self.path("out")))

    def test_a_gate_that_is_missed_exits_with_5(self):
        model, data = self.tiny_model(), self.tiny_data()
        code, out, err = self.run_program("evaluate", model, "--data", data, "--min-top1", "100", "--json")
        self.assertEqual((code, json.loads(out)["samples"]), (5, 48))
        self.assertIn("--min-top1", err)
        self.succeed("evaluate", model, "--data", data, "--min-top1", "0")

    def test_a_fold_that_is_refused_writes_nothing(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data, "--config", "default")
        code, out, err = self.run_program("fold", "sim.onnx", "-o", "folded.onnx", "--json", "-q")
        self.assertEqual((code, err.count("refold: error: ")), (1, 1))
        self.assertTrue(all("per-channel" in refusal["reason"] for refusal in json.loads(out)["refused"]))
        self.assertFalse(os.path.exists(self.path("folded.onnx")))
        self.fail_with(1, "per-channel", "run", model, "-o", "out", "--data", data, "--config", "default")

    def test_a_plain_model_folds_into_its_weights(self):
        model, _ = self.tiny_model(), self.tiny_data()
        found = self.document("fold", model, "-o", "folded.onnx", "--to", "weight")
        self.assertTrue(found["folded"])
        for name in (model, "folded.onnx"):
            self.succeed("infer", name, "--input", "x.npy", "--output", f"{name}.npy")
        a, b = (program.read_npy(self.path(f"{name}.npy"))[1] for name in (model, "folded.onnx"))
        self.assertLess(max(abs(x - y) for x, y in zip(a, b)), 1e-4 * max(1.0, max(map(abs, a))))
        self.assertNotIn("BatchNormalization", self.document("inspect", "folded.onnx")["operators"])

    def test_arrays_may_lie_channels_last(self):
        model = self.tiny_model()
        program.write_npy(self.path("x.npy"), [3, 1, 8, 8], program.images(3))
        program.write_npy(self.path("z.npy"), [3, 8, 8, 1], program.images(3))
        found = self.document("infer", model, "--input", "x.npy", "--output", "a.npy")
        self.assertEqual((found["samples"], found["outputs"][0]["shape"]), (3, [3, 3]))
        self.succeed("infer", model, "--input", "z.npy", "--output", "b.npy", "--input-layout", "nhwc")
        self.assertEqual(program.read_npy(self.path("a.npy")), program.read_npy(self.path("b.npy")))

    def test_outputs_of_a_simulation_keep_the_models_names(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data)
        a, b = (self.document("infer", name, "--input", "x.npy", "--output", f"{name}.npy")["outputs"][0]["name"]
                for name in (model, "sim.onnx"))
        self.assertEqual(a, b)
        self.succeed("infer", "sim.onnx", "--input", "x.npy", "--output", f"{a}=named.npy")
        self.fail_with(2, "expected NAME=FILE", "infer", model, "--input", "x.npy", "--output", "p.npy", "--output", "q.npy")

    def test_a_log_holds_a_json_object_a_line(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("train", model, "-o", "trained.onnx", "--data", data, "--log", "log.jsonl", "-q")
        with open(self.path("log.jsonl")) as file:
            events = [json.loads(line) for line in file]
        self.assertTrue(events)
        self.assertEqual({event["command"] for event in events}, {"train"})

    def training_has_begun(self):
        if not os.path.exists(self.path("log.jsonl")):
            return False
        with open(self.path("log.jsonl")) as file:
            return '"task": "train"' in file.read()

    def interrupt(self, *words, number=signal.SIGINT):
        """Start, wait until training reports, press Ctrl-C."""
        process = self.start(*words, "--log", "log.jsonl")
        for _ in range(400):
            time.sleep(0.05)
            if self.training_has_begun():
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        return out, err

    def test_ctrl_c_keeps_what_was_learned(self):
        model, data = self.tiny_model(), self.tiny_data()
        _, err = self.interrupt("train", model, "-o", "t.onnx", "--data", data, "--epochs", "100000", "--batch", "16")
        self.assertIn("interrupted after", err)
        self.succeed("inspect", "t.onnx")

    def test_ctrl_c_with_a_checkpoint_can_be_resumed(self):
        model, data = self.tiny_model(), self.tiny_data()
        words = ["train", model, "-o", "t.onnx", "--data", data, "--batch", "16", "--checkpoint", "c.safetensors"]
        self.interrupt(*words, "--epochs", "100000")
        self.assertFalse(os.path.exists(self.path("t.onnx")))
        self.assertTrue(os.path.exists(self.path("c.safetensors")))
        self.fail_with(1, "c.safetensors' exists", *words)

    def test_a_request_to_terminate_is_ctrl_c(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.interrupt("train", model, "-o", "t.onnx", "--data", data, "--epochs", "100000", number=signal.SIGTERM)
        self.succeed("inspect", "t.onnx")

    def test_a_training_that_was_killed_resumes_to_the_same_file(self):
        model, data = self.tiny_model(), self.tiny_data()
        words = ["train", model, "--data", data, "--batch", "16", "--epochs", "20", "--seed", "4", "--threads", "2"]
        self.succeed(*words, "-o", "whole.onnx")
        words += ["--checkpoint", "c", "--checkpoint-every", "1"]
        process = self.start(*words, "-o", "rest.onnx")
        while not os.path.exists(self.path("c")):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=60)
        self.assertFalse(os.path.exists(self.path("rest.onnx")))
        self.succeed(*words, "-o", "rest.onnx", "--resume")
        with open(self.path("whole.onnx"), "rb") as a, open(self.path("rest.onnx"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_ctrl_c_in_the_other_steps_leaves_nothing(self):
        model, data = self.tiny_model(), self.tiny_data(3000)
        for words in (["quantize", model, "-o", "q.onnx", "--calibration-samples", "3000"], ["evaluate", model],
                      ["reestimate", model, "-o", "r.onnx", "--batches", "100000", "--batch", "2"]):
            words += [] if "--batch" in words else ["--batch", "1"]
            process = self.start(*words, "--data", data, "--log", "log.jsonl")
            while not os.path.exists(self.path("log.jsonl")):
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            err = process.communicate(timeout=60)[1]
            self.assertEqual((process.returncode, err), (130, "refold: error: interrupted\n"))
            os.unlink(self.path("log.jsonl"))
            self.assertEqual(sorted(os.listdir(self.folder)), ["model.onnx", "x.npy", "y.npy"])

    def test_ctrl_c_during_run_keeps_what_was_trained(self):
        model, data = self.tiny_model(), self.tiny_data()
        words = ["run", model, "-o", "out", "--data", data, "--epochs", "100000", "--batch", "16"]
        _, err = self.interrupt(*words)
        self.assertIn("--resume continues from 'out.partial/checkpoint.safetensors'", err)
        self.assertEqual(sorted(os.listdir(self.folder)), ["log.jsonl", "model.onnx", "out.partial", "x.npy", "y.npy"])
        os.unlink(self.path("log.jsonl"))
        self.interrupt(*words, "--checkpoint", "c", "--force")  # of the user's own: it and its curves stay
        left = [name for name in sorted(os.listdir(self.folder)) if name != "c.1"]  # the one before, where there were two
        self.assertEqual(left, ["c", "c.curves", "log.jsonl", "model.onnx", "x.npy", "y.npy"])


program.main()
