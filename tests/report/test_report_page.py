"""The report in headless Chromium: it draws, sorts, hovers, fits a phone, has two themes, and runs nothing out of its data."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import program  # noqa: E402

SKIPPED = 77
MODULES = os.path.join(HERE, "../../src/report/page/vendor/node_modules")
# As long as the names they take the place of, so that the file stays a model.
HOSTILE = {b"layer1.0.conv1.weight": b"</script><script>1//x", b"layer1.0.conv2.weight": b"<img src=x onerror=1>"}


class ReportPage(program.ProgramTest):
    def hostile_model(self):
        self.tiny_model()
        with open(self.path("model.onnx"), "rb") as file:
            model = file.read()
        for name, text in HOSTILE.items():
            self.assertEqual(len(name), len(text))
            model = model.replace(name, text)
        name = "<b onclick=1>&amp;'\".onnx"
        with open(self.path(name), "wb") as file:
            file.write(model)
        return name

    def look(self, page, *words):
        """What tests/report/browser.mjs finds in a page."""
        done = subprocess.run(["node", os.path.join(HERE, "browser.mjs"), MODULES, self.path(page), *words],
                              capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_run_is_shown(self):
        model, data = self.hostile_model(), self.tiny_data()
        self.succeed("run", model, "--data", data, "--val", data, "--param-bw", "4", "--epochs", "2", "--batch", "16", "-o", "out")
        self.succeed("analyze", "out/quantized.onnx", "--data", data, "--by", "loss", "-o", "out/analyze.json")
        self.succeed("report", "out", "-o", "report.html")
        found = self.look("report.html")
        self.assertEqual(found["errors"], [])
        self.assertEqual(found["loaded"], 1, "a report loads nothing but itself")
        self.assertEqual(found["injected"], 0, "a name became markup")
        self.assertIn("<b onclick=1>&amp;'\".onnx", found["title"])
        self.assertEqual(found["empty"], [], "charts without data")
        self.assertGreaterEqual(found["charts"], 8)
        self.assertTrue({"Workflow", "Training", "BatchNorm", "Weights", "Activations", "Errors", "Sensitivity", "Size", "Options"} <= set(found["sections"]))
        self.assertTrue(found["worst_first"])
        self.assertTrue(found["sorted_up"] and found["sorted_down"])
        self.assertIn("code", found["tooltip"])
        self.assertTrue(found["detail_follows"])
        self.assertIn("all but", found["harm_tooltip"])
        self.assertTrue(found["kinds_differ"] and found["harm_first"])
        self.assertNotEqual(found["dark"], found["light"])
        self.assertNotEqual(found["toggled"], found["dark"])
        for width, overflow in found["overflow"].items():
            self.assertLessEqual(overflow, 0, f"the page scrolls sideways at {width} pixels")

    def test_a_single_simulation_is_shown(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data)
        self.succeed("analyze", "sim.onnx", "--data", data, "--by", "sqnr", "-o", "found.json")
        self.succeed("report", "sim.onnx", "--analyze", "found.json", "-o", "report.html")
        found = self.look("report.html")
        self.assertEqual((found["errors"], found["empty"]), ([], []))
        self.assertNotIn("Workflow", found["sections"])
        self.assertIn("Weights", found["sections"])
        self.assertIn("all but", found["harm_tooltip"])


if not shutil.which("node") or not os.path.isdir(os.path.join(MODULES, "playwright-core")) or not shutil.which("chromium"):
    print("skipped: needs Debian's chromium, Node.js, and 'npm ci' in src/report/page/vendor")
    sys.exit(SKIPPED)
program.main()
