"""examples/quickstart.c: the whole workflow on a tiny network, and how it fails."""
import os
import sys
import subprocess

QUICKSTART = os.path.abspath(sys.argv.pop(2))
import program  # noqa: E402  takes the other argument


class Quickstart(program.ProgramTest):
    def quickstart(self, *words):
        environment = dict(os.environ, OMP_WAIT_POLICY="passive")
        return subprocess.run([QUICKSTART, *words], cwd=self.folder, env=environment, capture_output=True, text=True,
                              timeout=program.PATIENCE)

    def test_every_step_runs_and_the_exports_can_be_evaluated(self):
        model, data = self.tiny_model(), self.tiny_data()
        done = self.quickstart(model, data, "exported")
        self.assertEqual(done.returncode, 0, done.stderr)
        numbers = dict(line.split(None, 1) for line in done.stdout.splitlines() if " top-1 " in line)
        self.assertEqual(list(numbers), ["float", "calibrated", "trained", "reestimated", "folded"])
        self.assertNotEqual(numbers["calibrated"], numbers["trained"])
        self.assertNotEqual(numbers["trained"], numbers["reestimated"])
        folds = [line for line in done.stdout.splitlines() if "largest code difference" in line]
        self.assertTrue(folds and all(line.endswith("difference 0") for line in folds), done.stdout)
        found = self.document("evaluate", "exported/model_qdq.onnx", "--data", data)
        self.assertEqual(found["samples"], 48)

    def test_a_failure_gives_one_line_and_the_exit_code(self):
        done = self.quickstart(self.tiny_model(), "npy:missing.npy", "exported")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
        self.assertIn("missing.npy", done.stderr)
        self.assertFalse(os.path.exists(self.path("exported")))


program.main()
