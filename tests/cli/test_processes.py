"""Several processes under mpirun: the results of one, faults that name their rank, checkpoints for any number."""
import os
import shutil
import signal
import subprocess
import time
import unittest

import program

MPIRUN = shutil.which("mpirun")
AS_ROOT = ["--allow-run-as-root"] if os.geteuid() == 0 else []


@unittest.skipUnless(MPIRUN, "mpirun is missing: package openmpi-bin")
class Processes(program.ProgramTest):
    def command(self, ranks, *words):
        return [MPIRUN, *AS_ROOT, "--oversubscribe", "-np", str(ranks), *words]

    def launch(self, ranks, *words):
        environment = dict(os.environ, OMP_WAIT_POLICY="passive", TERM="dumb")
        return subprocess.Popen(self.command(ranks, program.REFOLD, *words, "--threads", "1"), cwd=self.folder,
                                env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ranks(self, ranks, *words):
        """Output of rank 0, which alone may print."""
        process = self.launch(ranks, *words)
        out, err = process.communicate(timeout=program.PATIENCE)
        self.assertEqual(process.returncode, 0, f"{ranks} ranks, refold {' '.join(words)}: {err}")
        return out

    def same(self, one, other):
        with open(self.path(one), "rb") as a, open(self.path(other), "rb") as b:
            self.assertEqual(a.read(), b.read(), f"'{one}' and '{other}' differ")

    def quantized(self, name="q.onnx"):
        self.succeed("quantize", self.tiny_model(), "-o", name, "--data", self.tiny_data(50), "--param-bw", "4")
        return name

    def test_calibration_reestimation_and_evaluation_give_the_bits_of_one_process(self):
        model, data = self.tiny_model(), self.tiny_data(50)
        for scheme in ("tf-init", "tf-enhanced-init", "percentile:99.5"):
            for n in (1, 2, 3):
                self.ranks(n, "quantize", model, "-o", f"q{n}", "--data", data, "--batch", "7", "--scheme", scheme,
                           "--force")
            self.same("q2", "q1")
            self.same("q3", "q1")
        for n in (1, 2, 3):
            self.ranks(n, "reestimate", "q1", "-o", f"r{n}", "--data", data, "--batch", "8", "--batches", "5")
            found = self.ranks(n, "evaluate", f"r{n}", "--data", data, "--batch", "8", "--json")
            self.assertEqual(found.count('"top1"'), 1, "one rank prints")
            line = [text for text in found.splitlines() if '"loss"' in text or '"top1"' in text]
            self.assertEqual(line, self.first if n > 1 else line)
            self.first = line
        self.same("r2", "r1")
        self.same("r3", "r1")

    def test_more_ranks_than_batches(self):
        data = self.tiny_data(50)
        self.quantized()
        for n in (1, 3):
            self.ranks(n, "reestimate", "q.onnx", "-o", f"r{n}", "--data", data, "--batch", "40", "--batches", "1")
        self.same("r3", "r1")

    def losses(self, ranks, *words, model="q.onnx"):
        out = self.ranks(ranks, "train", model, "-o", f"t{ranks}", "--data", self.tiny_data(52), "--batch", "12",
                         "--epochs", "2", "--lr", "0.05", "--json", "--force", *words)
        return [float(line.split(":")[1].rstrip(",")) for line in out.splitlines() if "_loss" in line]

    def test_with_sync_bn_training_takes_the_steps_of_one_process(self):
        """In float: between the grid points of 4 bits a rounding error may become a whole step."""
        self.quantized()
        expected = self.losses(1, "--sync-bn", model="model.onnx")
        self.assertGreater(expected[0] - expected[1], 0.1)
        for n in (2, 3):
            for found, wanted in zip(self.losses(n, "--sync-bn", model="model.onnx"), expected):
                self.assertAlmostEqual(found, wanted, delta=1e-5 * wanted)
            self.assertNotAlmostEqual(self.losses(n, model="model.onnx")[1], expected[1], delta=1e-5 * expected[1])

    def test_the_same_number_of_ranks_gives_the_same_bits(self):
        self.quantized()
        self.losses(3)
        shutil.copy(self.path("t3"), self.path("first"))
        self.losses(3)
        self.same("t3", "first")

    def test_a_checkpoint_of_some_ranks_resumes_on_others(self):
        self.quantized()
        common = ["--sync-bn", "--checkpoint", "c"]
        whole = self.losses(2, "--sync-bn", "--steps", "6", model="model.onnx")
        self.losses(3, *common, "--steps", "3", model="model.onnx")
        resumed = self.losses(2, *common, "--steps", "6", "--resume", model="model.onnx")
        for found, wanted in zip(resumed, whole):
            self.assertAlmostEqual(found, wanted, delta=1e-5 * wanted)

    def test_run_writes_one_folder(self):
        model, data = self.tiny_model(), self.tiny_data(50)
        self.ranks(2, "run", model, "-o", "out", "--data", data, "--val", data, "--batch", "10", "--steps", "2")
        self.assertEqual(sorted(os.listdir(self.folder)), ["model.onnx", "out", "x.npy", "y.npy"])
        self.assertIn("summary.json", os.listdir(self.path("out")))

    def test_commands_that_do_not_compute_together_are_rank_0s(self):
        self.assertEqual(self.ranks(3, "inspect", self.tiny_model()).count("BatchNormalization"),
                         self.succeed("inspect", "model.onnx").count("BatchNormalization"))

    def test_a_rank_without_its_data_stops_all_and_says_which(self):
        script = ('if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then cd /; fi; exec "$0" evaluate "$1" --data npy:x.npy,y.npy')
        model = self.path(self.tiny_model())
        self.tiny_data(50)
        done = subprocess.run(self.command(2, "sh", "-c", script, program.REFOLD, model), cwd=self.folder, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("error: rank 1: cannot open 'x.npy'", done.stderr)

    def test_a_batch_too_small_for_the_ranks_is_refused(self):
        self.quantized()
        process = self.launch(3, "train", "q.onnx", "-o", "t", "--data", self.tiny_data(50), "--batch", "4")
        err = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("a batch of 4 is too small for 3 processes", err)

    def children(self, launcher):
        """Process of each rank, found by what mpirun gave it to see."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    seen = dict(item.split(b"=", 1) for item in file.read().split(b"\0") if b"=" in item)
                with open(f"/proc/{entry}/cwd/x.npy", "rb"):
                    mine = os.path.samefile(f"/proc/{entry}/cwd", self.folder)
            except OSError:
                continue
            if mine and b"OMPI_COMM_WORLD_RANK" in seen:
                found[int(seen[b"OMPI_COMM_WORLD_RANK"])] = int(entry)
        return found

    def long_training(self):
        process = self.launch(2, "train", "q.onnx", "-o", "t", "--data", self.tiny_data(50), "--batch", "10",
                              "--epochs", "100000", "--checkpoint", "c", "--checkpoint-every", "3",
                              "--mpi-timeout", "2", "-q")
        until = time.time() + 60
        while not os.path.exists(self.path("c")) and time.time() < until:
            time.sleep(0.05)
        return process, self.children(process)

    def resumes(self):
        self.assertNotEqual(self.ranks(2, "train", "q.onnx", "-o", "t", "--data", self.tiny_data(50), "--batch", "10",
                                       "--steps", "1", "--checkpoint", "c", "--resume"), "")

    def test_a_rank_that_hangs_is_named_and_the_checkpoint_resumes(self):
        self.quantized()
        process, ranks = self.long_training()
        os.kill(ranks[1], signal.SIGSTOP)
        err = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("rank 1 of 2 has not answered for 2 s", err)
        self.resumes()

    def test_a_rank_that_dies_ends_the_job_and_the_checkpoint_resumes(self):
        self.quantized()
        process, ranks = self.long_training()
        os.kill(ranks[1], signal.SIGKILL)
        err = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("rank 1", err)
        self.resumes()

    def test_ctrl_c_stops_all_at_the_same_step(self):
        self.quantized()
        process, _ = self.long_training()
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        self.assertEqual(err.count("--resume continues from 'c'"), 1, err)
        self.resumes()


program.main()
