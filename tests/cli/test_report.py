"""refold report and what training tells: the page, its document, event files, and lines of the log."""
import glob
import json
import os
import struct

import program


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


def fields(data):
    """(number, value) of a protobuf message; values are integers, or the bytes of what is longer."""
    at, found = 0, []

    def take():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        key = take()
        if key & 7 == 0:
            found.append((key >> 3, take()))
        else:
            length = {1: 8, 5: 4}.get(key & 7) or take()
            found.append((key >> 3, data[at:at + length]))
            at += length
    return found


def scalars(folder):
    """{tag: [(step, value)]} of the only event file, whose checksums are proven on the way."""
    (path,) = glob.glob(os.path.join(folder, "*tfevents*"))
    with open(path, "rb") as file:
        raw = file.read()
    at, curves, versions = 0, {}, []
    while at < len(raw):
        (length,) = struct.unpack_from("<Q", raw, at)
        data = raw[at + 12:at + 12 + length]
        assert struct.unpack_from("<I", raw, at + 8)[0] == masked(raw[at:at + 8])
        assert struct.unpack_from("<I", raw, at + 12 + length)[0] == masked(data)
        at += 16 + length
        event = dict(fields(data))
        versions += [event[3]] if 3 in event else []
        for _, value in fields(event.get(5, b"")):
            value = dict(fields(value))
            curves.setdefault(value[1].decode(), []).append((event.get(2, 0), struct.unpack("<f", value[2])[0]))
    assert versions == [b"brain.Event:2"]
    return curves


