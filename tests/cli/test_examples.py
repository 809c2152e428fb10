"""examples/: own samples, a training loop of one's own, and the undoing of a re-estimation; how each fails."""
import os
import re
import subprocess
import sys

FOLDER = os.path.abspath(sys.argv.pop(2))
import program  # noqa: E402  takes the other argument


class Examples(program.ProgramTest):
    def example(self, name, *words):
        environment = dict(os.environ, OMP_WAIT_POLICY="passive")
        return subprocess.run([os.path.join(FOLDER, name), *words], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=program.PATIENCE)

    def output(self, name, *words):
        done = self.example(name, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_samples_come_from_a_function(self):
        out = self.output("custom_data", self.tiny_model(), "sim.onnx")
        self.assertRegex(out, r"64 samples, loss \d")
        self.assertEqual(self.document("encodings", "sim.onnx")["state"], "bn_reestimated")

    def test_a_loop_of_ones_own_learns(self):
        model, _ = self.tiny_model(), self.tiny_data()
        out = self.output("training_loop", model, "x.npy")
        first, last = map(float, re.findall(r"(\d+\.\d+)", out))
        self.assertLess(last, first / 2, out)

    def test_a_reestimation_that_makes_it_worse_is_undone(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("train", model, "-o", "trained.onnx", "--data", data, "--steps", "4", "--batch", "16")
        self.succeed("quantize", "trained.onnx", "-o", "sim.onnx", "--data", data)
        out = self.output("undo", "sim.onnx", data, "after.onnx")
        before, after = map(float, re.findall(r"loss (\d+\.\d+) before, (\d+\.\d+) after", out)[0])
        state = "calibrated" if after > before else "bn_reestimated"
        self.assertIn(f"state {state}", out)
        found = self.document("evaluate", "after.onnx", "--data", data, "--batch", "64")
        self.assertAlmostEqual(found["loss"], min(before, after), places=4)

    def test_failures_give_one_line(self):
        for name, words in (("custom_data", ("no.onnx", "o.onnx")), ("training_loop", ("no.onnx", "x.npy")),
                            ("undo", ("no.onnx", "npy:x.npy", "o.onnx"))):
            done = self.example(name, *words)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
            self.assertIn("no.onnx", done.stderr)
            self.assertEqual(self.example(name).returncode, 2)


program.main()
