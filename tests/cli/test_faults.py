"""The n-th allocation, the n-th write and the n-th file of every command fails: one line, an exit code, old files as they were.

A sample of n by default: REFOLD_FAULT_SAMPLE takes another number a command and kind, REFOLD_ALL_FAULTS=1 every n (hours)."""
import errno
import os
import random
import resource
import subprocess
import unittest

import program

FAULTS = os.environ.get("REFOLD_FAULTS", "")
SAMPLE = int(os.environ.get("REFOLD_FAULT_SAMPLE", "0"))
ALL = bool(os.environ.get("REFOLD_ALL_FAULTS"))
DATA = "npy:x.npy,y.npy"
TRAIN = ["--data", DATA, "--batch", "16", "--steps", "1"]
COMMANDS = {
    "zoo": ["resnet20", "--width", "0.25", "--input", "1x8x8", "--classes", "3", "-o", "new.onnx"],
    "inspect": ["model.onnx"],
    "quantize": ["model.onnx", "-o", "new.onnx", "--data", DATA, "--calibration-samples", "16"],
    "train": ["sim.onnx", "-o", "new.onnx", *TRAIN],
    "reestimate": ["sim.onnx", "-o", "new.onnx", "--data", DATA, "--batch", "16", "--batches", "1"],
    "fold": ["sim.onnx", "-o", "new.onnx"],
    "export": ["folded.onnx", "-o", "new"],
    "evaluate": ["model.onnx", "--data", DATA],
    "infer": ["model.onnx", "--input", "x.npy", "--output", "new.npy"],
    "compare": ["model.onnx", "sim.onnx", "--data", DATA],
    "encodings": ["sim.onnx"],
    "run": ["model.onnx", "-o", "new", *TRAIN, "--calibration-samples", "16", "--batches", "1"],
}


@unittest.skipUnless(FAULTS, "the library that injects faults is not built here (sanitizers)")
class Faults(program.ProgramTest):
    def setUp(self):
        super().setUp()
        self.tiny_model(), self.tiny_data()
        self.succeed("quantize", "model.onnx", "-o", "sim.onnx", "--data", DATA, "--calibration-samples", "16")
        self.succeed("fold", "sim.onnx", "-o", "folded.onnx")

        self.struck = 0

    def words(self, command):
        return [command, *COMMANDS[command], "--threads", "1", "-q"]

    def remove_new(self):
        for name in os.listdir(self.folder):
            if name.startswith("new"):
                subprocess.run(["rm", "-r", self.path(name)], check=True)

    def partial(self):
        return os.listdir(self.path("new.partial")) if os.path.isdir(self.path("new.partial")) else []

    def remove_whole(self):
        """Removes new outputs that are those of the command when nothing fails."""
        for name in self.made:
            if os.path.isfile(self.path(name)):
                with open(self.path(name), "rb") as file:
                    if file.read() == self.made[name]:
                        os.unlink(self.path(name))

    def read_new(self):
        made = {}
        for name in os.listdir(self.folder):
            if name.startswith("new") and os.path.isfile(self.path(name)):
                with open(self.path(name), "rb") as file:
                    made[name] = file.read()
        return made

    def count(self, command, call):
        with program.tempfile.NamedTemporaryFile() as file:
            code, _, err = self.run_program(*self.words(command), environment=program.faults(FAULTS, call, count=file.name))
            self.assertEqual(code, 0, err)
            file.seek(0)
            self.made = self.read_new()
            self.remove_new()
            return int(file.read())

    def strike(self, command, call, at, what):
        before = program.listing(self.folder)
        code, out, err = self.run_program(*self.words(command), environment=program.faults(FAULTS, call, at, what))
        self.struck += 1
        label = f"{command}, {call} {at} ({what}): exit code {code}, {err!r}"
        if code == 0 and what == "once" and call == "alloc":  # what the program can do without
            self.remove_new()
            return
        if code == 0 and "the run is complete but for its report" in err:
            self.remove_new()
            return
        self.assertIn(code, (1, 3, 4), label)
        lines = [line for line in err.splitlines() if not line.startswith("refold: warning: ")]  # the report's
        self.assertEqual(len(lines), 1, label)
        self.assertTrue(lines[0].startswith("refold: error: "), label)
        if any(name.startswith("checkpoint.safetensors") for name in self.partial()):  # what was trained stays
            self.remove_new()
        if call == "alloc":  # it may strike when the output is there, whole
            self.remove_whole()
        self.assertEqual(program.listing(self.folder), before, label)

    def sweep(self, call, what, sample):
        chance = random.Random(5)
        for command in COMMANDS:
            count = self.count(command, call)
            few = sorted({1, count} | {chance.randint(1, max(count, 1)) for _ in range(SAMPLE or sample)})
            for at in range(1, count + 1) if ALL else [n for n in few if 1 <= n <= count]:
                with self.subTest(command=command, call=call, at=at):
                    self.strike(command, call, at, what)
        print(f"{self.struck} faults", file=program.sys.stderr)

    def test_the_nth_write_finds_the_disk_full(self):
        self.sweep("write", errno.ENOSPC, 1)

    def test_the_nth_file_cannot_be_opened(self):
        self.sweep("open", errno.EACCES, 0)

    def test_the_nth_allocation_fails(self):
        self.sweep("alloc", "once", 3)

    def test_an_old_output_survives_a_full_disk(self):
        with open(self.path("old.onnx"), "wb") as file:
            file.write(b"precious")
        words = ["quantize", "model.onnx", "-o", "old.onnx", "--data", DATA, "--force"]
        for at in range(1, 4):
            self.fail_with(1, "old.onnx", *words, environment=program.faults(FAULTS, "write", at, errno.ENOSPC))
            with open(self.path("old.onnx"), "rb") as file:
                self.assertEqual(file.read(), b"precious")


