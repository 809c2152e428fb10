"""Killed at 50 moments, a run comes to the same files; damaged checkpoints; what a killed program leaves behind."""
import json
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

import program

FAULTS = os.environ.get("REFOLD_FAULTS", "")
TOLD = {"summary.json", "report.html", "report.json"}  # seconds and img/s are in them
KILLS = int(os.environ.get("REFOLD_KILLS", "50"))


@unittest.skipUnless(FAULTS, "the library that injects faults is not built here (sanitizers)")
class Crashes(program.ProgramTest):
    def setUp(self):
        super().setUp()
        self.model, self.data = self.tiny_model(), self.tiny_data()
        self.words = ["run", self.model, "-o", "out", "--data", self.data, "--batch", "16", "--steps", "20", "--seed", "4",
                      "--threads", "1", "--calibration-samples", "16", "--batches", "1", "--checkpoint-every", "1", "-q"]

    def life(self, words, moment=None, seconds=None):
        """One start; killed at the moment-th call that reaches the disk, or after some seconds, or left alone. Whether it ended."""
        if moment:
            process = self.start(*words, environment=program.faults(FAULTS, "write", moment, "kill"))
        else:
            process = self.start(*words)
            time.sleep(seconds)
            process.kill()
        err = process.communicate(timeout=60)[1]
        self.assertIn(process.returncode, (0, -signal.SIGKILL), err)
        return process.returncode == 0 or os.path.isdir(self.path("out"))  # which appears when all is done

    def same(self, one, other, names):
        for name in names:
            with open(self.path(f"{one}/{name}"), "rb") as a, open(self.path(f"{other}/{name}"), "rb") as b:
                self.assertEqual(a.read(), b.read(), name)

    def curve(self, folder):
        with open(self.path(f"{folder}/summary.json")) as file:
            return json.load(file)["training"]["curve"]

    def test_a_run_killed_at_50_moments_gives_the_same_files(self):
        start = time.monotonic()
        self.succeed(*self.words)
        length = time.monotonic() - start
        shutil.move(self.path("out"), self.path("whole"))
        chance = random.Random(11)
        kills, ended = 0, True
        while kills < KILLS or not ended:
            words = self.words if ended else self.words + ["--resume"]
            if ended:
                shutil.rmtree(self.path("out"), ignore_errors=True)
            if kills == KILLS:
                self.succeed(*words)
                ended = True
            elif kills % 2:
                ended = self.life(words, moment=chance.randint(1, 2000))
            else:
                ended = self.life(words, seconds=chance.uniform(0.0, length))
            kills += not ended
            if ended:
                self.same("whole", "out", sorted(set(os.listdir(self.path("whole"))) - TOLD))
                self.assertEqual(self.curve("whole"), self.curve("out"))
                self.assertEqual(sorted(os.listdir(self.folder)), ["model.onnx", "out", "whole", "x.npy", "y.npy"])
        self.assertEqual(sorted(os.listdir(self.path("out"))), sorted(os.listdir(self.path("whole"))))

    def test_a_run_into_an_existing_folder_replaces_it_whole(self):
        """Killed among the last calls that reach the disk: the files are all old ones or all new ones."""
        words = [*self.words, "--steps", "1"]
        self.succeed(*words, "--seed", "5")
        with open(self.path("out/notes.txt"), "w") as file:
            file.write("the user's own")
        shutil.copytree(self.path("out"), self.path("old"))
        with program.tempfile.NamedTemporaryFile() as file:
            code, _, err = self.run_program(*words, "--force", environment=program.faults(FAULTS, "write", what="kill", count=file.name))
            self.assertEqual(code, 0, err)
            calls = int(file.read())
        shutil.move(self.path("out"), self.path("new"))
        self.assertTrue(os.path.exists(self.path("new/notes.txt")))
        self.assertFalse(os.path.exists(self.path("out.partial")))
        names, seen = sorted(set(os.listdir(self.path("new"))) - TOLD), set()
        for moment in range(calls - 33, calls + 1, 3):
            shutil.rmtree(self.path("out"), ignore_errors=True)
            shutil.copytree(self.path("old"), self.path("out"))
            process = self.start(*words, "--force", environment=program.faults(FAULTS, "write", moment, "kill"))
            process.communicate(timeout=60)
            with open(self.path("out/trained.onnx"), "rb") as file, open(self.path("old/trained.onnx"), "rb") as old:
                which = "old" if file.read() == old.read() else "new"
            self.same(which, "out", names)
            seen.add(which)
            if os.path.exists(self.path("out.partial")):
                self.succeed(*words, "--resume", "--force")  # goes on, or begins anew: in any case the new files
                self.same("new", "out", names)
        self.assertEqual(seen, {"old", "new"})

    def test_a_folder_that_cannot_be_exchanged_is_filled_file_by_file(self):
        os.makedirs(self.path("out/mine"))
        with open(self.path("out/folded.onnx"), "w") as file:
            file.write("old")
        self.succeed(*self.words, "--force")
        self.assertTrue(os.path.isdir(self.path("out/mine")))
        self.assertGreater(os.path.getsize(self.path("out/folded.onnx")), 1000)
        shutil.move(self.path("out"), self.path("elsewhere"))
        os.symlink("elsewhere", self.path("out"))
        self.succeed(*self.words, "--force")
        self.assertTrue(os.path.islink(self.path("out")))
        self.assertFalse(os.path.exists(self.path("out.partial")))

    def test_the_training_goes_on_where_it_stood(self):
        self.assertFalse(self.life(self.words, moment=3000))
        code, _, err = self.run_program(*self.words[:-1], "--resume")
        self.assertEqual(code, 0, err)
        self.assertRegex(err, r"resuming from 'out.partial/checkpoint.safetensors' at step \d")

    def test_a_run_that_was_cut_short_is_not_thrown_away(self):
        self.assertFalse(self.life(self.words, moment=3000))
        self.fail_with(1, "--resume continues it, --force starts anew", *self.words[:-1])
        self.fail_with(1, "with other options", *self.words[:-1], "--resume", "--param-bw", "4")
        self.succeed(*self.words, "--force")
        self.assertFalse(os.path.exists(self.path("out.partial")))

    def test_what_a_killed_writer_left_goes_with_the_next_one(self):
        words = ["quantize", self.model, "-o", "sim.onnx", "--data", self.data, "-q"]
        self.assertFalse(self.life(words, moment=1))
        left = [name for name in os.listdir(self.folder) if name.startswith("sim.onnx.partial-")]
        self.assertEqual(len(left), 1)
        self.succeed(*words)
        self.assertEqual(sorted(os.listdir(self.folder)), ["model.onnx", "sim.onnx", "x.npy", "y.npy"])

    def test_two_runs_do_not_share_a_folder(self):
        process = self.start(*self.words, "--steps", "100000")
        while not os.path.exists(self.path("out.partial/options.json")):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        code, _, err = self.run_program(*self.words)
        process.kill()
        process.communicate(timeout=60)
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertIn("another run is working in 'out.partial'", err)

    def damaged(self, damage):
        """The words of a training with two checkpoints, the newest of them damaged."""
        words = ["train", self.model, "-o", "t.onnx", "--data", self.data, "--batch", "16", "--steps", "6", "--threads", "1",
                 "--checkpoint", "c", "--checkpoint-every", "1"]
        self.succeed(*words)
        shutil.move(self.path("t.onnx"), self.path("whole.onnx"))
        damage(self.path("c"))
        return words + ["--resume"]

    def test_damage_to_the_newest_checkpoint_costs_a_step(self):
        def cut(path):
            os.truncate(path, os.path.getsize(path) // 2)

        def empty(path):
            os.truncate(path, 0)

        def flip(path):
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) - 100)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 1]))

        for damage, word in ((cut, "outside the file"), (empty, "no .safetensors file"), (flip, "checksum")):
            words = self.damaged(damage)
            code, _, err = self.run_program(*words)
            self.assertEqual(code, 0, err)
            self.assertIn(word, err)
            self.assertIn("falling back to the checkpoint before it, 'c.1'", err)
            with open(self.path("whole.onnx"), "rb") as a, open(self.path("t.onnx"), "rb") as b:
                self.assertEqual(a.read(), b.read())
            for name in ("t.onnx", "c", "c.1"):
                os.unlink(self.path(name))

    def test_two_damaged_checkpoints_are_an_error(self):
        words = self.damaged(lambda path: os.truncate(path, 100))
        os.truncate(self.path("c.1"), 0)
        code, _, err = self.run_program(*words, "-q")
        self.assertEqual(code, 4, err)
        self.assertIn("no checkpoint is left to continue from", err)
        self.assertFalse(os.path.exists(self.path("t.onnx")))

    def test_a_resumed_run_says_that_its_options_are_others(self):
        words = self.damaged(lambda path: None)
        code, _, err = self.run_program(*words, "--lr", "0.5")
        self.assertEqual(code, 0, err)
        self.assertIn("was written with another learning_rate", err)


program.use_memory_for_scratch()
program.main()
