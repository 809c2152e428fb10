"""The n-th allocation, the n-th write and the n-th file of every command fails: one line, an exit code, old files as they were.

A sample of n by default: REFOLD_FAULT_SAMPLE takes another number a command and kind, REFOLD_ALL_FAULTS=1 every n (hours)."""
import contextlib
import errno
import os
import random
import resource
import subprocess
import unittest

import program
import tensorflow_maker as tf

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
    "convert": ["saved", "-o", "new.onnx"],
    "analyze": ["model.onnx", "--data", DATA, "--samples", "4", "--batch", "4", "-o", "new.json"],
    "report": ["sim.onnx", "-o", "new.html"],
    "doctor": [],
    "bench": ["model.onnx", "--modes", "infer,qat", "--batch", "2", "--repeat", "1"],
    "run": ["model.onnx", "-o", "new", *TRAIN, "--calibration-samples", "16", "--batches", "1"],
}


class CommandTest(program.ProgramTest):
    def setUp(self):
        super().setUp()
        self.tiny_model(), self.tiny_data()
        self.succeed("quantize", "model.onnx", "-o", "sim.onnx", "--data", DATA, "--calibration-samples", "16")
        self.succeed("fold", "sim.onnx", "-o", "folded.onnx")
        nodes = [tf.placeholder("x", [1, 2]), tf.node("w", "VarHandleOp", shared_name="w", dtype=tf.Type(tf.FLOAT)),
                 tf.node("r", "ReadVariableOp", ["w"]), tf.node("y", "Add", ["x", "r"])]
        model = tf.saved_model(tf.graph(nodes), {"serving_default": tf.signature({"a": "x:0"}, {"b": "y:0"})})
        tf.write_saved_model(self.path("saved"), model, {"w": ([2], [1.0, 2.0])})

    def words(self, command):
        return [command, *COMMANDS[command], "--threads", "1", "-q"]

    def remove_new(self):
        for name in os.listdir(self.folder):
            if name.startswith("new"):
                subprocess.run(["rm", "-r", self.path(name)], check=True)

    def errors(self, err):
        return [line for line in err.splitlines() if not line.startswith("refold: warning: ")]  # the report's


@unittest.skipUnless(FAULTS, "the library that injects faults is not built here (sanitizers)")
class Faults(CommandTest):
    def setUp(self):
        super().setUp()
        self.struck = 0

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
        lines = self.errors(err)
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


class Limits(CommandTest):
    @contextlib.contextmanager
    def small_folder(self, options):
        """A file system of its own in `small`; only root may make one."""
        os.makedirs(self.path("small"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", self.path("small")], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("only root may mount a small folder")
        try:
            yield
        finally:
            subprocess.run(["umount", self.path("small")], check=True)

    def every_command_fails_in_small(self, reason):
        for command, words in COMMANDS.items():
            if "-o" not in words and "--output" not in words:
                continue
            moved = ["small/" + word if word.startswith("new") else word for word in words]
            with self.subTest(command=command):
                self.fail_with(1, reason, command, *moved, "--threads", "1")

    def test_every_command_on_a_full_disk(self):
        with self.small_folder("size=64k"):
            with open(self.path("small/filler"), "wb", buffering=0) as file, self.assertRaises(OSError):
                while True:
                    file.write(bytes(4096))
            self.every_command_fails_in_small("No space left on device")

    def test_every_command_in_a_folder_that_may_not_be_written(self):
        with self.small_folder("ro,size=64k"):
            self.every_command_fails_in_small("small")

    def test_every_command_whose_input_has_gone(self):
        for command, words in COMMANDS.items():
            if command in ("zoo", "doctor"):
                continue
            with self.subTest(command=command):
                gone = ["gone" if word == words[0] else word for word in words]
                self.fail_with(3, "gone", command, *gone, "--threads", "1")
                if DATA in words:
                    gone = ["npy:gone.npy" if word == DATA else word for word in words]
                    self.fail_with(4, "gone.npy", command, *gone, "--threads", "1")

    def test_every_command_whose_reader_has_gone(self):
        """What was written by then is whole; standard output that takes nothing ends in one line all the same."""
        for command in COMMANDS:
            with self.subTest(command=command):
                _, out, _ = self.run_program(*self.words(command), "--json")
                self.assertTrue(out)
                self.remove_new()
                for full in (False, True):
                    read, write = os.pipe()
                    os.close(read)
                    target = os.open("/dev/full", os.O_WRONLY) if full else write
                    process = self.start(*self.words(command), "--json", stdout=target)
                    err = process.communicate(timeout=60)[1]
                    os.close(write)
                    if full:
                        os.close(target)
                    self.assertEqual((process.returncode, len(self.errors(err))), (1, 1), f"{command}: {err}")
                    left = [name for name in os.listdir(self.folder) if ".partial" in name]
                    self.assertEqual(left, [])
                    self.remove_new()

    def test_a_file_that_may_not_grow(self):
        self.fail_with(1, "new.onnx", "quantize", "model.onnx", "-o", "new.onnx", "--data", DATA,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))

    def test_a_log_on_a_full_disk_is_told(self):
        code, out, err = self.run_program("inspect", "model.onnx", "--log", "/dev/full", "-q")
        self.assertEqual((code, err.count("\n")), (0, 0), err)  # nothing to log
        code, out, err = self.run_program("evaluate", "model.onnx", "--data", DATA, "--log", "/dev/full", "-q")
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertIn("--log '/dev/full': No space left on device", err)

    def test_a_picture_that_leads_nowhere(self):
        for name in ("a", "b"):
            os.makedirs(self.path(f"pictures/{name}"))
            program.write_png(self.path(f"pictures/{name}/1.png"), 8, 8, [0] * 64)
        os.symlink("nowhere.png", self.path("pictures/a/2.png"))
        self.fail_with(4, "2.png", "evaluate", "model.onnx", "--data", "pictures")

program.use_memory_for_scratch()
program.main()