class Limits(program.ProgramTest):
    def setUp(self):
        super().setUp()
        self.tiny_model(), self.tiny_data()

    def test_a_file_that_may_not_grow(self):
        self.fail_with(1, "new.onnx", "quantize", "model.onnx", "-o", "new.onnx", "--data", DATA,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))

    def test_a_folder_that_is_full(self):
        small = self.path("small")
        os.makedirs(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("only root may mount a small folder")
        try:
            self.fail_with(1, "No space left", "quantize", "model.onnx", "-o", "small/new.onnx", "--data", DATA)
            self.fail_with(1, "No space left", "run", "model.onnx", "-o", "small/new", *TRAIN)
        finally:
            subprocess.run(["umount", small], check=True)

    def test_a_log_on_a_full_disk_is_told(self):
        code, out, err = self.run_program("inspect", "model.onnx", "--log", "/dev/full", "-q")
        self.assertEqual((code, err.count("\n")), (0, 0), err)  # nothing to log
        code, out, err = self.run_program("evaluate", "model.onnx", "--data", DATA, "--log", "/dev/full", "-q")
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertIn("--log '/dev/full': No space left on device", err)

    def test_standard_output_that_is_full_or_closed(self):
        with open("/dev/full", "w") as full:
            process = self.start("inspect", "model.onnx", stdout=full)
            err = process.communicate(timeout=60)[1]
            self.assertEqual((process.returncode, err.count("\n")), (1, 1), err)
        read, write = os.pipe()
        os.close(read)
        process = self.start("encodings", "model.onnx", "--help", stdout=write)
        os.close(write)
        err = process.communicate(timeout=60)[1]
        self.assertEqual((process.returncode, err.count("\n")), (1, 1), err)

    def test_inputs_that_vanish_or_lead_nowhere(self):
        for name in ("a", "b"):
            os.makedirs(self.path(f"pictures/{name}"))
            program.write_png(self.path(f"pictures/{name}/1.png"), 8, 8, [0] * 64)
        os.symlink("nowhere.png", self.path("pictures/a/2.png"))
        self.fail_with(4, "2.png", "evaluate", "model.onnx", "--data", "pictures")
        self.fail_with(3, "gone.onnx", "evaluate", "gone.onnx", "--data", DATA)
        self.fail_with(4, "gone.npy", "evaluate", "model.onnx", "--data", "npy:gone.npy")



program.use_memory_for_scratch()
program.main()