def rounded(value):
    """A document with its numbers as reports have them, in nine digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


class Report(program.ProgramTest):
    def run_it(self, *more):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("run", model, "--data", data, "--val", data, "--param-bw", "4", "--epochs", "2", "--batch", "16", "-o", "out",
                     *more)
        return data

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def test_a_run_writes_its_report(self):
        self.run_it()
        document, page = json.loads(self.read("out/report.json")), self.read("out/report.html")
        self.assertEqual((document["schema"], document["command"], document["title"]), (1, "report", "model.onnx"))
        self.assertEqual(document["run"], rounded(json.loads(self.read("out/summary.json"))))
        self.assertIn(self.read("out/report.json").strip(), page)
        for outside in ("http://", "src=", "@import"):
            self.assertNotIn(outside, page.split("<script>")[0])
        for licence in ("Chart.js Contributors", "Jukka Kurkela"):
            self.assertIn(licence, page)
        curve = document["run"]["training"]["curve"]
        self.assertEqual(curve["step"], [1, 2, 3, 4, 5, 6])
        self.assertEqual({len(curve[key]) for key in ("loss", "top1", "lr")}, {6})
        self.assertEqual([e["step"] for e in document["run"]["training"]["epochs"]], [3, 6])
        trained = [p["changed"] for p in document["params"] if p["enabled"]]
        self.assertTrue(all(0 <= share <= 1 for share in trained) and any(trained))
        self.assertTrue(all(bn["mean_before"] != bn["mean_after"] for bn in document["batch_norms"]))
        self.assertTrue(all(p["codes_before"] for p in document["params"] if p["enabled"]))
        self.assertTrue(document["errors"]["before"]["tensors"] and document["errors"]["after"]["tensors"])

    def test_the_report_of_a_folder_is_the_same_again(self):
        data = self.run_it()
        self.assertEqual(self.succeed("report", "out", "-o", "again.html").strip(), "again.html")
        self.assertEqual(self.read("again.html"), self.read("out/report.html"))
        measured = self.document("report", "out", "-o", "measured.html", "--data", data, "--samples", "16")
        self.assertEqual(measured["errors"]["after"]["samples"], 16)
        os.remove(self.path("out/report.json"))
        self.assertIsNone(self.document("report", "out", "-o", "less.html")["errors"])

    def test_sensitivity_is_in_the_report(self):
        data = self.run_it()
        self.assertIsNone(json.loads(self.read("out/report.json"))["analysis"])
        self.succeed("analyze", "out/quantized.onnx", "--data", data, "-o", "out/analyze.json")
        found = rounded(json.loads(self.read("out/analyze.json")))
        self.assertEqual(self.document("report", "out", "-o", "found.html")["analysis"], found)
        self.succeed("analyze", "out/folded.onnx", "--data", data, "-o", "other.json")
        self.assertEqual(self.document("report", "out", "-o", "other.html", "--analyze", "other.json")["analysis"]["state"], "folded")
        single = self.document("report", "out/folded.onnx", "-o", "single.html", "--analyze", "other.json")
        self.assertEqual(single["analysis"]["state"], "folded")
        self.fail_with(4, "command 'run'; expected 'analyze'", "report", "out", "-o", "r.html", "--analyze", "out/summary.json")
        self.fail_with(4, "cannot read 'none.json'", "report", "out", "-o", "r.html", "--analyze", "none.json")
        self.fail_with(1, "is an input itself", "report", "out", "-o", "other.json", "--analyze", "other.json", "--force")

    def test_every_state_has_a_report(self):
        self.run_it()
        for name in ("quantized", "trained", "reestimated", "folded"):
            document = self.document("report", f"out/{name}.onnx", "-o", f"{name}.html")
            self.assertEqual(document["title"], f"{name}.onnx")
            self.assertIsNone(document["run"])
            self.assertTrue(document["params"])

    def test_what_is_no_run_is_refused(self):
        os.mkdir(self.path("empty"))
        self.fail_with(3, "no simulation lies in 'empty'", "report", "empty", "-o", "r.html")
        self.tiny_model()
        self.fail_with(1, "plain model", "report", "model.onnx", "-o", "r.html")
        self.succeed("quantize", "model.onnx", "-o", "sim.onnx", "--data", self.tiny_data())
        self.succeed("report", "sim.onnx", "-o", "r.html")
        self.fail_with(1, "--force", "report", "sim.onnx", "-o", "r.html")
        self.fail_with(1, "is an input itself", "report", "sim.onnx", "-o", "sim.onnx", "--force")

    def test_a_dashboard_can_follow(self):
        self.run_it("--tensorboard", "events", "--log", "log.jsonl")
        curves = scalars(self.path("events"))
        summary = json.loads(self.read("out/summary.json"))["training"]
        self.assertEqual(set(curves), {"train/loss", "train/top1", "train/lr", "epoch/loss", "epoch/top1", "validation/loss",
                                       "validation/top1"})
        for tag, key in (("train/loss", "loss"), ("train/top1", "top1"), ("train/lr", "lr")):
            self.assertEqual(curves[tag], list(zip(summary["curve"]["step"], map(program.float32, summary["curve"][key]))))
        self.assertEqual([step for step, _ in curves["validation/top1"]], [1, 2])
        lines = [json.loads(line) for line in self.read("log.jsonl").splitlines()]
        epochs = [line for line in lines if line["event"] == "epoch"]
        self.assertEqual([(e["epoch"], e["step"]) for e in epochs], [(1, 3), (2, 6)])
        self.assertEqual(epochs[1]["loss"], summary["epochs"][1]["loss"])
        self.assertEqual(epochs[1]["validation"]["top1"], summary["epochs"][1]["validation"]["top1"])
        self.assertIn("seconds_left", next(line for line in lines if line["event"] == "progress"))

    def test_train_alone_writes_events_too(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("train", model, "-o", "trained.onnx", "--data", data, "--batch", "16", "--steps", "4", "--tensorboard", "events")
        self.assertEqual([step for step, _ in scalars(self.path("events"))["train/loss"]], [1, 2, 3, 4])
        self.fail_with(1, "missing/events", "train", model, "-o", "t.onnx", "--data", data, "--tensorboard", "missing/events")


program.main()
